# SPDX-License-Identifier: Apache-2.0
"""Queries about operations, and the leases.

A lease is held by ``(id, attempt)`` together: every claim raises the attempt,
so whoever lost a lease can't change the row any more, whatever it believes.
"""

import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import sqltime
from manila_backup.db import transitions
from manila_backup import states
from manila_backup import status_codes

TABLE = models.operations
_Status = states.Operation
_UNFINISHED = [str(each) for each in _Status if each not in states.OVER]


def get(conn, operation_id):
    """The operation's row, or None."""
    return rows.get(conn, TABLE, operation_id)


def live_of_backup(conn, backup_id):
    """The live operation on a backup, locked, or None."""
    return _live(conn, TABLE.c.backup_id == backup_id)


def live_of_share(conn, share_id, kind):
    """The live operation of a kind on a share, locked, or None."""
    return _live(conn, TABLE.c.share_id == share_id,
                 TABLE.c.kind == str(kind))


def live_of_snapshot(conn, share_id, snapshot_id):
    """The live operation on a snapshot of a share, locked, or None."""
    return _live(conn, TABLE.c.share_id == share_id,
                 TABLE.c.snapshot_id == snapshot_id)


def _live(conn, *conditions):
    return conn.execute(
        sa.select(TABLE).where(TABLE.c.live == sa.true(), *conditions)
        .with_for_update()).first()


def count_unfinished_of_share(conn, share_id, kinds=tuple(states.Kind)):
    """Count the unfinished operations of some kinds on a share."""
    return rows.count(conn, TABLE, TABLE.c.share_id == share_id,
                      TABLE.c.kind.in_([str(each) for each in kinds]),
                      TABLE.c.status.in_(_UNFINISHED))


def unfinished_of_shares(conn, share_ids, kinds):
    """The ids of those of some shares on which there are unfinished
    operations of some kinds, as a set."""
    return set(conn.execute(sa.select(TABLE.c.share_id).distinct().where(
        TABLE.c.share_id.in_(share_ids),
        TABLE.c.kind.in_([str(each) for each in kinds]),
        TABLE.c.status.in_(_UNFINISHED))).scalars())


def of_backup(conn, backup_id):
    """All recorded operations on a backup, as a list of rows."""
    return conn.execute(
        sa.select(TABLE).where(TABLE.c.backup_id == backup_id)).all()


def of_snapshot(conn, share_id, snapshot_id):
    """All recorded operations on a snapshot, as a list of rows."""
    return conn.execute(
        sa.select(TABLE).where(TABLE.c.share_id == share_id,
                               TABLE.c.snapshot_id == snapshot_id)).all()


def renew(conn, held, ttl, counters, publishing=False):
    """Keep an operation's lease and note its progress.

    :param held: the row as claimed.
    :param counters: (files done, bytes done, files total, bytes total).
    :param publishing: bool, whether its result is about to be made visible.
    :returns: bool, False when it is not ours any more or was called off.
    """
    files_done, bytes_done, files_total, bytes_total = counters
    return _held(conn, held, dict(
        lease_until=sqltime.utc_in(ttl), files_done=files_done,
        bytes_done=bytes_done, files_total=files_total,
        bytes_total=bytes_total, publishing=publishing or None),
        _Status.RUNNING)


def keep_cancelled(conn, held, ttl):
    """Keep the lease of an operation that was cancelled, while what there is
    of it is removed.

    :param held: the row as claimed.
    :returns: bool, False when it is not ours any more.
    """
    return _held(conn, held, {'lease_until': sqltime.utc_in(ttl)},
                 _Status.CANCELLING)


def note_residue(conn, held):
    """Remember that an operation that we hold may leave something with an
    external share.

    :returns: bool, False when it is not ours any more or was called off.
    """
    return _held(conn, held, {'holds': True}, _Status.RUNNING)


def residue_removed(conn, operation_id):
    """Remember that nothing of an operation that is over is left there."""
    rows.update(conn, TABLE, operation_id, {'holds': None},
                status=states.OVER)


