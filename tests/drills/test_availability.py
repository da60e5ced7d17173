# SPDX-License-Identifier: Apache-2.0
"""Three APIs behind HAProxy, three workers, a Galera cluster and a cluster of
RabbitMQ: each of them is lost while backups are asked for, and none of those
is."""

import base64
import contextlib
from http import client as http_client
import os
import re
import shutil
import tempfile
import threading
import time

import bcrypt
import fixtures
import sqlalchemy as sa

from tests.functional import base as functional
from tests.functional import cloud
from tests.soak import galera
from tests.soak import servers

_ETC = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), 'etc', 'manila-backup')

COUNT = 3

PASSWORD = 'right'


class Broker(servers.RabbitMQ):
    """One of a cluster.

    :param number: int, from 0 on.
    :param epmd_port: int, the port by which they find one another.
    """

    _names = [f'r{number}@localhost' for number in range(COUNT)]

    def __init__(self, folder, number, epmd_port):
        os.mkdir(folder)
        super().__init__(folder, ''.join([
            'cluster_formation.peer_discovery_backend = classic_config\n',
            *(f'cluster_formation.classic_config.nodes.{place} = {name}\n'
              for place, name in enumerate(self._names, 1))]))
        self._epmd_port = epmd_port
        self._environment.update(RABBITMQ_NODENAME=self._names[number],
                                 ERL_EPMD_PORT=str(epmd_port))
        cookie = os.path.join(folder, 'home', '.erlang.cookie')
        with open(cookie, 'w') as file:
            file.write('availability')
        os.chmod(cookie, 0o400)

    def share(self, epmd):
        """Use what another has started; returns it otherwise."""
        self._epmd = epmd or self._epmd
        return self._epmd

    def size(self):
        """Number of members that it knows to run, itself included."""
        said = self.control('eval', 'length(rabbit_nodes:all_running()).')
        return int(said or 0)


class Proxy(servers.Server):
    """HAProxy, configured as the guide says.

    :param apis: list of int, ports; ``databases``: the same.
    """

    def __init__(self, folder, apis, databases):
        os.mkdir(folder)
        super().__init__(folder)
        self.database = servers.own_port()
        with open(os.path.join(_ETC, 'haproxy.cfg')) as file:
            text = file.read()
        for number, ports in enumerate(zip(apis, databases), 1):
            for name, port, usual in zip(('api', 'db'), ports, (8789, 3306)):
                text = text.replace(f'{name}{number}.example:{usual}',
                                    f'127.0.0.1:{port}')
        self.config = os.path.join(folder, 'haproxy.cfg')
        options = os.path.join(folder, 'galera-check.cnf')
        with open(options, 'w') as file:
            file.write('[client]\nuser = root\n')
        # It has no environment that it could be told by.
        check = os.path.join(folder, 'galera-check')
        with open(check, 'w') as file:
            file.write(f'#!/bin/sh\nGALERA_CHECK_CNF={options} '
                       f'exec {_ETC}/galera-check "$@"\n')
        os.chmod(check, 0o755)
        for old, new in (
                ('log /dev/log local0', 'log stdout format raw local0'),
                ('bind :8789', f'bind 127.0.0.1:{self.port}'),
                ('bind 127.0.0.1:3306', f'bind 127.0.0.1:{self.database}'),
                ('external-check command /usr/local/bin/galera-check',
                 f'external-check command {check}')):
            # Not in a comment.
            text, count = re.subn(f'(?m)^( +(?!#).*){re.escape(old)}$',
                                  rf'\g<1>{new}', text)
            if count != 1:
                raise AssertionError(f'{count} times: {old}')
        with open(self.config, 'w') as file:
            file.write(text)

    def command(self):
        return [servers.program('haproxy'), '-db', '-f', self.config], None


class _Schema(fixtures.Fixture):
    """A database on the cluster, by way of the proxy."""

    def __init__(self, node, proxy):
        self._node = node
        name = 'manila_backup'
        self.url = f'mysql+pymysql://root@127.0.0.1:{proxy.database}/{name}'

    def _setUp(self):
        admin = sa.create_engine(self._node.admin,
                                 isolation_level='AUTOCOMMIT')
        self.addCleanup(admin.dispose)
        with admin.connect() as conn:
            conn.exec_driver_sql('CREATE DATABASE manila_backup')


