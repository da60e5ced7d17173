# SPDX-License-Identifier: Apache-2.0
"""Queries about the hosts of the service's processes: a host's workers are one
service to administrators, who have it work or not."""

import dataclasses
import typing

import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import services
from manila_backup.db import sqltime
from manila_backup import states

TABLE = models.service_hosts

_HELD = [str(each) for each in (states.Operation.RUNNING,
                                states.Operation.CANCELLING)]


@dataclasses.dataclass(frozen=True)
class Host:
    """The processes of a kind on a host.

    :ivar row: its row.
    :ivar processes: list of rows, as of
        :func:`manila_backup.db.services.list_all`.
    :ivar running: int, the operations that they hold.
    """

    row: typing.Any
    processes: list
    running: int

    @property
    def state(self):
        """Tell whether any of them was heard of lately: ``up`` or ``down``."""
        return 'up' if any(each.up for each in self.processes) else 'down'


def register(conn, binary, host):
    """Have a row for the processes of a kind on a host."""
    if _find(conn, binary, host) is None:
        rows.insert_once(conn, TABLE, binary=binary, host=host)


def mode(conn, binary, host):
    """The :class:`manila_backup.states.ServiceMode` of processes."""
    found = _find(conn, binary, host)
    return states.ServiceMode(found.mode if found else 'enabled')


def modes(conn):
    """Read the modes of all hosts: dict of (binary, host) to row."""
    return {(row.binary, row.host): row for row in conn.execute(
        sa.select(TABLE).order_by(TABLE.c.binary, TABLE.c.host))}


def list_all(conn, up_within):
    """List the hosts, with their processes, as :class:`Host`.

    :param up_within: float, seconds since the last beat that count as up.
    """
    processes = {}
    for row in services.list_all(conn, up_within):
        processes.setdefault((row.binary, row.host), []).append(row)
    table = models.operations
    running = dict(conn.execute(
        sa.select(table.c.worker, sa.func.count())
        .where(table.c.status.in_(_HELD)).group_by(table.c.worker)).all())
    return [Host(row, processes.get(key, []),
                 sum(running.get(each.identity, 0)
                     for each in processes.get(key, [])))
            for key, row in modes(conn).items()]


def set_mode(conn, id_, mode_, reason=None):
    """Have the workers of a host work, or not.

    :param mode_: a :class:`manila_backup.states.ServiceMode`.
    :returns: bool, whether there is such a host.
    """
    return rows.update(conn, TABLE, id_, {
        'mode': mode_, 'reason': reason,
        'mode_changed_at': sqltime.utcnow()})


def purge(conn):
    """Forget hosts that have no processes any more, and nothing set.

    :returns: int, how many.
    """
    process = models.services
    return conn.execute(sa.delete(TABLE).where(
        TABLE.c.mode == str(states.ServiceMode.ENABLED),
        ~sa.exists().where(process.c.binary == TABLE.c.binary,
                           process.c.host == TABLE.c.host))).rowcount


def _find(conn, binary, host):
    return conn.execute(sa.select(TABLE).where(
        TABLE.c.binary == binary, TABLE.c.host == host)).first()
