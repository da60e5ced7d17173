# SPDX-License-Identifier: Apache-2.0
"""Queries about quotas, and the lock that makes counting exact."""

import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import queue
from manila_backup.db import rows

TABLE = models.quotas
DEFAULTS = models.default_quotas


def limits(conn, project_id):
    """A project's limits: its own, and else those set for all projects.

    :returns: dict of resource to limit; a resource that is not in it has
        the configured default.
    """
    set_limits = conn.execute(
        sa.select(DEFAULTS.c.resource, DEFAULTS.c.hard_limit,
                  sa.literal(0).label('own'))
        .union_all(
            sa.select(TABLE.c.resource, TABLE.c.hard_limit, sa.literal(1))
            .where(TABLE.c.project_id == project_id))
        .order_by('own'))
    return {row.resource: row.hard_limit for row in set_limits}


def defaults(conn):
    """The limits set for all projects.

    :returns: dict of resource to limit, as of :func:`limits`.
    """
    return dict(conn.execute(
        sa.select(DEFAULTS.c.resource, DEFAULTS.c.hard_limit)).all())


def replace(conn, project_id, new):
    """Set some of a project's own limits.

    :param new: dict of resource to limit.
    """
    conn.execute(sa.delete(TABLE).where(
        TABLE.c.project_id == project_id, TABLE.c.resource.in_(list(new))))
    for resource, limit in new.items():
        rows.insert(conn, TABLE, project_id=project_id, resource=resource,
                    hard_limit=limit)


def replace_defaults(conn, new):
    """Set some of the limits of all projects.

    :param new: dict of resource to limit.
    """
    conn.execute(sa.delete(DEFAULTS).where(
        DEFAULTS.c.resource.in_(list(new))))
    for resource, limit in new.items():
        rows.insert(conn, DEFAULTS, resource=resource, hard_limit=limit)


def delete(conn, project_id, resources=None):
    """Forget a project's own limits.

    :param resources: tuple of str, of these only.
    """
    forgetting = sa.delete(TABLE).where(TABLE.c.project_id == project_id)
    if resources is not None:
        forgetting = forgetting.where(TABLE.c.resource.in_(resources))
    conn.execute(forgetting)


def lock(conn, project_id, wait=True):
    """Wait until no one else admits anything for the project, and keep it
    so until the end of the transaction.

    :param wait: bool, False to give up where another does, if the database
        can tell.
    :returns: bool, False if it gave up.
    """
    table = models.project_locks
    if not wait and queue.can_skip_locked(conn):
        row = sa.select(table.c.project_id).where(
            table.c.project_id == project_id)
        free = conn.execute(row.with_for_update(skip_locked=True)).first()
        if free is None and conn.execute(row).first():
            return False
    # Written, not only locked: on a Galera cluster a lock holds on one
    # server, and only who changes the same row on another is found out.
    taking = (sa.update(table).where(table.c.project_id == project_id)
              .values(number=sa.func.coalesce(table.c.number, 0) + 1))
    if not conn.execute(taking).rowcount and not rows.insert_once(
            conn, table, project_id=project_id):
        conn.execute(taking)
    return True
