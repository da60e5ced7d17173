# SPDX-License-Identifier: Apache-2.0
"""Deleting a backup."""

import typing

import sqlalchemy as sa

from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup.db import rows
from manila_backup.db import transitions
from manila_backup.engine.tasks import base
from manila_backup.engine.tasks import preconditions
from manila_backup import messages
from manila_backup import states
from manila_backup import status_codes
from manila_backup.telemetry import usage


def begin(conn: sa.Connection, backup: base.Row) -> None:
    """Claim a backup to be deleted."""
    preconditions.claim_backup(conn, backup, states.Backup.DELETING)


class BackupDelete(base.BackupTask):

    needs_share = False

    action = messages.Action.DELETE

    def failure(self) -> messages.Detail:
        return messages.Detail.NOT_DELETED

    def work(self) -> base.Call:
        return self._prepared().delete, (self.place,)

    def succeeded(self, conn: sa.Connection, result: typing.Any) -> None:
        backup = db_backups.get(conn, self.backup.id)
        if backup is not None:
            # For audits of periods in which it still was there.
            rows.update(conn, db_operations.TABLE, self.operation.id, {
                'options': {**(self.operation.options or {}),
                            states.DELETED: usage.facts(backup)}})
        transitions.remove(conn, db_backups.TABLE, self.backup.id)

    def failed(self, conn: sa.Connection, reason: str,
               code: str = status_codes.StatusCode.FAILED) -> None:
        self._set_backup(conn, states.Backup.ERROR_DELETING,
                         states.Backup.DELETING,
                         fail_reason=reason, status_code=code)