def with_residue(conn):
    """Operations that are over and may have left something, as a list of
    rows."""
    return conn.execute(sa.select(TABLE).where(
        TABLE.c.holds == sa.true(),
        TABLE.c.status.in_([str(each) for each in states.OVER]))).all()


def finish(conn, held, status, error=None, **values):
    """End an operation that we hold.

    :param status: DONE, FAILED or CANCELLED.
    :param values: further columns to set.
    :returns: bool, False when it is not ours any more.
    """
    was = [old for old in states.sources(status) if old != _Status.QUEUED]
    return transitions.change(
        conn, TABLE, held.id, status,
        dict(live=None, lease_until=None, error=error,
             finished_at=sqltime.utcnow(), publishing=None, **values),
        old=was, attempt=held.attempt, worker=held.worker)


def release(conn, held, delay=0.0, failed=False, error=None, code=None,
            harmless=False):
    """Put an operation that we hold back into the queue.

    :param delay: float, seconds before it may be claimed again.
    :param failed: bool, whether the attempt counts as a failed one.
    :param code: a :class:`manila_backup.status_codes.StatusCode`: why.
    :param harmless: bool, whether it is known that it has not changed the
        share, nor has any before it.
    :returns: bool, False when it is not ours any more or was called off.
    """
    return transitions.change(
        conn, TABLE, held.id, _Status.QUEUED,
        dict(lease_until=None, worker=None,
             failures=TABLE.c.failures + int(failed), error=error,
             status_code=code, publishing=None,
             harmless_attempt=held.attempt if harmless else None,
             not_before=sqltime.utc_in(delay) if delay else None),
        old=_Status.RUNNING, attempt=held.attempt, worker=held.worker)


def _held(conn, held, values, status):
    return rows.update(conn, TABLE, held.id, values, status=status,
                       attempt=held.attempt, worker=held.worker)


def cancel(conn, row, code=status_codes.StatusCode.RESET):
    """Call off a live operation (locked before).

    :param code: a :class:`manila_backup.status_codes.StatusCode`: why.
    :returns: bool, True if it is over with that: no worker ever had it.
        False if one holds it, who will stop and finish calling it off; or
        had it once, and then any will: there may be leftovers.
    """
    untouched = row.status == _Status.QUEUED and not row.attempt
    status, values = _Status.CANCELLING, {}
    if untouched:
        status, values = _Status.CANCELLED, {'finished_at': sqltime.utcnow()}
        if row.kind == states.Kind.BACKUP_RESTORE:
            values['share_changed'] = False
    elif row.status == _Status.QUEUED:
        values = {'lease_until': sqltime.utcnow()}
    transitions.change(conn, TABLE, row.id, status,
                       dict(values, live=None, status_code=code),
                       old=row.status)
    return untouched


def unfinished(conn):
    """List the unfinished operations.

    :returns: list of rows with ``kind``, ``driver`` and ``options``.
    """
    return conn.execute(sa.select(
        TABLE.c.kind, TABLE.c.driver, TABLE.c.options).where(
            TABLE.c.status.in_(_UNFINISHED))).all()


def count_by_kind(conn):
    """Count the operations by kind and status.

    :returns: list of (kind, status, int).
    """
    return conn.execute(
        sa.select(TABLE.c.kind, TABLE.c.status, sa.func.count())
        .group_by(TABLE.c.kind, TABLE.c.status)
        .order_by(TABLE.c.kind, TABLE.c.status)).all()


def list_recent(conn, status=None, limit=100):
    """Operations, newest first.

    :param status: list of str to have only those.
    """
    query = sa.select(TABLE).order_by(
        TABLE.c.created_at.desc(), TABLE.c.id.desc()).limit(limit)
    if status:
        query = query.where(TABLE.c.status.in_(status))
    return conn.execute(query).all()


def purge(conn, older_than):
    """Forget operations that ended more than so many seconds ago, and have
    left nothing behind.

    :returns: int, how many.
    """
    return conn.execute(sa.delete(TABLE).where(
        TABLE.c.holds.is_(None),
        TABLE.c.finished_at < sqltime.utc_in(-older_than))).rowcount
