# SPDX-License-Identifier: Apache-2.0
"""Queries about backup policies, their rules and their assignments."""

import sqlalchemy as sa

from manila_backup.db import listing
from manila_backup.db import models
from manila_backup.db import queue
from manila_backup.db import rows
from manila_backup.plans import assignments as plans

TABLE = models.backup_policies
RULES = models.backup_policy_rules
ASSIGNMENTS = models.backup_policy_assignments
_SHARES = models.shares
_TYPES = models.share_types


def get(conn, policy_id, project_id=None):
    """The policy's row, or None.

    :param project_id: str to find it only if that project can see it: it is
        its own, or public, or about shares of it.
    """
    return conn.execute(sa.select(TABLE).where(
        TABLE.c.id == policy_id, *_visible(project_id))).first()


def get_own(conn, policy_id, project_id=None, lock=False):
    """The policy's row, or None; see :func:`rows.get`."""
    return rows.get(conn, TABLE, policy_id, project_id, lock)


def list_page(conn, project_id=None, filters=None, sort_key='created_at',
              descending=True, limit=None, offset=0, marker=None):
    """A page of the policies that a project can see; see
    :func:`.snapshots.list_page`."""
    query = sa.select(TABLE).where(
        *_visible(project_id), *listing.conditions(TABLE, filters or {}))
    return conn.execute(listing.page(query, TABLE, sort_key, descending,
                                     limit, offset, marker)).all()


def count_all(conn, project_id=None, filters=None):
    """Count the policies on all pages of :func:`list_page`."""
    return rows.count(conn, TABLE, *_visible(project_id),
                      *listing.conditions(TABLE, filters or {}))


def count_own(conn, project_id):
    """Count the policies that are a project's own: what its quota is
    about."""
    return rows.count(conn, TABLE, TABLE.c.project_id == project_id)


def _visible(project_id):
    if project_id is None:
        return
    assigned = sa.select(ASSIGNMENTS.c.policy_id).where(
        ASSIGNMENTS.c.scope.in_([project_id, plans.EVERYWHERE]))
    yield sa.or_(TABLE.c.project_id == project_id,
                 TABLE.c.is_public == sa.true(),
                 TABLE.c.id.in_(assigned))


def in_force(conn, project_id=None):
    """The enabled policies that may be about shares of a project, by name.

    :param project_id: str, or None for all projects.
    """
    assigned = sa.select(ASSIGNMENTS.c.policy_id)
    if project_id is not None:
        assigned = assigned.where(
            ASSIGNMENTS.c.scope.in_([project_id, plans.EVERYWHERE]))
    return conn.execute(
        sa.select(TABLE).where(TABLE.c.enabled == sa.true(),
                               TABLE.c.id.in_(assigned))
        .order_by(TABLE.c.name, TABLE.c.id)).all()


def with_retention(conn):
    """The enabled policies, as a list of rows."""
    return conn.execute(sa.select(TABLE).where(
        TABLE.c.enabled == sa.true()).order_by(TABLE.c.id)).all()


def delete(conn, policy_id):
    """Remove a policy with its rules and assignments."""
    for table in RULES, ASSIGNMENTS:
        for id_ in conn.execute(
                sa.select(table.c.id).where(table.c.policy_id == policy_id)
                .order_by(table.c.id)).scalars().all():
            rows.delete(conn, table, id_)
    rows.delete(conn, TABLE, policy_id)


# -- rules ---------------------------------------------------------------

def rules_of(conn, policy_ids):
    """The rules of some policies by name, as a dict of policy's id to list
    of rows."""
    found = {each: [] for each in policy_ids}
    for row in conn.execute(
            sa.select(RULES).where(RULES.c.policy_id.in_(list(policy_ids)))
            .order_by(RULES.c.name, RULES.c.id)):
        found[row.policy_id].append(row)
    return found


def rules_due(conn, now, limit):
    """Rules of which something is due that has no runs yet.

    :returns: list of rows, those first that have waited for longest.
    """
    return conn.execute(
        sa.select(RULES).where(RULES.c.next_at <= now)
        .order_by(RULES.c.next_at, RULES.c.id).limit(limit)).all()


def lock_rule(conn, rule_id):
    """Hold a rule until the end of the transaction, unless another one does.

    :returns: bool, False if another one does, if the database can tell, or
        if the rule is gone.
    """
    return not queue.can_skip_locked(conn) or conn.execute(
        sa.select(RULES.c.id).where(RULES.c.id == rule_id)
        .with_for_update(skip_locked=True)).first() is not None


