# SPDX-License-Identifier: Apache-2.0
"""The order in which a transaction locks rows, as data.

A row is locked by ``SELECT ... FOR UPDATE``, by a change or its removal, and,
as the parent of a foreign key, by inserting or changing a row that refers to
it. Transactions that all lock in one order can't wait for one another in a
circle, which the database would end by failing one of them.

Inserting a row has no place in the order: nobody else can have locked it.
"""

from manila_backup.db import models

#: The tables, those first whose rows are locked first. Within a table, rows
#: are locked in the order of their ids. The worker begins all its transactions
#: with the operation that it holds the lease of, and so an operation comes
#: before what it is about. A table comes after those that it refers to:
#: removing a row looks for those that refer to it.
ORDER = (
    models.write_receipts,
    models.project_locks,
    models.operations,
    models.share_types,
    models.shares,
    models.snapshots,
    models.share_backups,
    models.share_backup_metadata,
    models.access_rules,
    models.backup_policies,
    models.backup_policy_rules,
    models.backup_policy_assignments,
    models.backup_runs,
    models.quotas,
    models.default_quotas,
    models.named_locks,
    models.daily_budgets,
    models.places,
    models.service_hosts,
    models.services,
    models.repositories,
    models.messages,
)
