# SPDX-License-Identifier: Apache-2.0
"""APIs, claims and receipts on different servers of a Galera cluster."""

import atexit
import collections
import concurrent.futures
import functools
import os
import shutil
import tempfile
import threading
import urllib.error
import urllib.request
import uuid

import fixtures
import sqlalchemy as sa

from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import queue as db_queue
from manila_backup.db import quotas as db_quotas
from manila_backup.db import rows
from tests.functional import base
from tests.functional import cloud
from tests.functional import proxy
from tests.soak import galera

RACERS = 64


@functools.cache
def _cluster():
    """The cluster of this process: to start one takes 20 seconds."""
    folder = tempfile.mkdtemp(prefix='galera-', dir=cloud.FOLDER)
    os.chmod(folder, 0o711)
    found = galera.Galera(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(found.stop)
    found.start()
    return found


class _Schema(fixtures.Fixture):
    """A database on the cluster; see databases.Schema."""

    def _setUp(self):
        self.name = f'manila_backup_{uuid.uuid4().hex[:12]}'
        node = _cluster().nodes[0]
        self.url = node.admin.replace('/mysql', f'/{self.name}')
        admin = sa.create_engine(node.admin, isolation_level='AUTOCOMMIT')
        self.addCleanup(admin.dispose)
        with admin.connect() as conn:
            conn.exec_driver_sql(f'CREATE DATABASE {self.name}')


class _Cloud(cloud.Cloud):

    def _make_database(self):
        return self.useFixture(_Schema())


class Galera(base.TestCase):

    cloud_class = _Cloud
    options = {'quota__shares': -1, 'quota__gigabytes': -1,
               'database__mysql_wsrep_sync_wait': 1}

    def setUp(self):
        super().setUp()
        self.nodes = _cluster().nodes
        self.ports = []

    def _url(self, number, port=None):
        return sa.make_url(self.cloud.database.url).set(
            port=port or self.nodes[number].port)

    def _use(self, number, port=None):
        """A configuration file that names a node."""
        url = self._url(number, port)
        path = os.path.join(self.cloud.root, f'node{number}-{url.port}.conf')
        with open(path, 'w') as file:
            file.write(f'[database]\nconnection = {url}\n')
        return path

    def _start_api(self, number):
        port = cloud.free_port()
        self.cloud.start_api(port, self._use(number))
        self.ports.append(port)

    def _database(self, number, port=None):
        conf = config.load(['--config-file', self.cloud.config,
                            '--config-file', self._use(number, port)],
                           'test')
        database = engine.Database(conf)
        self.addCleanup(database.dispose)
        return database

    @staticmethod
    def _race(function, arguments):
        """Call it with each at the same moment.

        :returns: list of what it returned.
        """
        barrier = threading.Barrier(len(arguments))

        def run(each):
            barrier.wait()
            return function(*each)

        with concurrent.futures.ThreadPoolExecutor(len(arguments)) as pool:
            return list(pool.map(run, arguments))

    def test_what_another_created_is_there(self):
        for number in range(2):
            self._start_api(number)
        missing = 0
        for _ in range(200):
            share = self.cloud.request(
                'POST', '/shares',
                {'share': {'share_proto': 'NFS', 'size': 1}},
                port=self.ports[0]).body['share']
            missing += self.cloud.request(
                'GET', f'/shares/{share["id"]}',
                port=self.ports[1]).status == 404
        self.assertEqual(0, missing)

    def test_quota(self):
        for number in range(2):
            self._start_api(number)
        self.cloud.ask(200, 'PUT', '/quota-sets/p1',
                       {'quota_set': {'shares': 10}}, token='admin:admin',
                       port=self.ports[0])
        body = {'share': {'share_proto': 'NFS', 'size': 1}}
        answers = self._race(
            lambda port: self.cloud.request('POST', '/shares', body,
                                            port=port).status,
            [(self.ports[number % 2],) for number in range(RACERS)])
        self.assertEqual({200: 10, 403: RACERS - 10},
                         collections.Counter(answers))
        self.assertEqual([(10,)], self.cloud.rows(
            'SELECT count(*) FROM shares'))

    def test_a_project_that_is_new(self):
        databases = [self._database(number) for number in range(2)]

        def admit(number, project):
            databases[number % 2].write(db_quotas.lock, project)

        for project in range(20):
            self._race(admit, [(number, f'new{project}')
                               for number in range(8)])
        self.assertEqual([(20,)], self.cloud.rows(
            "SELECT count(*) FROM project_locks WHERE project_id LIKE 'new%'"))

    def test_each_operation_is_claimed_once(self):
        databases = [self._database(number) for number in range(3)]
        self._start_api(0)
        for _ in range(20):
            self.cloud.request('POST', '/shares', {
                'share': {'share_proto': 'NFS', 'size': 1}},
                port=self.ports[0])
        ids = [id_ for id_, in self.cloud.rows('SELECT id FROM operations')]
        self.assertEqual(20, len(ids))

        def claim(worker):
            return [id_ for id_ in ids if databases[worker % 3].write(
                db_queue.claim, id_, f'w{worker}', 600)]

        claimed = self._race(claim, [(worker,) for worker in range(6)])
        self.assertEqual(sorted(ids), sorted(sum(claimed, [])))
        self.assertEqual([(1,)], self.cloud.rows(
            'SELECT DISTINCT attempt FROM operations'))

    def test_without_the_others(self):
        self.cloud.tolerate = '.'
        self._start_api(0)
        cloud.eventually('health', lambda: self._health() == 200, pause=0.5)
        for each in self.nodes[1:]:
            self.addCleanup(each.thaw)
            each.freeze()
        cloud.eventually('no health', lambda: self._health() == 503,
                         pause=0.5)
        for each in self.nodes[1:]:
            each.thaw()
        cloud.eventually('health again', lambda: self._health() == 200,
                         pause=0.5)
        cloud.eventually('the cluster', _cluster().ready, pause=0.5)

    def _health(self):
        try:
            with urllib.request.urlopen(
                    f'http://127.0.0.1:{self.ports[0]}/healthcheck',
                    timeout=cloud.PATIENCE) as found:
                return found.status
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code

    def test_killed_while_commits_are_under_way(self):
        between = self.useFixture(
            proxy.Proxy('127.0.0.1', self.nodes[2].port))
        database = self._database(2, between.port)
        written, stop = collections.Counter(), threading.Event()

        def write(conn):
            rows.insert(conn, models.project_locks,
                        project_id=uuid.uuid4().hex)

        def go_on(number):
            while not stop.is_set():
                database.write(write)
                written[number] += 1

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            each = [pool.submit(go_on, number) for number in range(4)]
            try:
                cloud.eventually('writes', lambda: written.total() > 100)
                between.lead_to('127.0.0.1', self.nodes[0].port)
                self.nodes[2].kill()
                before = written.total()
                cloud.eventually('more writes',
                                 lambda: written.total() > before + 100)
            finally:
                stop.set()
                if not self.nodes[2].runs():
                    self.nodes[2].start()
        for one in each:
            one.result()
        self.assertEqual([(written.total(),)], self.cloud.rows(
            'SELECT count(*) FROM project_locks'))
