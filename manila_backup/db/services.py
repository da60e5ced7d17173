# SPDX-License-Identifier: Apache-2.0
"""Queries about the service's processes and their heartbeats."""

import dataclasses
import datetime

import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import sqltime

TABLE = models.services


def beat(conn, identity, up_within, *, binary, host, **values):
    """Say that a process is alive, and forget those of its kind on its host
    that are not.

    :param identity: str, host:pid:random.
    :param up_within: float, seconds since the last beat that count as up.
    :param values: the other columns, used where the row is made.
    """
    silent = TABLE.c.last_seen < sqltime.utc_in(-up_within)
    # Looked for first, as that locks nothing; then one after the other, as
    # one of them may come back and do the same about this one.
    same = conn.execute(sa.select(TABLE.c.id, TABLE.c.identity).where(sa.or_(
        TABLE.c.identity == identity,
        sa.and_(TABLE.c.binary == binary, TABLE.c.host == host, silent)))
        .order_by(TABLE.c.id)).all()
    is_there = False
    for row in same:
        this = TABLE.c.id == row.id
        if row.identity == identity:
            is_there = conn.execute(sa.update(TABLE).where(this).values(
                last_seen=sqltime.utcnow())).rowcount > 0
        else:
            conn.execute(sa.delete(TABLE).where(this, silent))
    if not is_there:
        conn.execute(sa.insert(TABLE).values(
            identity=identity, binary=binary, host=host, **values))


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


def list_hosts(conn, up_within):
    """List the services as clients of Manila know them, one for each binary
    and host: a host's workers are one service, which is up if any of them is.

    :param up_within: float, seconds since the last beat that count as up.
    :returns: list of :class:`Service`.
    """
    services = {}
    for row in list_all(conn, up_within):
        one = Service(row.id, row.binary, row.host, row.availability_zone,
                      row.last_seen, bool(row.up))
        key = row.binary, row.host
        services[key] = services[key].with_(one) if key in services else one
    return list(services.values())


@dataclasses.dataclass(frozen=True)
class Service:
    """Processes of one kind on one host.

    :ivar id: int, that of the oldest row.
    :ivar availability_zone: what the last one that was heard of says.
    """

    id: int
    binary: str
    host: str
    availability_zone: str
    last_seen: datetime.datetime
    up: bool

    def with_(self, other):
        """Merge with another process of the same service."""
        last = max(self, other, key=lambda each: each.last_seen)
        return dataclasses.replace(last, id=min(self.id, other.id),
                                   up=self.up or other.up)


def living_rpc_versions(conn, topic, up_within):
    """List the RPC versions of the live processes that listen to a topic.

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
