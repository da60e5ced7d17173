# SPDX-License-Identifier: Apache-2.0
"""Whatever the bus, the database and Keystone do: every process says that it
is there, and ends when it is told to.

What is tested is that nothing hangs: how long it takes is not.
"""

import concurrent.futures
import contextlib
import http.server
import os
import sys
import threading
import urllib.error
import urllib.request

import fixtures
import sqlalchemy as sa
import testtools

from tests.functional import cloud
from tests.functional import proxy
from tests.functional import rabbit

#: Requests at once: more than there are threads.
MANY = 24

#: What the application is served with where it is not our own server.
SERVE = '''
import signal, sys, waitress
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
from manila_backup.wsgi import api
waitress.serve(api.application, host='127.0.0.1', port=int(sys.argv[1]),
               threads=5)
'''


class Refusing(fixtures.Fixture):
    """A Keystone that lets nobody in, the service neither.

    :ivar port: int.
    """

    def _setUp(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(401)
                self.send_header('Content-Length', '0')
                self.end_headers()

            do_POST = do_GET

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        server.daemon_threads = True
        self.port = server.server_port
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()


class HangingCloud(cloud.Cloud):
    """Processes whose ways to their servers can be cut, or lead to nothing.

    :ivar bus: the way to RabbitMQ.
    :ivar store: the way to the database.
    :ivar keystone: the way to Keystone, which there is none of that works.
    :ivar ports: dict of name of a process to the port it listens on.
    """

    def __init__(self, server, with_keystone=False, **options):
        super().__init__(server, **options)
        self._with_keystone = with_keystone
        self.tolerate = '.*'

    def _configure(self):
        self.ports = {name: cloud.free_port()
                      for name in ('api', 'all', 'wsgi')}
        store = sa.make_url(self.database.url)
        self.bus = self.useFixture(proxy.Proxy(*rabbit.ADDRESS))
        self.store = self.useFixture(proxy.Proxy(
            store.host,
            store.port or {'mysql': 3306, 'postgresql': 5432}[self._server]))
        self.keystone = self.useFixture(proxy.Proxy(
            '127.0.0.1', self.useFixture(Refusing()).port))
        self._options = {
            'transport_url': sa.make_url(cloud.RABBITMQ).set(
                host='127.0.0.1', port=self.bus.port
            ).render_as_string(hide_password=False),
            'database__connection': store.set(
                host='127.0.0.1', port=self.store.port
            ).render_as_string(hide_password=False),
            'database__retry_interval': 1,
            'database__max_retries': -1,
            'backup__shutdown_grace': 2,
            'api__threads': 4,
            **(self._keystone_options() if self._with_keystone else {}),
            **self._options}
        super()._configure()

    def _keystone_options(self):
        url = f'http://127.0.0.1:{self.keystone.port}/v3'
        sign_in = {
            'auth_url': url, 'auth_type': 'password', 'username': 'x',
            'password': 'x', 'project_name': 'x',
            'user_domain_name': 'x', 'project_domain_name': 'x'}
        return {'auth_strategy': 'keystone',
                'keystone_authtoken__www_authenticate_uri': url,
                **{f'{group}__{name}': value
                   for group in ('keystone_authtoken', 'manila_shares')
                   for name, value in sign_in.items()}}

    def launch(self, name, **options):
        """Start a process; what it makes of it is to be seen.

        :param name: str: api, all, worker or wsgi.
        :param options: more of its configuration: GROUP__OPTION=value.
        :returns: a :class:`tests.functional.cloud.Process`.
        """
        own = os.path.join(self.root, f'{name}.conf')
        options.setdefault('api__bind_port', self.ports.get(name, 0))
        options.setdefault('metrics__worker_bind_port', 0)
        with open(own, 'w') as file:
            for key, value in options.items():
                group, _, option = key.partition('__')
                file.write(f'[{group}]\n{option} = {value}\n')
        if name == 'wsgi':
            return self._launch_wsgi(own)
        return self._start(f'manila-backup-{name}', [
            '--config-file', self.config, '--config-file', own])

    def _launch_wsgi(self, own):
        found = cloud.Process(
            'wsgi', [str(self.ports['wsgi'])],
            os.path.join(self.root, 'wsgi.log'), Served(self.config, own))
        self.processes.append(found)
        return found


class Served:
    """How the WSGI application is started, in place of a release."""

    def __init__(self, *files):
        self.surroundings = {'env': {
            **os.environ, 'OS_MANILA_BACKUP_CONFIG_FILES': ';'.join(files)}}

    @staticmethod
    def argv(command):
        return [sys.executable, '-c', SERVE]


class HangingTestCase(testtools.TestCase):

    server = 'mysql'
    keystone = False
    names = ('api', 'all', 'wsgi', 'worker')
    options = {}

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(HangingCloud(
            self.server, self.keystone, **self.options))

    def launch(self):
        """Start one of each, and wait until it can be told to end."""
        started = {name: self._launch(name) for name in self.names}
        for process in started.values():
            cloud.eventually(
                f'{process.command} to listen for signals',
                lambda process=process: self._catches_sigterm(process))
        return started

    def _launch(self, name):
        return self.cloud.launch(name)

    def _catches_sigterm(self, process):
        if not process.running():
            raise AssertionError(f'it ended: {process.said()}')
        with open(f'/proc/{process.pid}/status') as file:
            caught, = (int(line.split()[1], 16) for line in file
                       if line.startswith('SigCgt'))
        return caught & 1 << 14

    def assertWell(self, started):
        """All answer, under a load that gets no answers, and end."""
        with concurrent.futures.ThreadPoolExecutor(MANY) as pool:
            ports = {name: self.cloud.ports[name] for name in started
                     if name in self.cloud.ports}
            for port in ports.values():
                cloud.eventually('a listening API', lambda port=port:
                                 self._get(port, '/') == 300)
            for port in ports.values():
                for _ in range(MANY // len(ports)):
                    pool.submit(self._get, port, '/v2/share-backups')
            for name, port in ports.items():
                for _ in range(3):
                    self.assertEqual(300, self._get(port, '/'), name)
                    self.assertIn(self._get(port, '/healthcheck'),
                                  (200, 503), name)
            for process in started.values():
                process.begin_to_stop()
            for process in started.values():
                self.assertEqual(0, process.wait(), process.said())

    def _get(self, port, path):
        """A request's status; None if there was no connection.

        An answer that doesn't come is an error: that is what is tested.
        """
        request = urllib.request.Request(
            f'http://127.0.0.1:{port}{path}',
            headers={'X-Auth-Token': 'demo:p1',
                     'X-OpenStack-Manila-API-Version': '2.91'})
        try:
            with urllib.request.urlopen(request,
                                        timeout=cloud.PATIENCE) as found:
                return found.status
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code
        except urllib.error.URLError as exc:
            if isinstance(exc.reason, TimeoutError):
                raise
            return None
        except ConnectionError:
            return None

    def _well_after(self, change):
        """What hangs does so while the processes are at work."""
        started = self.launch()
        cloud.eventually('an answer', lambda: self._get(
            self.cloud.ports['api'], '/v2/share-backups') == 200)
        cloud.eventually('a worker', lambda: self.cloud.rows(
            "SELECT id FROM services WHERE identity LIKE "
            f"'here:{started['worker'].pid}:%%'"))
        change()
        self.assertWell(started)


class Bus(HangingTestCase):

    def test_absent(self):
        self.cloud.bus.cut()
        self.assertWell(self.launch())

    def test_silent(self):
        self.cloud.bus.freeze()
        self.assertWell(self.launch())

    def test_goes_silent(self):
        self._well_after(self._freeze_and_publish)

    def _freeze_and_publish(self):
        """As RabbitMQ does with those who publish while it is short of
        memory: it reads no more."""
        self.cloud.bus.freeze()
        for name in ('api', 'all'):
            with contextlib.suppress(OSError):
                self.cloud.request('POST', '/shares', {'share': {
                    'share_proto': 'NFS', 'size': 1}},
                    port=self.cloud.ports[name])


class RefusingBus(HangingTestCase):

    options = {'transport_url': sa.make_url(cloud.RABBITMQ).set(
        password='wrong').render_as_string(hide_password=False)}

    def test_refuses(self):
        self.assertWell(self.launch())


class DatabaseMySQL(HangingTestCase):

    def test_absent(self):
        self.cloud.store.cut()
        self.assertWell(self.launch())

    def test_silent(self):
        self.cloud.store.freeze()
        self.assertWell(self.launch())

    def test_goes_away(self):
        self._well_after(self.cloud.store.cut)

    def test_goes_silent(self):
        self._well_after(self.cloud.store.freeze)

    def test_refuses(self):
        url = sa.make_url(self.cloud.database.url).set(
            username='nobody', password='wrong')
        with open(self.cloud.config, 'a') as file:
            file.write(f'[database]\nconnection = '
                       f'{url.render_as_string(hide_password=False)}\n')
        self.assertWell(self.launch())


class DatabasePostgreSQL(DatabaseMySQL):
    server = 'postgresql'


class Keystone(HangingTestCase):

    keystone = True

    def _launch(self, name):
        # The worker has no use for Keystone but beside a Manila.
        more = {'shares__source': 'manila',
                'manila_shares__access_to': '127.0.0.1'
                } if name == 'worker' else {}
        return self.cloud.launch(name, **more)

    def test_absent(self):
        self.cloud.keystone.cut()
        self.assertWell(self.launch())

    def test_silent(self):
        self.cloud.keystone.freeze()
        self.assertWell(self.launch())

    def test_refuses(self):
        self.assertWell(self.launch())
