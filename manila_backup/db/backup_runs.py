# SPDX-License-Identifier: Apache-2.0
"""Queries about runs of backup policies."""

import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import transitions
from manila_backup import states

TABLE = models.backup_runs
_BACKUPS = models.share_backups
_Run = states.Run

#: The most that one transaction removes.
BATCH = 1000

#: How many projects :func:`to_begin_by_turn` looks at.
_TURNS = 20

_BY_STATUS = 'ix_backup_runs_status'
_BY_PROJECT = 'ix_backup_runs_project_due'


def get(conn, run_id, lock=False):
    """The run's row, or None."""
    return rows.get(conn, TABLE, run_id, lock=lock)


def planned(conn, rule_id, share_ids, after, until):
    """The runs that there are of a rule and some shares, due after one
    instant and up to another.

    :returns: set of (share's id, due time).
    """
    return {tuple(row) for row in conn.execute(
        sa.select(TABLE.c.share_id, TABLE.c.due_at).where(
            TABLE.c.rule_id == rule_id, TABLE.c.share_id.in_(share_ids),
            TABLE.c.due_at > after, TABLE.c.due_at <= until))}


def waiting(conn, share_ids, rule_id, before):
    """The runs of a rule and some shares that were due before an instant and
    have not begun, as a list of rows, in the order of their ids."""
    return conn.execute(sa.select(TABLE).where(
        TABLE.c.share_id.in_(share_ids), *_waits(),
        TABLE.c.rule_id == rule_id, TABLE.c.due_at < before)
        .order_by(TABLE.c.id)).all()


def waiting_of_policy(conn, policy_id):
    """The runs of a policy that have not begun, as a list of (id, share's
    id), in the order of their ids. They don't begin until the commit."""
    return conn.execute(
        sa.select(TABLE.c.id, TABLE.c.share_id).where(
            TABLE.c.policy_id == policy_id, *_waits())
        .order_by(TABLE.c.id).with_for_update()).all()


def withdraw(conn, policy_id, now, reason, left=()):
    """Have the runs of a policy begin no more, those that have not: the next
    worker that looks skips them, and tells of it.

    :param reason: str, why.
    :param left: ids of shares whose runs stay.
    """
    ids = [run_id for run_id, share_id in waiting_of_policy(conn, policy_id)
           if share_id not in left]
    for start in range(0, len(ids), BATCH):
        conn.execute(sa.update(TABLE)
                     .where(TABLE.c.id.in_(ids[start:start + BATCH]))
                     .values(withdrawn=True, start_at=now, ended_at=now,
                             reason=reason))


def _waits():
    """The conditions of a run that may begin yet."""
    yield TABLE.c.status == str(_Run.DUE)
    yield TABLE.c.withdrawn.is_(None)


def to_begin(conn, now, limit):
    """Runs that are to begin now, those first that have waited for
    longest."""
    return conn.execute(rows.use_index(
        sa.select(TABLE).where(
            TABLE.c.status == str(_Run.DUE), TABLE.c.start_at <= now)
        .order_by(TABLE.c.start_at, TABLE.c.id).limit(limit),
        TABLE, _BY_STATUS)).all()


