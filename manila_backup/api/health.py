# SPDX-License-Identifier: Apache-2.0
"""``GET /healthcheck``: whether the database and the bus can be reached."""

import logging
import socket
import types

from oslo_middleware import healthcheck
from oslo_middleware.healthcheck import pluginbase
import sqlalchemy as sa

from manila_backup.operations import rpc

LOG = logging.getLogger(__name__)

#: Seconds that one server of the bus has to take up a connection.
BUS_TIMEOUT = 2.0

BUS_PORT = 5672


class Healthcheck(healthcheck.Healthcheck):
    """oslo.middleware's, with checks of this service's own beside those
    that ``[healthcheck] backends`` names.

    :param conf: the configuration.
    :param checks: dict of name to a function that raises if the thing does
        not work.
    """

    def __init__(self, conf, checks):
        super().__init__(None, conf)
        self._backends = [*self._backends, *(
            types.SimpleNamespace(obj=_Check(conf, name, check))
            for name, check in checks.items())]


class _Check(pluginbase.HealthcheckBaseExtension):

    def __init__(self, conf, name, check):
        super().__init__(conf, {})
        self._name = name
        self._check = check

    def healthcheck(self, server_port):
        try:
            self._check()
        except Exception as exc:
            LOG.warning('The %s can\'t be reached: %s', self._name, exc)
            return pluginbase.HealthcheckResult(
                False, f'{self._name}: can\'t be reached')
        return pluginbase.HealthcheckResult(True, f'{self._name}: OK')


def database_check(database):
    """A check that the database answers."""
    def check():
        with database.reader() as conn:
            conn.execute(sa.select(sa.literal(1))).one()
    return check


def bus_check(conf):
    """A check that one of the bus's servers takes connections; a bus that
    has none (``fake://``) always works.

    :param conf: the configuration, for its ``transport_url``.
    """
    def check():
        problem = None
        for host in rpc.messaging.TransportURL.parse(conf).hosts:
            address = host.hostname, int(host.port or BUS_PORT)
            try:
                socket.create_connection(address, BUS_TIMEOUT).close()
                return
            except OSError as exc:
                problem = exc
        if problem:
            raise problem
    return check
