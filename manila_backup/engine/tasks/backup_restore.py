# SPDX-License-Identifier: Apache-2.0
"""Making a share equal to a backup."""

import typing

import sqlalchemy as sa

from manila_backup.db import backups as db_backups
from manila_backup.db import rows
from manila_backup.drivers import base as drivers
from manila_backup.engine import child
from manila_backup.engine.tasks import base
from manila_backup.engine.tasks import preconditions
from manila_backup import exception
from manila_backup import messages
from manila_backup import states
from manila_backup import status_codes


def begin(conn: sa.Connection, backup: base.Row,
          share: base.Row) -> str | None:
    """Claim a backup and the share to restore it to.

    :param share: its row, locked: what its status is now it may have to be
        again.
    :returns: what the share's status was: None for available.
    """
    _check_fits(backup, share)
    preconditions.check_backup(backup, states.Backup.RESTORING)
    was = None if share.status == states.Share.AVAILABLE else share.status
    share = preconditions.claim_share_for_backup(
        conn, share, states.Share.BACKUP_RESTORING)
    # It may have been shrunk just then.
    _check_fits(backup, share)
    preconditions.claim_backup(conn, backup, states.Backup.RESTORING,
                               restore_progress=0, status_code=None)
    return was


def _check_fits(backup: base.Row, share: base.Row) -> None:
    if share.size < backup.size:
        raise exception.InvalidInput(
            f'Share {share.id} of {share.size} GiB is smaller than the '
            f'backup, of {backup.size} GiB.')


class BackupRestore(base.ShareUsingTask):

    read_only = False
    changes_share = True

    action = messages.Action.RESTORE_BACKUP

    def shortcoming(self,
                    outcome: drivers.Result) -> messages.Detail | None:
        return (messages.Detail.RESTORED_INCOMPLETELY
                if outcome.problem_count else None)

    def failure(self) -> messages.Detail:
        return (messages.Detail.NOTHING_RESTORED if self.harmless
                else messages.Detail.PARTLY_RESTORED)

    options = base.ShareUsingTask.options | {'source_share_id'}

    @property
    def progress(self) -> int:
        return int(self.backup.restore_progress)

    def work(self) -> base.Call:
        return child.restore, (
            self._prepared(), self.tools.source,
            self.ref, self.job, self.place)

    def note_progress(self, conn: sa.Connection, percent: int) -> None:
        rows.update(conn, db_backups.TABLE, self.backup.id,
                    {'restore_progress': percent},
                    status=states.Backup.RESTORING)

    def succeeded(self, conn: sa.Connection, result: typing.Any) -> None:
        base.set_share(conn, self.operation, states.Share.AVAILABLE,
                       states.Share.BACKUP_RESTORING)
        self._set_backup(
            conn, states.Backup.AVAILABLE, states.Backup.RESTORING,
            restore_progress=100, fail_reason=base.problems(result))

    def failed(self, conn: sa.Connection, reason: str,
               code: str = status_codes.StatusCode.FAILED) -> None:
        self._leave_share(conn)
        found = ({'result': states.Result.DAMAGED}
                 if code == status_codes.StatusCode.DAMAGED else {})
        self._set_backup(conn, states.Backup.AVAILABLE,
                         states.Backup.RESTORING,
                         fail_reason=reason, status_code=code, **found)

    def cancelled(self, conn: sa.Connection) -> None:
        self._leave_share(conn)

    def _leave_share(self, conn: sa.Connection) -> None:
        # It may hold neither what it did nor what the backup does, unless
        # nothing was written.
        if self.harmless:
            self.undo(conn, self.operation)
        else:
            base.set_share(conn, self.operation,
                           states.Share.BACKUP_RESTORING_ERROR,
                           states.Share.BACKUP_RESTORING)

    @classmethod
    def undo(cls, conn: sa.Connection, operation: base.Row) -> None:
        base.set_share(conn, operation,
                       states.before_restore(operation.share_was),
                       states.Share.BACKUP_RESTORING)