def to_begin_by_turn(conn, now, limit, last=''):
    """Runs that are to begin now, of some projects in turn, and about as many
    of each.

    :param last: str, the id of the project whose turn was last.
    :returns: (list of rows, the project whose turn was last now).
    """
    projects = _by_turn(conn, last)
    found = []
    for project_id in projects:
        found += conn.execute(rows.use_index(sa.select(TABLE).where(
            TABLE.c.status == str(_Run.DUE), TABLE.c.project_id == project_id,
            TABLE.c.start_at <= now)
            .order_by(TABLE.c.start_at, TABLE.c.id)
            .limit(max(1, limit // len(projects))), TABLE, _BY_PROJECT)).all()
    return found, projects[-1] if projects else last


def _by_turn(conn, last):
    """The projects after another one of which runs are due, now or later;
    after the last one comes the first. As many as :data:`_TURNS`."""
    found = []
    while len(found) < _TURNS:
        next_ = (_next_project(conn, found[-1] if found else last)
                 or _next_project(conn, ''))
        if next_ is None or next_ in found:
            break
        found.append(next_)
    return found


def _next_project(conn, last):
    return conn.execute(rows.use_index(
        sa.select(TABLE.c.project_id).where(
            TABLE.c.status == str(_Run.DUE), TABLE.c.project_id > last)
        .order_by(TABLE.c.project_id).limit(1), TABLE, _BY_PROJECT)).scalar()


def count_queued(conn, project_id):
    """Count the runs whose backups are being made, of a project."""
    return rows.count(conn, TABLE, TABLE.c.project_id == project_id,
                      TABLE.c.status == str(_Run.QUEUED))


def with_ended_backup(conn, limit):
    """Runs whose backups are not being made any more.

    :returns: list of rows, each with ``backup_status`` (None: it is gone) and
        ``fail_reason`` of the backup.
    """
    # Not by a join: PostgreSQL would read all backups that there are, unless
    # it knows how few runs are queued.
    status = _of_backup(_BACKUPS.c.status)
    return conn.execute(rows.use_index(
        sa.select(TABLE, status.label('backup_status'),
                  _of_backup(_BACKUPS.c.fail_reason).label('fail_reason'))
        .where(TABLE.c.status == str(_Run.QUEUED),
               sa.func.coalesce(status, '') != str(states.Backup.CREATING))
        .order_by(TABLE.c.start_at, TABLE.c.id).limit(limit),
        TABLE, _BY_STATUS)).all()


def _of_backup(column):
    """A column of a run's backup; null where that is gone."""
    return (sa.select(column).where(_BACKUPS.c.id == TABLE.c.backup_id)
            .scalar_subquery())


def end(conn, run, status, now, reason=None):
    """End a run.

    :param status: a :class:`manila_backup.states.Run` that stays.
    :returns: bool, False if another has ended it, or begun it, first.
    """
    return transitions.change(
        conn, TABLE, run.id, status, {'ended_at': now, 'reason': reason},
        old=run.status)


def put_off(conn, run, start_at, reason):
    """Have a run begin later.

    :param reason: str, why it could not begin.
    """
    rows.update(conn, TABLE, run.id,
                {'start_at': start_at, 'reason': reason},
                status=_Run.DUE, withdrawn=None)


def lock_due(conn, run_ids):
    """The ids of those of some runs that have neither begun nor ended, and
    were not withdrawn, as a set. They stay so until the commit."""
    return set(conn.execute(
        sa.select(TABLE.c.id).where(TABLE.c.id.in_(run_ids), *_waits())
        .order_by(TABLE.c.id).with_for_update()).scalars())


def begin(conn, backups):
    """Note the backups that runs have made.

    :param backups: dict of a run's id to the backup's id; the runs are held.
    :returns: int, how many have not begun, or ended, before.
    """
    return transitions.change_all(
        conn, TABLE, list(backups), _Run.QUEUED,
        {'backup_id': sa.case(backups, value=TABLE.c.id), 'reason': None})


def last_done(conn):
    """The due times of the last runs that went well, as a list of (policy's
    id, datetime)."""
    policies = models.backup_policies
    return [tuple(row) for row in conn.execute(
        sa.select(policies.c.id, _last_done()).order_by(policies.c.id))
        if row[1] is not None]


def _last_done():
    """The due time of the last run of a policy that went well."""
    # Not max(): MariaDB would read all runs for that.
    return _of_policy('ix_backup_runs_paged', TABLE.c.due_at.desc(),
                      TABLE.c.status == str(_Run.DONE)).scalar_subquery()


def _of_policy(index, order, *conditions, policy_id=None):
    """Select the due time of the first of a policy's runs.

    :param policy_id: str; by default that of the row of the policy that it is
        selected with.
    """
    if policy_id is None:
        policy_id = models.backup_policies.c.id
    return rows.use_index(
        sa.select(TABLE.c.due_at)
        .where(TABLE.c.policy_id == policy_id, *conditions)
        .order_by(order).limit(1), TABLE, index)


def overdue(conn, now):
    """The due times of the first backups that policies in force were to make
    since their last runs that went well, as a list of (policy's id,
    datetime). Runs that were skipped do not count."""
    policies, rules = models.backup_policies, models.backup_policy_rules
    listed = 'ix_backup_runs_listed'
    counts = (TABLE.c.status != str(_Run.SKIPPED),
              TABLE.c.withdrawn.is_(None))
    # Rules whose runs nobody has made: of them there may be no run to tell.
    unplanned = dict(map(tuple, conn.execute(
        sa.select(rules.c.policy_id, sa.func.min(rules.c.next_at))
        .where(rules.c.next_at <= now).group_by(rules.c.policy_id))))
    found = []
    for policy_id, done_at, last_at in conn.execute(
            sa.select(policies.c.id, _last_done(), _of_policy(
                listed, TABLE.c.due_at.desc(), *counts).scalar_subquery())
            .where(policies.c.enabled == sa.true(),
                   policies.c.id.in_(sa.select(
                       models.backup_policy_assignments.c.policy_id)))
            .order_by(policies.c.id)).all():
        after = () if done_at is None else (TABLE.c.due_at > done_at,)
        due = [unplanned.get(policy_id)]
        if last_at and (done_at is None or last_at > done_at):
            # Looked for only here, by an instant that is given: MariaDB would
            # read all of the policy's runs to compare them with a query's.
            due.append(conn.execute(_of_policy(
                listed, TABLE.c.due_at, *counts, *after,
                policy_id=policy_id)).scalar())
        first = min((each for each in due if each and (
            done_at is None or each > done_at)), default=None)
        if first is not None:
            found.append((policy_id, first))
    return found


def get_of_policy(conn, policy_id, run_id, project_id=None):
    """The row of a run of a policy, or None.

    :param project_id: str to find it only among those of that project.
    """
    run = rows.get(conn, TABLE, run_id, project_id)
    return run if run and run.policy_id == policy_id else None


def list_page(conn, policy_id, project_id=None, status=None, share_id=None,
              since=None, limit=100, marker=None):
    """A page of the runs of a policy, newest first.

    :param project_id: str, or None for those of all projects' shares.
    :param status: str, the one that they are shown with: those that were
        withdrawn are skipped, and are not due, also before a worker has ended
        them.
    :param since: datetime; only those that were due then or later.
    :param limit: int, the most rows to return.
    :param marker: the row before the first.
    """
    conditions = [*_of(policy_id, project_id, share_id, since)]
    if marker is not None:
        # Twice the same: MariaDB asks an index only for the first, and
        # PostgreSQL and SQLite only for the second.
        conditions += [
            sa.or_(TABLE.c.due_at < marker.due_at,
                   sa.and_(TABLE.c.due_at == marker.due_at,
                           TABLE.c.id < marker.id)),
            sa.tuple_(TABLE.c.due_at, TABLE.c.id) < sa.tuple_(
                sa.literal(marker.due_at, TABLE.c.due_at.type),
                sa.literal(marker.id, TABLE.c.id.type))]
    index = ('ix_backup_runs_share' if share_id is not None
             else 'ix_backup_runs_listed' if status is None
             else 'ix_backup_runs_paged')
    pages = [_newest(rows.use_index(sa.select(TABLE), TABLE, index).where(
        *conditions, *shown), TABLE, limit) for shown in _shown_as(status)]
    if len(pages) == 1:
        return conn.execute(pages[0]).all()
    # Not by one condition with OR: each page comes in its order from an
    # index, which then ends at the limit.
    both = sa.union_all(*(sa.select(each.subquery())
                          for each in pages)).subquery()
    return conn.execute(_newest(sa.select(both), both, limit)).all()


def _newest(query, table, limit):
    return query.order_by(table.c.due_at.desc(),
                          table.c.id.desc()).limit(limit)


def count_all(conn, policy_id, project_id=None, status=None, share_id=None,
              since=None):
    """Count the runs on all pages of :func:`list_page`."""
    return rows.count(
        conn, TABLE, *_of(policy_id, project_id, share_id, since),
        sa.or_(*(sa.and_(True, *shown) for shown in _shown_as(status))))


def _of(policy_id, project_id, share_id, since):
    """The conditions of runs of a policy, but for their status."""
    if share_id is None:
        yield TABLE.c.policy_id == policy_id
    else:
        yield TABLE.c.share_id == share_id
        # Not by an index: SQLite would read all runs of the policy, which
        # come in their order, to find those of the share.
        yield sa.func.coalesce(TABLE.c.policy_id, '') == policy_id
    if project_id is not None:
        yield TABLE.c.project_id == project_id
    if since is not None:
        yield TABLE.c.due_at >= since


def _shown_as(status):
    """The conditions of runs that are shown with a status, None for any, as
    list of tuples: all of one of them."""
    if status is None:
        return [()]
    if status == _Run.DUE:
        return [(*_waits(),)]
    found = [(TABLE.c.status == str(status),)]
    if status == _Run.SKIPPED:
        found.append((TABLE.c.status == str(_Run.DUE),
                      TABLE.c.withdrawn.is_not(None)))
    return found


def purge(conn, before):
    """Remove runs that were over before an instant, up to :data:`BATCH`.

    :returns: int, how many.
    """
    old = conn.execute(
        sa.select(TABLE.c.id).where(TABLE.c.ended_at < before)
        .order_by(TABLE.c.ended_at).limit(BATCH)).scalars().all()
    if old:
        conn.execute(sa.delete(TABLE).where(TABLE.c.id.in_(sorted(old))))
    return len(old)


# -- their backups -------------------------------------------------------

#: What retention and coverage go by.
_KEPT = (_BACKUPS.c.id, _BACKUPS.c.project_id, _BACKUPS.c.share_id,
         _BACKUPS.c.name, _BACKUPS.c.status, _BACKUPS.c.fail_reason,
         _BACKUPS.c.policy_id, _BACKUPS.c.rule_id, _BACKUPS.c.due_at,
         _BACKUPS.c.result, _BACKUPS.c.verified_result, _BACKUPS.c.created_at)


def shares_with_backups(conn, policy_id, project_id=None):
    """The ids of the shares of which a policy has made backups, in their
    order.

    :param project_id: str, or None for those of all projects.
    """
    query = sa.select(_BACKUPS.c.share_id).distinct().where(
        _BACKUPS.c.policy_id == policy_id)
    if project_id is not None:
        query = query.where(_BACKUPS.c.project_id == project_id)
    return conn.execute(query.order_by(_BACKUPS.c.share_id)).scalars().all()


def backups_of(conn, policy_id, share_ids, lock=False):
    """The backups that a policy has made of some shares, in the order of
    their ids.

    :param lock: bool, True to get all columns, and hold them against
        changes.
    """
    query = sa.select(*(_BACKUPS.c if lock else _KEPT)).where(
        _BACKUPS.c.policy_id == policy_id, _BACKUPS.c.share_id.in_(share_ids)
    ).order_by(_BACKUPS.c.id)
    return conn.execute(query.with_for_update() if lock else query).all()


def last_good(conn, share_ids):
    """The newest good backup of each of some shares, whoever had it made, as
    a dict of share's id to row."""
    shares = models.shares
    # One share after the other, in the order of the index: of all of them at
    # once PostgreSQL may read every backup that there is.
    newest = rows.use_index(
        sa.select(_BACKUPS.c.id)
        .where(_BACKUPS.c.share_id == shares.c.id, *_good())
        .order_by(_BACKUPS.c.created_at.desc(), _BACKUPS.c.id.desc())
        .limit(1), _BACKUPS, 'ix_share_backups_share').scalar_subquery()
    found = conn.execute(sa.select(newest).select_from(shares).where(
        shares.c.id.in_(share_ids))).scalars().all()
    return {row.share_id: row for row in conn.execute(
        sa.select(*_KEPT).where(_BACKUPS.c.id.in_(
            [each for each in found if each is not None])))}


def _good():
    """The conditions of a good backup."""
    yield _BACKUPS.c.status.in_(list(map(str, states.STORED)))
    yield sa.or_(_BACKUPS.c.result == str(states.Result.COMPLETE),
                 sa.and_(_BACKUPS.c.result.is_(None),
                         _BACKUPS.c.fail_reason.is_(None)))
    yield (sa.func.coalesce(_BACKUPS.c.verified_result, '')
           != str(states.Verified.DAMAGED))
