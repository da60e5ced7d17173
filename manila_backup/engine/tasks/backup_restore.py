# SPDX-License-Identifier: Apache-2.0
"""Making a share equal to a backup, or restoring chosen paths of it."""

from collections import abc as collections_abc
import os
import typing

import sqlalchemy as sa

from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup.db import places as db_places
from manila_backup.db import rows
from manila_backup.drivers import base as drivers
from manila_backup.engine import child
from manila_backup.engine.tasks import base
from manila_backup.engine.tasks import preconditions
from manila_backup import exception
from manila_backup import messages
from manila_backup.path_restore import selection
from manila_backup import private
from manila_backup import quoting
from manila_backup import states
from manila_backup import status_codes


#: What the options of a restore of paths that has ended well have its
#: numbers as.
RESTORED = 'restored'

#: A dry run of a restore of all, and of one of paths.
WHOLE, PATHS = 'all', 'paths'

#: What the options have in the restore to a share that is made for it.
MAKES_SHARE = 'makes_share'


def begin(conn: sa.Connection, backup: base.Row, share: base.Row,
          whole: bool = True) -> str | None:
    """Claim a backup and the share to restore it to.

    :param share: its row, locked: what its status is now it may have to be
        again.
    :param whole: bool, whether all of the backup is to be restored.
    :returns: what the share's status was: None for available.
    """
    if whole:
        _check_fits(backup, share)
    preconditions.check_backup(backup, states.Backup.RESTORING)
    was = None if share.status == states.Share.AVAILABLE else share.status
    share = preconditions.claim_share_for_backup(
        conn, share, states.Share.BACKUP_RESTORING)
    if whole:
        # It may have been shrunk just then.
        _check_fits(backup, share)
    preconditions.claim_backup(conn, backup, states.Backup.RESTORING,
                               restore_progress=0, status_code=None)
    return was


def begin_dry_run(conn: sa.Connection, backup: base.Row, share: base.Row
                  ) -> str | None:
    """Claim a backup and the share that it would be restored to.

    :returns: as of :func:`begin`.
    """
    preconditions.check_backup(backup, states.Backup.RESTORING)
    was = None if share.status == states.Share.AVAILABLE else share.status
    preconditions.claim_share_for_backup(
        conn, share, states.Share.BACKUP_RESTORING)
    preconditions.claim_backup(conn, backup, states.Backup.RESTORING)
    return was


def begin_new(conn: sa.Connection, backup: base.Row, size: int) -> None:
    """Claim a backup to be restored to a share that is yet to be made.

    :param size: int, GiB, of the share.
    """
    if size < backup.size:
        raise exception.InvalidInput(
            f'size: a share of {size} GiB is smaller than the backup, of '
            f'{backup.size} GiB.')
    preconditions.claim_backup(conn, backup, states.Backup.RESTORING,
                               restore_progress=0, status_code=None)


def _check_fits(backup: base.Row, share: base.Row) -> None:
    if share.size < backup.size:
        raise exception.InvalidInput(
            f'Share {share.id} of {share.size} GiB is smaller than the '
            f'backup, of {backup.size} GiB.')


