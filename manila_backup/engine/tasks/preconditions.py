# SPDX-License-Identifier: Apache-2.0
"""Claiming a share or a backup for an operation: what several tasks begin
with.

All are called inside the transaction that lets a request in. Rows are locked
in one order everywhere, here and in the worker:
:data:`manila_backup.db.locking.ORDER`.
"""

import typing

import sqlalchemy as sa

from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup.db import shares as db_shares
from manila_backup.db import transitions
from manila_backup.engine.tasks import refusals
from manila_backup import exception
from manila_backup import states

#: A row, whose attributes are its columns.
Row: typing.TypeAlias = typing.Any

#: What no other operation may go on beside on the same share: it makes, uses
#: or removes all that is in it.
_ALONE = (states.Kind.BACKUP_CREATE, states.Kind.BACKUP_RESTORE,
          states.Kind.SHARE_CREATE, states.Kind.SHARE_MANAGE,
          states.Kind.SHARE_DELETE)


def claim_share(conn: sa.Connection, share: Row, status: states.Share,
                busy: type[exception.ManilaBackupError] = exception.Conflict
                ) -> Row:
    """Change a share's status as the table of transitions allows.

    :param busy: the error if it is in the middle of another change.
    :returns: the row as it is now, locked.
    """
    _check_share(share, status, busy)
    if not transitions.change(conn, db_shares.TABLE, share.id, status):
        raise share_conflict(share)
    return db_shares.get(conn, share.id)


def _check_share(share: Row, status: states.Share,
                 busy: type[exception.ManilaBackupError]) -> None:
    if share.status not in states.sources(status):
        error = (busy if share.status in states.SHARE_CHANGING
                 else exception.InvalidState)
        if busy is exception.Forbidden:
            error = busy
        raise error(refusals.of_share(share.id, share.status))


def claim_share_for_backup(conn: sa.Connection, share: Row,
                           status: states.Share) -> Row:
    """Change a share's status for what uses all of it.

    Its status says that nothing else does, unless an administrator has set
    it.

    :returns: the row as it is now, locked.
    """
    share = claim_share(conn, share, status)
    if db_shares.count_snapshots(conn, share.id, states.Snapshot.CREATING):
        raise _snapshot_is_made(share)
    if db_operations.count_unfinished_of_share(conn, share.id, _ALONE):
        raise _still_busy(share)
    return share


def find_unclaimable(conn: sa.Connection, shares: list[Row],
                     status: states.Share
                     ) -> dict[str, exception.ManilaBackupError]:
    """Find those of many shares that :func:`claim_share_for_backup` would
    refuse.

    :param shares: their rows, locked.
    :returns: dict of a share's id to the error.
    """
    found: dict[str, exception.ManilaBackupError] = {}
    ids = [share.id for share in shares]
    made = db_shares.with_snapshots(conn, ids, states.Snapshot.CREATING)
    busy = db_operations.unfinished_of_shares(conn, ids, _ALONE)
    for share in shares:
        try:
            _check_share(share, status, exception.Conflict)
        except exception.ManilaBackupError as exc:
            found[share.id] = exc
            continue
        if share.id in made:
            found[share.id] = _snapshot_is_made(share)
        elif share.id in busy:
            found[share.id] = _still_busy(share)
    return found


def check_no_dependants(conn: sa.Connection, share: Row, what: str) -> None:
    """Raise Forbidden (what Manila's clients expect) if something hangs on
    the share. Its row is locked by now: a backup of it is either seen here or
    not let in.

    :param what: str, what is to be done to it: ``deleted``.
    """
    for count, name in (
            (db_backups.count_of_share(conn, share.id), 'backups'),
            (db_shares.count_snapshots(conn, share.id), 'snapshots')):
        if count:
            raise exception.Forbidden(
                f'Share {share.id} has {count} {name} and can\'t be '
                f'{what}: delete them first.')
    # One that is left would look for its share in vain.
    if db_operations.count_unfinished_of_share(conn, share.id):
        raise _still_busy(share)


def share_conflict(share: Row) -> exception.Conflict:
    """The error for a request about a share that lost a race."""
    return exception.Conflict(
        f'Share {share.id} is being changed by another request.')


def _snapshot_is_made(share: Row) -> exception.Conflict:
    return exception.Conflict(
        f'A snapshot of share {share.id} is being made.')


def _still_busy(share: Row) -> exception.Conflict:
    return exception.Conflict(
        f'An operation on share {share.id} has not ended yet.')


def claim_backup(conn: sa.Connection, backup: Row, status: states.Backup,
                 **values: typing.Any) -> None:
    """Change a backup's status as the table of transitions allows.

    :param values: further columns to set.
    """
    check_backup(backup, status)
    if not transitions.change(conn, db_backups.TABLE, backup.id, status,
                              values):
        raise backup_conflict(backup)


def check_backup(backup: Row, status: states.Backup) -> None:
    """Raise InvalidState unless a backup's status may become another one."""
    if backup.status not in states.sources(status):
        raise exception.InvalidState(
            refusals.of_backup(backup.id, backup.status))


def backup_conflict(backup: Row) -> exception.Conflict:
    """The error for a request about a backup that lost a race."""
    return exception.Conflict(
        f'Share backup {backup.id} is being changed by another request.')