# -- assignments ---------------------------------------------------------

def assignments_of(conn, policy_ids, project_id=None):
    """The assignments of some policies, the oldest first, as a dict of
    policy's id to list of rows.

    :param project_id: str to have only those that are about shares of that
        project, or of all.
    """
    found = {each: [] for each in policy_ids}
    query = sa.select(ASSIGNMENTS).where(
        ASSIGNMENTS.c.policy_id.in_(list(policy_ids)))
    if project_id is not None:
        query = query.where(
            ASSIGNMENTS.c.scope.in_([project_id, plans.EVERYWHERE]))
    for row in conn.execute(query.order_by(ASSIGNMENTS.c.created_at,
                                           ASSIGNMENTS.c.id)):
        found[row.policy_id].append(row)
    return found


def get_assignment(conn, policy_id, assignment_id):
    """An assignment of a policy, or None."""
    return conn.execute(sa.select(ASSIGNMENTS).where(
        ASSIGNMENTS.c.id == assignment_id,
        ASSIGNMENTS.c.policy_id == policy_id)).first()


def is_mandatory(conn, policy_id, project_id=None):
    """Tell whether an assignment of a policy is mandatory.

    :param project_id: str to ask only about a policy of that project's own.
    """
    own = get_own(conn, policy_id, project_id)
    return own is not None and conn.execute(
        sa.select(ASSIGNMENTS.c.id).where(
            ASSIGNMENTS.c.policy_id == policy_id,
            ASSIGNMENTS.c.mandatory == sa.true())
        .limit(1)).first() is not None


# -- shares --------------------------------------------------------------

_SHARE = (_SHARES.c.id, _SHARES.c.project_id, _SHARES.c.name,
          _SHARES.c.share_type_id, _SHARES.c.properties,
          _SHARES.c.created_at, _TYPES.c.name.label('type_name'))


def share(conn, share_id):
    """A local share as :class:`manila_backup.plans.assignments.Share`, or
    None."""
    return next(iter(_shares(conn, _SHARES.c.id == share_id)), None)


def shares_under(conn, assignments):
    """Local shares that some assignments are about.

    :returns: list of :class:`manila_backup.plans.assignments.Share`.
    """
    narrowed = sa.or_(sa.false(), *map(_narrowed, assignments))
    return [share for share in _shares(conn, narrowed)
            if any(plans.covers(each, share) for each in assignments)]


def shares_page(conn, project_id=None, after=None, limit=None):
    """Local shares in the order of their ids.

    :param project_id: str, or None for those of all projects.
    :param after: str, only those with a greater id.
    :returns: list as of :func:`shares_under`.
    """
    conditions = [sa.true()]
    if project_id is not None:
        conditions.append(_SHARES.c.project_id == project_id)
    if after is not None:
        conditions.append(_SHARES.c.id > after)
    return _shares(conn, *conditions, limit=limit)


def count_shares(conn, project_id=None, assignments=None):
    """Count local shares.

    :param project_id: str, or None for those of all projects.
    :param assignments: list of rows, none of which is about metadata, to
        count the shares that some of them are about; None for all.
    """
    query = sa.select(sa.func.count()).select_from(_SHARES).where(
        _SHARES.c.source == 'local')
    if project_id is not None:
        query = query.where(_SHARES.c.project_id == project_id)
    if assignments is not None:
        query = query.where(sa.or_(sa.false(), *map(_narrowed, assignments)))
    return conn.execute(query).scalar_one()


def _narrowed(assignment):
    conditions = [sa.true()]
    if assignment.scope != plans.EVERYWHERE:
        conditions.append(_SHARES.c.project_id == assignment.scope)
    if assignment.kind == plans.SHARE:
        conditions.append(_SHARES.c.id == assignment.target)
    elif assignment.kind == plans.PROJECT:
        conditions.append(_SHARES.c.project_id == assignment.target)
    elif assignment.kind == plans.SHARE_TYPE:
        conditions.append(_SHARES.c.share_type_id == assignment.target)
    return sa.and_(*conditions)


def _shares(conn, *conditions, limit=None):
    found = conn.execute(
        sa.select(*_SHARE).select_from(_SHARES.outerjoin(_TYPES))
        .where(_SHARES.c.source == 'local', *conditions)
        .order_by(_SHARES.c.id).limit(limit))
    return [plans.Share(
        row.id, row.project_id, row.name,
        frozenset(filter(None, (row.share_type_id, row.type_name))),
        row.properties or {}, row.created_at) for row in found]
