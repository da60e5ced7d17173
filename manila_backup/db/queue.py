# SPDX-License-Identifier: Apache-2.0
"""The queue: the search for operations that may be claimed, and the claims.

A search reads a number of rows that does not grow with the queue: it looks at
those that have waited longest, and only where these all belong to projects
that are being served already does it look at all projects that wait. What a
worker can't execute is read and passed over, however much it is.
"""

import sqlalchemy as sa

from manila_backup.db import operations
from manila_backup.db import rows
from manila_backup.db import sqltime
from manila_backup.db import transitions
from manila_backup import states

TABLE = operations.TABLE
_Status = states.Operation

#: How many operations a search returns.
CANDIDATES = 5

#: How many of those that have waited longest a search looks at.
WINDOW = 50

#: What it takes to know whether a worker can execute an operation, and when.
_COLUMNS = (TABLE.c.id, TABLE.c.kind, TABLE.c.driver, TABLE.c.options,
            TABLE.c.lease_until, TABLE.c.not_before, TABLE.c.project_id,
            TABLE.c.created_at)

#: The statuses of what a worker holds.
_HELD = _Status.RUNNING, _Status.CANCELLING

_QUEUED = TABLE.c.status == str(_Status.QUEUED)
_DUE = TABLE.c.not_before <= sqltime.utc_once()


def search(conn, able=None, without=()):
    """Find operations that a worker may claim.

    Expired leases come before the queue: someone has waited for those
    longest. In the queue, the project with the fewest running operations
    comes first, and in it the oldest operation.

    What the worker can't execute is left for one that can, and keeps nothing
    else waiting.

    :param able: a :class:`manila_backup.engine.capabilities.Capabilities`, or
        None for a worker that can execute everything.
    :param without: ids of operations to leave out.
    :returns: list of str, ids of a few, those first that are to be claimed
        first; claiming each may still fail.
    """
    wanted = [TABLE.c.id.not_in(sorted(without))] if without else []
    expired = _expired(conn, able, wanted)
    return [row.id for row in expired or _queued(conn, able, wanted)]


def next_event(conn, able=None):
    """Return the time until an operation becomes claimable without a wake-up
    call.

    :param able: as for :func:`search`.
    :returns: float, seconds until the first lease runs out or the first
        delayed operation is due; None if there is nothing of the kind.
    """
    times = [row.lease_until for status in _HELD for row in _first(
        conn, able, 1, _held_in(status), TABLE.c.lease_until.is_not(None))]
    times += [row.not_before for row in _first(
        conn, able, 1, _delayed('ix_operations_ready'))]
    if not times:
        return None
    now = conn.execute(sa.select(sqltime.utcnow())).scalar()
    return max(0.0, (min(times) - now).total_seconds())


def depth(conn):
    """Count the queued operations.

    :returns: (int, how many; float, seconds since the oldest was asked
        for).
    """
    count, oldest, now = conn.execute(
        sa.select(sa.func.count(), sa.func.min(TABLE.c.created_at),
                  sqltime.utcnow()).where(_QUEUED)).one()
    return count, (now - oldest).total_seconds() if count else 0.0


# -- the search --------------------------------------------------------------

def _expired(conn, able, wanted):
    found = [row for status in _HELD for row in _first(
        conn, able, CANDIDATES, _held_in(status),
        TABLE.c.lease_until < sqltime.utc_once(), *wanted)]
    return sorted(found, key=lambda row: (row.lease_until, row.id)
                  )[:CANDIDATES]


def _queued(conn, able, wanted):
    ready = _first(conn, able, WINDOW, _ready(conn, 'ix_operations_ready'),
                   *wanted)
    due = _first(conn, able, WINDOW, _delayed('ix_operations_ready'), _DUE,
                 *wanted)
    front = sorted([*ready, *due], key=lambda row: (row.created_at, row.id))
    if not front:
        return []
    running = _running(conn)
    full = [rows_ for rows_ in (ready, due) if len(rows_) == WINDOW]
    # Older ones than these there are not but in front.
    known = min((rows_[-1].created_at for rows_ in full), default=None)
    if known is None or any(row.project_id not in running
                            for row in front if row.created_at <= known):
        return _fairest(front, running)[:CANDIDATES]
    return _of_all_projects(conn, able, wanted, running)