class BackupRestore(base.ShareUsingTask):

    read_only = False
    changes_share = True

    action = messages.Action.RESTORE_BACKUP

    options = base.ShareUsingTask.options | {
        'source_share_id', 'paths', 'target_path', 'conflict', RESTORED,
        MAKES_SHARE, states.DRY_RUN, states.FOUND}

    def __init__(self, *args: typing.Any) -> None:
        super().__init__(*args)
        asked = self.operation.options or {}
        #: What of a restore it is to be told that it would do: ``paths`` or
        #: ``all``; None to restore.
        self.dry_run = asked.get(states.DRY_RUN)
        self.looks_only = self.read_only = bool(self.dry_run)
        self.changes_share = not self.dry_run

    @property
    def makes_share(self) -> bool:
        """Tell whether the share is made first: then it is nobody's to use
        before all is restored."""
        return bool((self.operation.options or {}).get(MAKES_SHARE))

    def unknown(self) -> collections_abc.Iterator[tuple[
            collections_abc.Callable[..., typing.Any],
            tuple[typing.Any, ...],
            collections_abc.Callable[[typing.Any], None]]]:
        is_made = not self.makes_share or self.share.identity is not None
        # Before it is made, there is nothing to be noted of it.
        self.identifies = is_made
        yield from super().unknown()
        if not is_made:
            yield self.tools.source.create, (self.ref,), self._note_made

    def _note_made(self, identity: dict[str, typing.Any]) -> None:
        # Two attempts may both have got to making it: the first counts.
        self.share = self.tools.database.write(
            db_places.note_share, self.share.id, identity) or self.share

    @property
    def chosen(self) -> selection.Selection | None:
        """The paths that are to be restored; None for all of the backup."""
        asked = self.operation.options or {}
        if 'paths' not in asked:
            return None
        target = asked.get('target_path')
        return selection.Selection(
            tuple(map(quoting.unquote, asked['paths'])),
            None if target is None else quoting.unquote(target),
            selection.Conflict(asked['conflict']), self.operation.id)

    def leave_message(self, conn: sa.Connection, status: states.Operation,
                      outcome: typing.Any) -> None:
        if not self.dry_run:
            super().leave_message(conn, status, outcome)

    def shortcoming(self,
                    outcome: drivers.Result) -> messages.Detail | None:
        return (messages.Detail.RESTORED_INCOMPLETELY
                if outcome.problem_count else None)

    def failure(self) -> messages.Detail:
        if self.harmless:
            return messages.Detail.NOTHING_RESTORED
        return (messages.Detail.PARTLY_RESTORED if self.chosen is None
                else messages.Detail.PATHS_NOT_RESTORED)

    @property
    def progress(self) -> int:
        return int(self.backup.restore_progress)

    def work(self) -> base.Call:
        driver, chosen = self._prepared(), self.chosen
        to = driver, self.tools.source, self.ref, self.job, self.place
        if chosen is None:
            return child.restore, to
        folder = os.path.join(self.tools.conf.state_path, 'contents')
        private.make_directories(folder)
        if self.dry_run:
            return child.preview_restore, (*to, chosen, folder,
                                           self.dry_run == WHOLE)
        return child.restore_paths, (*to, chosen, folder)

    def clean(self) -> base.Call | None:
        chosen = self.chosen
        if chosen is None or self.share is None or self.dry_run:
            return None
        return child.clean_share, (self.tools.source, self.ref, self.job,
                                   chosen)

    def note_progress(self, conn: sa.Connection, percent: int) -> None:
        if self.dry_run:
            return
        rows.update(conn, db_backups.TABLE, self.backup.id,
                    {'restore_progress': percent},
                    status=states.Backup.RESTORING)

    def succeeded(self, conn: sa.Connection, result: typing.Any) -> None:
        if self.dry_run:
            self._note(conn, {states.FOUND: result})
            self._leave(conn)
            return
        if self.chosen is None:
            base.set_share(conn, self.operation, states.Share.AVAILABLE,
                           states.Share.CREATING if self.makes_share
                           else states.Share.BACKUP_RESTORING)
        else:
            self.undo(conn, self.operation)
            self._note(conn, {RESTORED: result.restored})
        self._set_backup(
            conn, states.Backup.AVAILABLE, states.Backup.RESTORING,
            restore_progress=100, fail_reason=base.problems(result))

    def _note(self, conn: sa.Connection, values: dict[str, typing.Any]
              ) -> None:
        """Add to the operation's options."""
        rows.update(conn, db_operations.TABLE, self.operation.id,
                    {'options': {**self.operation.options, **values}})

    def _leave(self, conn: sa.Connection) -> None:
        """Leave share and backup as they were."""
        self.undo(conn, self.operation)
        self._set_backup(conn, states.Backup.AVAILABLE,
                         states.Backup.RESTORING)

    def failed(self, conn: sa.Connection, reason: str,
               code: str = status_codes.StatusCode.FAILED) -> None:
        if self.dry_run:
            self._leave(conn)
            return
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
        # nothing was written, or each file was by itself.
        if self.harmless or self.makes_share or self.chosen is not None:
            self.undo(conn, self.operation)
        else:
            base.set_share(conn, self.operation,
                           states.Share.BACKUP_RESTORING_ERROR,
                           states.Share.BACKUP_RESTORING)

    @classmethod
    def undo(cls, conn: sa.Connection, operation: base.Row) -> None:
        if (operation.options or {}).get(MAKES_SHARE):
            base.set_share(conn, operation, states.Share.ERROR,
                           states.Share.CREATING)
            return
        base.set_share(conn, operation,
                       states.before_restore(operation.share_was),
                       states.Share.BACKUP_RESTORING)
