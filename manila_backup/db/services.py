# SPDX-License-Identifier: Apache-2.0
"""Queries about the service's processes and their heartbeats."""

import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import sqltime

TABLE = models.services


def beat(conn, identity, **values):
    """Say that a process is alive.

    :param identity: str, host:pid:random.
    :param values: the other columns, used where the row is made.
    """
    found = conn.execute(sa.update(TABLE).where(
        TABLE.c.identity == identity).values(last_seen=sqltime.utcnow()))
    if not found.rowcount:
        conn.execute(sa.insert(TABLE).values(identity=identity, **values))


def remove(conn, identity):
    """Forget a process that ended in order."""
    conn.execute(sa.delete(TABLE).where(TABLE.c.identity == identity))


def list_all(conn, up_within):
    """Every process, with whether it was heard of lately.

    :param up_within: float, seconds since its last beat that count as up.
    :returns: list of rows with a further attribute ``up``.
    """
    up = (TABLE.c.last_seen > sqltime.utc_in(-up_within)).label('up')
    return conn.execute(sa.select(TABLE, up).order_by(
        TABLE.c.binary, TABLE.c.host, TABLE.c.id)).all()


def living_rpc_versions(conn, topic, up_within):
    """What messages the processes understand that listen to a topic and
    were heard of lately.

    :param up_within: float, seconds since the last beat that count as that.
    :returns: set of str; None in it is of one that did not say.
    """
    return set(conn.execute(sa.select(TABLE.c.rpc_version).distinct().where(
        TABLE.c.topic == topic,
        TABLE.c.last_seen > sqltime.utc_in(-up_within))).scalars())


def purge(conn, older_than):
    """Forget the processes not heard of for so many seconds.

    :returns: int, how many.
    """
    return conn.execute(sa.delete(TABLE).where(
        TABLE.c.last_seen < sqltime.utc_in(-older_than))).rowcount
