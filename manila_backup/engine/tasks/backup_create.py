# SPDX-License-Identifier: Apache-2.0
"""Backing a share up."""

import typing

import sqlalchemy as sa

from manila_backup.db import backups as db_backups
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup.db import sqltime
from manila_backup.drivers import base as drivers
from manila_backup.engine import child
from manila_backup.engine import records
from manila_backup.engine.tasks import base
from manila_backup.engine.tasks import preconditions
from manila_backup import exception
from manila_backup import messages
from manila_backup import states
from manila_backup import status_codes


def begin(conn: sa.Connection, share: base.Row) -> base.Row:
    """Claim a share to be backed up.

    :returns: its row, locked.
    """
    share = preconditions.claim_share_for_backup(
        conn, share, states.Share.BACKUP_CREATING)
    if db_shares.count_snapshots(conn, share.id):
        raise _has_snapshots(share)
    return share


def find_refused(conn: sa.Connection, shares: list[base.Row]
                 ) -> dict[str, exception.ManilaBackupError]:
    """Find those of many shares that :func:`begin` would refuse.

    :param shares: their rows, locked.
    :returns: dict of a share's id to the error.
    """
    having = db_shares.with_snapshots(conn, [share.id for share in shares])
    return {**{share.id: _has_snapshots(share) for share in shares
               if share.id in having},
            **preconditions.find_unclaimable(conn, shares,
                                             states.Share.BACKUP_CREATING)}


def _has_snapshots(share: base.Row) -> exception.InvalidState:
    return exception.InvalidState(
        f'Share {share.id} has snapshots; a share with snapshots can\'t be '
        f'backed up.')


class BackupCreate(base.ShareUsingTask):

    action = messages.Action.CREATE

    def failure(self) -> messages.Detail:
        return messages.Detail.NOT_MADE

    def shortcoming(self,
                    outcome: drivers.Result) -> messages.Detail | None:
        if self._status(outcome) == states.Backup.ERROR:
            return messages.Detail.INCOMPLETE_IS_ERROR
        return messages.Detail.INCOMPLETE if outcome.problem_count else None

    def lacking(self, outcome: drivers.Result) -> dict[str, int] | None:
        if _result(outcome) != states.Result.INCOMPLETE:
            return None
        return {'missing_count': outcome.missing or 0,
                'warning_count': outcome.problem_count}

    def _status(self, report: drivers.Result) -> states.Backup:
        """Return the status of a backup that was made."""
        if (self.tools.conf.backup.incomplete == 'error'
                and _result(report) == states.Result.INCOMPLETE):
            return states.Backup.ERROR
        return states.Backup.AVAILABLE

    @property
    def progress(self) -> int:
        return int(self.backup.progress)

    def work(self) -> base.Call:
        return child.back_up, (
            self._prepared(make=True), self.tools.source,
            self.ref, self.job, self.place,
            {name: value
             for name, value in (self.operation.options or {}).items()
             if name not in self.options},
            records.of_rows(self.backup, self.share))

    def publish(self) -> None:
        self.driver.publish(self.place, self.operation.attempt)

    def discard(self) -> None:
        try:
            self.driver.discard(self.place, self.operation.attempt)
        finally:
            super().discard()

    def note_progress(self, conn: sa.Connection, percent: int) -> None:
        rows.update(conn, db_backups.TABLE, self.backup.id,
                    {'progress': percent, 'host': self.tools.host},
                    status=states.Backup.CREATING)

    def succeeded(self, conn: sa.Connection, result: typing.Any) -> None:
        self.undo(conn, self.operation)
        self._set_backup(
            conn, self._status(result), states.Backup.CREATING, progress=100,
            host=self.tools.host,
            fail_reason=base.problems(result), **self._contents(result))

    def _contents(self, report: drivers.Result) -> dict[str, typing.Any]:
        """Return what is known of a backup that was made, as columns."""
        result = _result(report)
        return {
            'result': result,
            'status_code': (status_codes.StatusCode.INCOMPLETE
                            if result == states.Result.INCOMPLETE else None),
            'entries': report.files,
            'content_bytes': report.bytes,
            'stored_bytes': report.stored_bytes,
            'warning_count': report.problem_count,
            'missing_count': report.missing,
            'taken_at': (records.moment(report.taken_at) if report.taken_at
                         else None),
            'point_in_time': report.point_in_time,
            'completed_at': sqltime.utcnow(),
        }

    def failed(self, conn: sa.Connection, reason: str,
               code: str = status_codes.StatusCode.FAILED) -> None:
        self.undo(conn, self.operation)
        self._set_backup(conn, states.Backup.ERROR, states.Backup.CREATING,
                         fail_reason=reason, status_code=code)

    def cancelled(self, conn: sa.Connection) -> None:
        self.undo(conn, self.operation)

    @classmethod
    def undo(cls, conn: sa.Connection, operation: base.Row) -> None:
        base.set_share(conn, operation, states.Share.AVAILABLE,
                       states.Share.BACKUP_CREATING)


def _result(report: drivers.Result) -> states.Result | None:
    return records.result_of(report.problem_count, report.missing)