def _fairest(front, running):
    """Sort operations as they are to be claimed.

    :param front: list of rows, the oldest first.
    :param running: dict of a project's id to the number of its operations
        that run.
    """
    oldest = {}
    for row in front:
        oldest.setdefault(row.project_id, (row.created_at, row.id))
    return sorted(front, key=lambda row: (
        running.get(row.project_id, 0), oldest[row.project_id],
        row.created_at, row.id))


def _of_all_projects(conn, able, wanted, running):
    """Find the first operations of each project that waits, as long as it
    takes to have enough."""
    found, index = [], 'ix_operations_project_ready'
    for project_id in _by_turn(conn, running):
        of_project = [TABLE.c.project_id == project_id, *wanted]
        rows_ = [*_first(conn, able, CANDIDATES, _ready(conn, index),
                         *of_project),
                 *_first(conn, able, CANDIDATES, _delayed(index), _DUE,
                         *of_project)]
        found += sorted(rows_, key=lambda row: (row.created_at, row.id))
        if len(found) >= CANDIDATES:
            break
    return found[:CANDIDATES]


def _by_turn(conn, running):
    """Iterate over the projects that wait: by the number of their operations
    that run, and then by the age of the oldest that waits."""
    for row in sorted(_not_served(conn, running),
                      key=lambda row: row.created_at):
        yield row.project_id
    of_each = [sa.select(TABLE.c.project_id, TABLE.c.created_at).where(
        _QUEUED, TABLE.c.project_id == project_id)
        .order_by(TABLE.c.created_at).limit(1).subquery()
        for project_id in running]
    served = conn.execute(sa.union_all(*map(sa.select, of_each))).all()
    for row in sorted(served, key=lambda row: (running[row.project_id],
                                               row.created_at)):
        yield row.project_id


def _running(conn):
    """Count the operations that run, as dict of a project's id to int."""
    return dict(conn.execute(
        sa.select(TABLE.c.project_id, sa.func.count())
        .where(TABLE.c.status == str(_Status.RUNNING))
        .group_by(TABLE.c.project_id)).all())


def _not_served(conn, running):
    """List the projects of which nothing runs but something waits, as (id,
    when the oldest was asked for)."""
    if conn.dialect.name != 'postgresql':
        # Where they have many each, MariaDB jumps from one project to the
        # next. In no case does it read what waits of the others.
        return conn.execute(rows.use_index(
            sa.select(TABLE.c.project_id, sa.func.min(TABLE.c.created_at)
                      .label('created_at'))
            .where(_QUEUED, TABLE.c.project_id.not_in(sorted(running)))
            .group_by(TABLE.c.status, TABLE.c.project_id),
            TABLE, 'ix_operations_queue')).all()

    def oldest(*conditions):
        return sa.select(TABLE.c.project_id, TABLE.c.created_at).where(
            _QUEUED, *conditions).order_by(
                TABLE.c.project_id, TABLE.c.created_at).limit(1)

    walk = oldest().cte('waiting', recursive=True)
    following = oldest(TABLE.c.project_id > walk.c.project_id).lateral()
    walk = walk.union_all(
        sa.select(following.c.project_id, following.c.created_at)
        .select_from(walk.join(following, sa.true())))
    return conn.execute(sa.select(walk).where(
        walk.c.project_id.not_in(sorted(running)))).all()


def _held_in(status):
    return rows.use_index(
        sa.select(*_COLUMNS).where(TABLE.c.status == str(status))
        .order_by(TABLE.c.lease_until), TABLE, 'ix_operations_leases')


def _ready(conn, index):
    """Select what waits and has no delay, the oldest first."""
    # PostgreSQL uses the index only where the query sorts by what is null in
    # all of them as well, MariaDB only where it does not.
    order = [TABLE.c.not_before] * (conn.dialect.name == 'postgresql')
    return rows.use_index(
        sa.select(*_COLUMNS).where(_QUEUED, TABLE.c.not_before.is_(None))
        .order_by(*order, TABLE.c.created_at, TABLE.c.id), TABLE, index)


