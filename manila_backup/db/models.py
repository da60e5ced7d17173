# SPDX-License-Identifier: Apache-2.0
"""The tables, by their names.

They are described in :mod:`manila_backup.db.tables`. Queries are written
against them and return plain rows: nothing loads lazily, and a row outlives
its transaction. A row that is deleted is gone; what was done to it stays in
``operations`` until ``db purge``.
"""

from manila_backup.db.tables import backups as _backups
from manila_backup.db.tables import columns
from manila_backup.db.tables import policies as _policies
from manila_backup.db.tables import processes as _processes
from manila_backup.db.tables import projects as _projects
from manila_backup.db.tables import shares as _shares

MAX_PATH = columns.MAX_PATH
MAX_VALUE = columns.MAX_VALUE
Base = columns.Base

share_types = _shares.ShareType.__table__
shares = _shares.Share.__table__
snapshots = _shares.Snapshot.__table__
access_rules = _shares.AccessRule.__table__
share_backups = _backups.ShareBackup.__table__
share_backup_metadata = _backups.ShareBackupMetadata.__table__
operations = _backups.Operation.__table__
backup_policies = _policies.BackupPolicy.__table__
backup_policy_rules = _policies.BackupPolicyRule.__table__
backup_policy_assignments = _policies.BackupPolicyAssignment.__table__
backup_runs = _policies.BackupRun.__table__
services = _processes.Service.__table__
service_hosts = _processes.ServiceHost.__table__
repositories = _processes.Repository.__table__
quotas = _projects.Quota.__table__
default_quotas = _projects.DefaultQuota.__table__
project_locks = _projects.ProjectLock.__table__
named_locks = _processes.NamedLock.__table__
daily_budgets = _processes.DailyBudget.__table__
places = _processes.Place.__table__
messages = _projects.Message.__table__
write_receipts = _processes.WriteReceipt.__table__