class _Cloud(cloud.Cloud):

    MADE = False
    made = None

    def _make_database(self):
        return self.useFixture(_Schema(*self.made))

    def request(self, *args, headers=None, **kwargs):
        # noauth lets nobody in that comes by way of a proxy.
        token = base64.b64encode(f'demo:{PASSWORD}'.encode()).decode()
        return super().request(*args, headers={
            'Authorization': f'Basic {token}', **(headers or {})}, **kwargs)

    def rows(self, query, **values):
        # Its connection may have been to a server that is gone.
        with contextlib.suppress(sa.exc.DBAPIError):
            return super().rows(query, **values)
        return super().rows(query, **values)


class Load:
    """Asks for one backup after the other, and notes when it was answered."""

    def __init__(self, ask, shares):
        self._ask = ask
        self._shares = shares
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._forever)
        #: The ids of the backups, and when each was accepted.
        self.accepted = []
        self.refused = []
        #: Number of requests of which the answer does not tell whether an API
        #: has done what they ask for: it was lost before it had answered.
        self.cut_off = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._stop.set()
        self._thread.join()

    def _forever(self):
        number = 0
        while not self._stop.is_set():
            number += 1
            share = self._shares[number % len(self._shares)]
            try:
                answer = self._ask(share)
            except (OSError, http_client.HTTPException) as exc:
                self.cut_off += 1
                self.refused.append((time.monotonic(), str(exc)))
                continue
            if answer.status == 202:
                self.accepted.append((time.monotonic(),
                                      answer.body['share_backup']['id']))
            elif answer.status != 400:      # one of it is being made
                self.cut_off += answer.status in (502, 504)
                self.refused.append((time.monotonic(), answer.status))

    def gap(self, since):
        """The longest time, in seconds, between two that were accepted."""
        times = [since, *(at for at, _ in self.accepted if at > since)]
        return max(after - before
                   for before, after in zip(times, times[1:], strict=False))

    def await_more(self, count):
        """Wait until so many more were accepted."""
        wanted = len(self.accepted) + count
        cloud.eventually(f'{count} more backups',
                         lambda: self._there_are(wanted))

    def _there_are(self, count):
        if not self._thread.is_alive():
            raise AssertionError('nobody asks any more')
        return len(self.accepted) >= count