def _delayed(index):
    """Select what waits and has a delay, that first which ends first."""
    return rows.use_index(
        sa.select(*_COLUMNS).where(_QUEUED, TABLE.c.not_before.is_not(None))
        .order_by(TABLE.c.not_before, TABLE.c.created_at, TABLE.c.id),
        TABLE, index)


def _first(conn, able, wanted, query, *conditions):
    """Read the first rows of a query that a worker can execute.

    :param query: a selection of :data:`_COLUMNS`, in its order.
    """
    query = query.where(*conditions)
    if able is None:
        return conn.execute(query.limit(wanted)).all()
    query = query.where(
        TABLE.c.kind.in_(able.kinds),
        sa.or_(TABLE.c.driver.is_(None), TABLE.c.driver.in_(able.drivers)))
    # What is in the options no database can be asked in the same words.
    doable, seen, page = [], 0, wanted
    while True:
        rows_ = conn.execute(query.offset(seen).limit(page)).all()
        doable += filter(able.can_do, rows_)
        if len(doable) >= wanted or len(rows_) < page:
            return doable[:wanted]
        seen, page = seen + page, 500


# -- claims ------------------------------------------------------------------

def can_skip_locked(conn):
    """Tell whether the database can pass over rows that others have
    locked."""
    dialect = conn.dialect
    if dialect.name in ('mysql', 'mariadb'):
        return dialect.server_version_info >= (
            (10, 6) if dialect.is_mariadb else (8, 0, 1))
    return dialect.name == 'postgresql'


def claim(conn, operation_id, worker, ttl, again=False, wait=True):
    """Take an operation that is queued, or whose lease has run out.

    One that was called off while a worker held it is taken only once that
    worker's lease has run out, to finish calling it off; and no operation
    starts on a backup or share on which another is still being called off.

    :param worker: str, the identity of the claiming worker.
    :param ttl: float, seconds the lease is good for.
    :param again: bool, whether this worker may hold it already, from a claim
        whose answer never came. It then gets it anew, and that is no
        failure.
    :param wait: bool, whether to wait for another that is about to claim or
        to change it; False counts that one as faster, where the database
        can tell.
    :returns: the row as claimed, or None if another was faster.
    """
    skip = not wait and not again and can_skip_locked(conn)
    row = conn.execute(sa.select(TABLE).where(TABLE.c.id == operation_id)
                       .with_for_update(skip_locked=skip)).first()
    if row is None:
        return None
    again = again and row.worker == worker and row.status in _HELD
    if not again and not _may_claim(conn, row):
        return None
    crashed = row.status == _Status.RUNNING and not again
    values = dict(
        worker=worker, attempt=row.attempt + 1,
        failures=row.failures + crashed,
        lease_until=sqltime.utc_in(ttl), not_before=None, publishing=None,
        attempt_started_at=sqltime.utcnow(),
        started_at=sa.func.coalesce(TABLE.c.started_at, sqltime.utcnow()))
    if row.status == _Status.CANCELLING:
        rows.update(conn, TABLE, operation_id, values)
    else:
        transitions.change(conn, TABLE, operation_id, _Status.RUNNING, values,
                           old=row.status)
    return operations.get(conn, operation_id)


def _may_claim(conn, row):
    if row.status == _Status.QUEUED:
        other = TABLE.alias()
        same = [column == value for column, value in (
            (other.c.backup_id, row.backup_id),
            (other.c.share_id, row.share_id)) if value is not None]
        return not conn.execute(
            sa.select(sa.literal(1)).where(
                other.c.status == str(_Status.CANCELLING), sa.or_(*same))
            .limit(1)).first()
    if row.status in _HELD:
        return conn.execute(sa.select(sa.literal(1)).where(
            TABLE.c.id == row.id,
            TABLE.c.lease_until < sqltime.utcnow())).first() is not None
    return False
