# SPDX-License-Identifier: Apache-2.0
"""``GET /healthcheck``: whether the database and the bus can be used.

The checks are made for all callers together, and in threads of their own: a
server that does not answer must not take those that answer requests.
"""

import types

from oslo_middleware import healthcheck
from oslo_middleware.healthcheck import pluginbase
import sqlalchemy as sa

from manila_backup.api import probe
from manila_backup.bus import login
from manila_backup.db import models

#: Seconds that one server of the bus has to take us.
BUS_TIMEOUT = 2.0

_TABLE = models.project_locks


class Healthcheck(healthcheck.Healthcheck):
    """oslo.middleware's, with checks of this service's own beside those
    that ``[healthcheck] backends`` names.

    :param conf: the configuration.
    :param checks: dict of name to a function that raises if the thing does
        not work; see :class:`manila_backup.api.probe.Probe`.
    """

    def __init__(self, conf, checks):
        super().__init__(None, conf)
        probes = {name: probe.Probe(name, check)
                  for name, check in checks.items()}
        self._probes = probes.values()
        self._backends = [*self._backends, *(
            types.SimpleNamespace(obj=_Check(conf, name, each))
            for name, each in probes.items())]

    def __call__(self, environ, start_response):
        # All at once: they are asked one after the other.
        for each in self._probes:
            each.begin()
        return super().__call__(environ, start_response)


class _Check(pluginbase.HealthcheckBaseExtension):

    def __init__(self, conf, name, probe_):
        super().__init__(conf, {})
        self._name = name
        self._probe = probe_

    def healthcheck(self, server_port):
        if self._probe.ask() is None:
            return pluginbase.HealthcheckResult(True, f'{self._name}: OK')
        return pluginbase.HealthcheckResult(
            False, f'{self._name}: can\'t be used')


def database_check(database):
    """A check that this process can read and write in the database: it fails
    where that is away, only to be read, or a server of a Galera cluster that
    has lost the others.
    """
    def check():
        with database.reader() as conn:
            conn.execute(sa.select(_TABLE).limit(1)).all()
        database.write(_remove_nothing)
    return check


def _remove_nothing(conn):
    # There is none with this name, and a server that would not let one be
    # removed does not let anything be.
    conn.execute(sa.delete(_TABLE).where(_TABLE.c.project_id == ''))


def bus_check(conf):
    """A check that one of the bus's servers takes us; see
    :mod:`manila_backup.bus.login`.

    :param conf: the configuration, for its ``transport_url``.
    """
    return lambda: login.greet(conf, BUS_TIMEOUT)