class Availability(functional.TestCase):

    cloud_class = _Cloud

    def setUp(self):
        folder = tempfile.mkdtemp(prefix='availability-', dir=cloud.FOLDER)
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        os.chmod(folder, 0o711)
        self.folder = folder
        self._start_servers()
        _Cloud.made = self.cluster.nodes[0], self.proxy
        options = 'oslo_messaging_rabbit__'
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        for name, text in (
                ('htpasswd', f'demo:{hashed}\n'),
                ('roles', 'demo: {project: p1, roles: [member]}\n')):
            with open(os.path.join(folder, name), 'w') as file:
                file.write(text)
        self.options = {
            'transport_url': 'rabbit://' + ','.join(
                f'guest:guest@127.0.0.1:{each.port}'
                for each in self.brokers) + '/',
            f'{options}rabbit_quorum_queue': True,
            f'{options}rabbit_transient_quorum_queue': True,
            f'{options}use_queue_manager': True,
            'auth_strategy': 'http_basic',
            'http_basic__user_file': os.path.join(folder, 'htpasswd'),
            'http_basic__role_file': os.path.join(folder, 'roles'),
            'database__mysql_wsrep_sync_wait': 1,
            'oslo_middleware__enable_proxy_headers_parsing': True,
            'quota__backups': -1, 'quota__backup_gigabytes': -1}
        super().setUp()
        self.cloud.tolerate = '.'
        self.cloud.port = self.proxy.port

    def _start_servers(self):
        self.ports = [servers.own_port() for _ in range(COUNT)]
        below = os.path.join(self.folder, 'galera')
        os.mkdir(below, 0o711)
        self.cluster = galera.Galera(below)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        self.proxy = Proxy(os.path.join(self.folder, 'haproxy'), self.ports,
                           [each.port for each in self.cluster.nodes])
        self.addCleanup(self.proxy.stop)
        self.proxy.start()
        cloud.eventually('a database', lambda: self._is_there(
            self.proxy.database), pause=0.5)
        epmd_port, epmd = servers.own_port(), None
        self.brokers = []
        for number in range(COUNT):
            found = Broker(os.path.join(self.folder, f'rabbit{number}'),
                           number, epmd_port)
            self.addCleanup(found.stop)
            found.share(epmd)
            found.start()
            epmd = found.share(epmd)
            self.brokers.append(found)
        cloud.eventually('all brokers', lambda: all(
            each.size() == COUNT for each in self.brokers), pause=1)

    @staticmethod
    def _is_there(port):
        engine = sa.create_engine(f'mysql+pymysql://root@127.0.0.1:{port}/',
                                  poolclass=sa.NullPool)
        with contextlib.suppress(sa.exc.DBAPIError):
            engine.connect().close()
            return True

    def _start_api(self, number):
        self.apis[number] = self.cloud.start_api(self.ports[number])

    def _start_worker(self, number):
        path = os.path.join(self.folder, f'worker{number}.conf')
        with open(path, 'w') as file:
            file.write(f'[DEFAULT]\nhost = worker{number}\n')
        self.workers[number] = self.cloud.start_worker(path)

    def test_each_is_lost(self):
        self.apis, self.workers = {}, {}
        for number in range(COUNT):
            self._start_api(number)
            self._start_worker(number)
        cloud.eventually('the proxy to see them', lambda: self.cloud.request(
            'GET', '/share-backups').status == 200, pause=0.5)
        shares = [self.cloud.create_share()['id'] for _ in range(12)]
        made = {share: self.fill(self.cloud.share_path(share), 10, 2000,
                                 number)
                for number, share in enumerate(shares)}
        figures = []
        with Load(self._ask, shares) as load:
            load.await_more(10)
            for what, lose, back in self._losses():
                began, refused = time.monotonic(), len(load.refused)
                lose()
                load.await_more(40)
                figures.append((what, load.gap(began),
                                load.refused[refused:]))
                back()
                load.await_more(10)
        self._judge(load, made)
        # Without brokers no API is healthy, and all are asked.
        with open(os.path.join(self.proxy.folder, 'output')) as log:
            self.assertIn('apis-unchecked/', log.read())
        for what, gap, refused in figures:
            print(f'{what}: {gap:.1f} s, {len(refused)} refused: '
                  f'{sorted({str(said) for _, said in refused})}')
        print(f'{len(load.accepted)} accepted, {load.cut_off} cut off')

    def _losses(self):
        """List what is lost: its name, how, and how it comes back."""
        first = self.cluster.nodes[0]
        yield ('an API', self.apis[0].kill, lambda: self._start_api(0))
        yield ('the database server in use', first.kill, self.cluster.start)
        yield ('a broker', self.brokers[0].kill, self.brokers[0].start)
        yield ('a worker', self.workers[0].kill,
               lambda: self._start_worker(0))
        yield 'all brokers', self._lose_brokers, self._start_brokers

    def _lose_brokers(self):
        for each in self.brokers:
            each.kill()

    def _start_brokers(self):
        # None goes on before it has found the others.
        for each in self.brokers:
            each.launch()
        for each in self.brokers:
            cloud.eventually('a broker', each.has_come_up, pause=0.5)

    def _ask(self, share):
        return self.cloud.request('POST', '/share-backups', {
            'share_backup': {'share_id': share}})

    def _judge(self, load, made):
        """All that was accepted was made, and is what was in the share."""
        there = {backup_id for backup_id, in self.cloud.rows(
            'SELECT id FROM share_backups')}
        accepted = {backup_id for _, backup_id in load.accepted}
        self.assertEqual(set(), accepted - there)
        # And none that nobody has asked for.
        self.assertLessEqual(len(there - accepted), load.cut_off)
        for backup_id in there:
            found = self.cloud.wait_backup(backup_id, 'available')
            self.assertEqual(made[found['share_id']], self.content(
                os.path.join(self.cloud.repository, 'p1', found['share_id'],
                             backup_id, 'data')))
        self.assertEqual([], self.cloud.rows(
            "SELECT id FROM operations WHERE status = 'failed'"))
