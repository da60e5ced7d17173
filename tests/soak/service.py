# SPDX-License-Identifier: Apache-2.0
"""The service under test: its configuration, its processes, its database and
its HTTP, each as somebody outside of it sees them."""

import contextlib
import http.client
import json
import os
import threading
import time

import sqlalchemy as sa

from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import schema
from tests.functional import cloud
from tests.soak import repositories
from tests.soak import servers

LEASE_TTL = 5.0
SCAN_INTERVAL = 2.0

#: Seconds for an answer: longer than any fault goes on. The end of one waits
#: for a server that another has to come up.
PATIENCE = servers.PATIENCE + 120

#: Seconds for all processes to be at work, on a machine that has other work.
STARTING = 300

#: A request that reached nobody, and one whose answer did not arrive.
REFUSED, LOST = 'connection refused', 'answer lost'


class Service:
    """All of it.

    :param folder: str, an existing directory, for everything.
    :param database: a :class:`~tests.soak.servers.Database`. If it has
        several servers, one process uses the first, the next the second.
    :param bus: a :class:`~tests.soak.servers.RabbitMQ`.
    :param driver: str, the backup driver's name.
    :ivar backups: a :class:`~tests.soak.repositories.Repository`.
    :ivar processes: dict of name (``api0``, ``worker1``) to its process, or
        None while it is down.
    """

    def __init__(self, folder, database, bus, driver):
        self.folder = folder
        self.database = database
        self.bus = bus
        self.backups = repositories.DRIVERS[driver](self)
        self.state = os.path.join(folder, 'state')
        self.repository = os.path.join(self.state, 'repository')
        self.config = os.path.join(folder, 'manila-backup.conf')
        self.ports = {}
        self.processes = {}
        self.logs = []
        self._engine = None
        #: As the fixture of the functional tests has it.
        self.release = None

    # -- configuration ---------------------------------------------------

    def prepare(self, apis, workers, quota):
        """Make the configuration and the tables.

        :param quota: int, backups that a project may have.
        """
        os.mkdir(self.state)
        with open(os.path.join(self.folder, 'policy.yaml'), 'w'):
            pass
        with open(self.config, 'w') as file:
            file.write(f'''\
[DEFAULT]
state_path = {self.state}
transport_url = {self.bus.url}
auth_strategy = noauth
host = here
report_interval = 2
service_down_time = 10

[database]
connection = {self.database.url}
{self.database.options}
[oslo_policy]
policy_file = {self.folder}/policy.yaml

[quota]
backups = {quota}
shares = -1
gigabytes = -1

[policies]
interval = 0.3
# An hour by the clock that they go by: see plans.py.
retry_interval = 3600

[backup]
lease_ttl = {LEASE_TTL}
progress_interval = 0.3
scan_interval = {SCAN_INTERVAL}
sweep_interval = 8
retry_delay = 0.2
shutdown_grace = 16
# Many workers die here; the operations are not to pay for it.
max_attempts = 30
{self.backups.options}''')
        for number in range(apis):
            name = f'api{number}'
            self.ports[name] = servers.own_port()
            self._prepare(name, number,
                          f'[api]\nbind_port = {self.ports[name]}\n')
        for number in range(workers):
            self._prepare(f'worker{number}', number)
        admin = sa.create_engine(self.database.admin,
                                 isolation_level='AUTOCOMMIT')
        with admin.connect() as conn:
            conn.exec_driver_sql('CREATE DATABASE soak')
        admin.dispose()
        conf = config.load(['--config-file', self.config], 'soak')
        database = engine.Database(conf)
        schema.sync(database, conf)
        database.dispose()
        self._engine = self.database.engine()

    def _prepare(self, name, number, more=''):
        """Have a process that is not running."""
        self.processes[name] = None
        nodes = self.database.nodes
        url = nodes[number % len(nodes)].url
        with open(self._extra(name), 'w') as file:
            file.write(f'[database]\nconnection = {url}\n{more}')

    def _extra(self, name):
        return os.path.join(self.folder, f'{name}.conf')

    # -- processes -------------------------------------------------------

    @property
    def workers(self):
        """Names of the workers."""
        return [name for name in self.processes if 'worker' in name]

    @property
    def apis(self):
        """Names of the APIs."""
        return list(self.ports)

    def start(self, name):
        """Start a process; not waiting for it to be at work."""
        files = ['--config-file', self.config,
                 '--config-file', self._extra(name)]
        command = f'manila-backup-{name.rstrip("0123456789")}'
        log = os.path.join(self.folder, f'{name}-{len(self.logs)}.log')
        self.logs.append(log)
        self.processes[name] = cloud.Process(command, files, log)

    def start_all(self, meanwhile=lambda: None):
        """Start what is not running, and wait until all APIs answer.

        :param meanwhile: called again and again until then.
        """
        for name, process in self.processes.items():
            if process is None:
                self.start(name)

        def answer():
            meanwhile()
            return all(map(servers.listens, self.ports.values()))

        cloud.eventually('the APIs', answer, STARTING)

    def stop_all(self):
        """End all processes.

        :returns: dict of name to the exit status of each that was running.
        """
        running = {name: process for name, process in self.processes.items()
                   if process}
        threads = [threading.Thread(target=process.stop)
                   for process in running.values()]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.processes.update(dict.fromkeys(running))
        if self._engine is not None:
            self._engine.dispose()
        return {name: process.stop() for name, process in running.items()}

    def end_hard(self):
        """End what is still there, at once."""
        for process in self.processes.values():
            if process:
                process.kill()

    def manage(self, *args):
        """manila-backup-manage; see :meth:`tests.functional.cloud.Cloud.
        manage`."""
        return cloud.Cloud.manage(self, *args)

    # -- database --------------------------------------------------------

    def try_rows(self, query, **values):
        """Rows of a query in SQL.

        :returns: list of rows; None if the database is not there.
        """
        # Who froze it is who thaws it, and must not wait for it until then.
        if self.database.frozen():
            return None
        try:
            with self._engine.connect() as conn:
                found = conn.execute(sa.text(query), values)
                return found.all() if found.returns_rows else []
        except sa.exc.DBAPIError:
            return None

    def rows(self, query, **values):
        """The same, waiting for the database."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = self.try_rows(query, **values)
            if found is not None:
                return found
            time.sleep(0.3)
        raise RuntimeError('the database does not come back')

    def settle(self):
        """Wait until the database has done what it was told before, also by
        those who are gone."""
        cloud.eventually(
            'the database', lambda: self.database.ready()
            and self.try_rows('SELECT 1'), PATIENCE, 0.3)
        time.sleep(1)

    def operation(self, user):
        """The operation that a request of a user made, or None.

        Each request has a user of its own.
        """
        found = self.rows('SELECT * FROM operations WHERE user_id = :user',
                          user=user)
        return found[0] if found else None

    # -- HTTP ------------------------------------------------------------

    def request(self, api, token, method, path, body=None, headers=None):
        """One HTTP request.

        :param api: the name of the API to ask.
        :param path: str, below ``/v2``.
        :param headers: dict of further headers.
        :returns: an :class:`~tests.functional.cloud.Answer`, or REFUSED, or
            LOST.
        """
        conn = http.client.HTTPConnection('127.0.0.1', self.ports[api],
                                          timeout=PATIENCE)
        with contextlib.closing(conn):
            try:
                conn.connect()
            except OSError:
                return REFUSED
            try:
                conn.request(
                    method, '/v2' + path,
                    None if body is None else json.dumps(body),
                    {'X-Auth-Token': token,
                     'Content-Type': 'application/json',
                     'X-OpenStack-Manila-API-Version': '2.91',
                     **(headers or {})})
                answer = conn.getresponse()
                return cloud.Answer(answer.status, answer.headers,
                                    answer.read())
            except (OSError, http.client.HTTPException):
                return LOST
