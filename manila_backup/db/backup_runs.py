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

#: The statuses that stay.
OVER = tuple(str(each) for each in _Run
             if each not in states.TRANSITIONS[_Run])


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
        TABLE.c.share_id.in_(share_ids), TABLE.c.status == str(_Run.DUE),
        TABLE.c.rule_id == rule_id, TABLE.c.due_at < before)
        .order_by(TABLE.c.id)).all()


def waiting_of_policy(conn, policy_id):
    """The runs of a policy that have not begun, in the order of their
    ids."""
    return conn.execute(sa.select(TABLE).where(
        TABLE.c.policy_id == policy_id, TABLE.c.status == str(_Run.DUE))
        .order_by(TABLE.c.id)).all()


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
    return conn.execute(rows.use_index(
        sa.select(TABLE, _BACKUPS.c.status.label('backup_status'),
                  _BACKUPS.c.fail_reason)
        .select_from(TABLE.outerjoin(
            _BACKUPS, _BACKUPS.c.id == TABLE.c.backup_id))
        .where(TABLE.c.status == str(_Run.QUEUED),
               sa.or_(_BACKUPS.c.id.is_(None),
                      _BACKUPS.c.status != str(states.Backup.CREATING)))
        .order_by(TABLE.c.start_at, TABLE.c.id).limit(limit),
        TABLE, _BY_STATUS)).all()


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
                status=_Run.DUE)


def lock_due(conn, run_ids):
    """The ids of those of some runs that have neither begun nor ended, as a
    set. They stay so until the commit."""
    return set(conn.execute(
        sa.select(TABLE.c.id).where(TABLE.c.id.in_(run_ids),
                                    TABLE.c.status == str(_Run.DUE))
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
    # Not max(): MariaDB would read all runs for that.
    last = (rows.use_index(
        sa.select(TABLE.c.due_at)
        .where(TABLE.c.policy_id == policies.c.id,
               TABLE.c.status == str(_Run.DONE))
        .order_by(TABLE.c.due_at.desc()).limit(1),
        TABLE, 'ix_backup_runs_policy').scalar_subquery())
    return [tuple(row) for row in conn.execute(
        sa.select(policies.c.id, last).order_by(policies.c.id))
        if row[1] is not None]


def list_page(conn, policy_id, project_id=None, limit=100):
    """The last runs of a policy, newest first.

    :param project_id: str, or None for those of all projects' shares.
    """
    query = sa.select(TABLE).where(TABLE.c.policy_id == policy_id)
    if project_id is not None:
        query = query.where(TABLE.c.project_id == project_id)
    return conn.execute(query.order_by(
        TABLE.c.due_at.desc(), TABLE.c.id.desc()).limit(limit)).all()


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


def backups_of(conn, policy_id, share_id, lock=False):
    """The backups that a policy has made of a share, in the order of their
    ids.

    :param lock: bool, True to get all columns, and hold them against
        changes.
    """
    query = sa.select(*(_BACKUPS.c if lock else _KEPT)).where(
        _BACKUPS.c.policy_id == policy_id, _BACKUPS.c.share_id == share_id
    ).order_by(_BACKUPS.c.id)
    return conn.execute(query.with_for_update() if lock else query).all()


def last_good(conn, share_ids):
    """The newest good backup of each of some shares, whoever had it made, as
    a dict of share's id to row."""
    damaged = str(states.Verified.DAMAGED)
    good = sa.and_(
        _BACKUPS.c.share_id.in_(share_ids),
        _BACKUPS.c.status.in_(list(map(str, states.STORED))),
        sa.or_(_BACKUPS.c.result == str(states.Result.COMPLETE),
               sa.and_(_BACKUPS.c.result.is_(None),
                       _BACKUPS.c.fail_reason.is_(None))),
        sa.func.coalesce(_BACKUPS.c.verified_result, '') != damaged)
    # The last of each share that is read is the newest.
    newest = (sa.select(_BACKUPS.c.share_id,
                        sa.func.max(_BACKUPS.c.created_at).label('at'))
              .where(good).group_by(_BACKUPS.c.share_id).subquery())
    return {row.share_id: row for row in conn.execute(
        sa.select(*_KEPT).join(newest, sa.and_(
            newest.c.share_id == _BACKUPS.c.share_id,
            newest.c.at == _BACKUPS.c.created_at)).where(good)
        .order_by(_BACKUPS.c.id))}
