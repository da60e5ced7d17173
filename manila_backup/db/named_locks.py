# SPDX-License-Identifier: Apache-2.0
"""Queries about named locks: what one process of the service at a time does.

A lock is held by a lease on the database's clock, like an operation.
"""

import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import sqltime

TABLE = models.named_locks

# The most that one transaction removes.
_BATCH = 100


def take(conn, name, holder, ttl, every=0.0):
    """Take a lock if nobody has it.

    :param holder: str, who takes it; unique.
    :param ttl: float, seconds that it is good for.
    :param every: float, seconds that must have passed since the end of the
        last one. A lock that was never taken counts as just
        released.
    :returns: bool, whether it was to be had.
    """
    if not conn.execute(sa.select(TABLE).where(TABLE.c.name == name)).first():
        rows.insert_once(conn, TABLE, name=name, ended_at=sqltime.utcnow())
    free = sa.or_(TABLE.c.holder.is_(None),
                  TABLE.c.held_until < sqltime.utcnow())
    if every:
        free = sa.and_(free, TABLE.c.ended_at < sqltime.utc_in(-every))
    return _update(conn, name, free, holder=holder,
                   held_until=sqltime.utc_in(ttl))


def renew(conn, name, holder, ttl):
    """Renew a lock.

    :returns: bool, False if it is another's by now.
    """
    return _update(conn, name, TABLE.c.holder == holder,
                   held_until=sqltime.utc_in(ttl))


def end(conn, name, holder):
    """Release a lock; harmless if it is another's."""
    _update(conn, name, TABLE.c.holder == holder, holder=None,
            held_until=None, ended_at=sqltime.utcnow())


def remove(conn, name, holder):
    """Release a lock and remove its row; harmless if it is another's."""
    conn.execute(sa.delete(TABLE).where(TABLE.c.name == name,
                                        TABLE.c.holder == holder))


def purge(conn, prefix):
    """Remove the rows of locks that nobody holds any more.

    :param prefix: str, what their names begin with.
    """
    dead = conn.execute(sa.select(TABLE.c.name).where(
        TABLE.c.name.startswith(prefix, autoescape=True),
        TABLE.c.held_until < sqltime.utcnow())
        .order_by(TABLE.c.name).limit(_BATCH)).scalars().all()
    if dead:
        conn.execute(sa.delete(TABLE).where(
            TABLE.c.name.in_(dead), TABLE.c.held_until < sqltime.utcnow()))


def holder(conn, name):
    """Return the holder of a lock as str, or None."""
    return conn.execute(sa.select(TABLE.c.holder).where(
        TABLE.c.name == name,
        TABLE.c.held_until >= sqltime.utcnow())).scalar()


def _update(conn, name, condition, **values):
    return conn.execute(sa.update(TABLE).where(
        TABLE.c.name == name, condition).values(**values)).rowcount == 1
