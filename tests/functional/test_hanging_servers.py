# SPDX-License-Identifier: Apache-2.0
"""Processes while the bus, the database or Keystone hang: each says that it is
there, and ends when it is told to.

What is tested is that nothing hangs: how long it takes is not, but for the
end.
"""

import concurrent.futures
import functools
import http.server
import os
import re
import signal
import sys
import threading
import time
import urllib.error
import urllib.request

import fixtures
import psutil
import sqlalchemy as sa
import testtools

from tests.functional import cloud
from tests.functional import databases
from tests.functional import proxy
from tests.functional import rabbit

#: Requests at once: more than there are threads.
MANY = 24

#: Seconds for the start of processes, four at a time, some of which wait for
#: servers meanwhile.
START = 300

#: Seconds that each has to end, and those that a machine may be late that is
#: busy with other things.
GRACE, LATE = 17, 60

#: A request for a share, of which workers are to be told.
SHARE = b'{"share": {"share_proto": "NFS", "size": 1}}'

#: The configuration of uWSGI that comes with the service.
UWSGI = os.path.join(os.path.dirname(__file__), '..', '..', 'etc',
                     'manila-backup', 'manila-backup-api-uwsgi.ini')

#: What a server does: (what happens to it, see :class:`HangingCloud`; whether
#: the processes are at work by then).
TROUBLES = {
    'is_absent': ('cut', False),
    'is_silent': ('freeze', False),
    'is_silent_after_the_login': ('freeze_at_the_first_statement', False),
    'refuses': ('refuse', False),
    'goes_away': ('cut', True),
    'goes_silent': ('freeze', True),
    'is_short_of_memory': ('block_publishers', True),
}

DATABASE = ('is_absent', 'is_silent', 'is_silent_after_the_login', 'refuses',
            'goes_away', 'goes_silent')

#: Which server does what.
CASES = {
    'bus': ('is_absent', 'is_silent', 'refuses', 'goes_away', 'goes_silent',
            'is_short_of_memory'),
    'mysql': DATABASE,
    'postgresql': DATABASE,
    'keystone': ('is_absent', 'is_silent', 'refuses'),
}


class Stopping(proxy.Proxy):
    """One that freezes as soon as somebody sends a statement.

    :ivar stops: bool, whether it does.
    """

    stops = False

    def _take(self, near, far, source):
        data = super()._take(near, far, source)
        if self.stops and source is near and (
                b'SELECT' in data or b'SHOW' in data):
            self.freeze()
            self._moving.wait()
        return data


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
    """Processes one of whose servers does not do what it should.

    :param at_fault: str, which: ``bus``, ``mysql``, ``postgresql`` or
        ``keystone``.
    :param own_bus: bool, to have a RabbitMQ of its own.
    :ivar way: the way to that server.
    :ivar ports: dict of name of a process to the port it listens on.
    """

    def __init__(self, at_fault, own_bus=False):
        super().__init__(at_fault if at_fault == 'postgresql' else 'mysql')
        self.at_fault = at_fault
        self.tolerate = '.*'
        self._own_bus = own_bus

    def _configure(self):
        self.ports = {name: cloud.free_port()
                      for name in ('api', 'all', 'wsgi')}
        bus = sa.make_url(cloud.RABBITMQ)
        if self._own_bus:
            self._broker = self.useFixture(rabbit.Server(self.root)).server
            bus = sa.make_url(self._broker.url)
        store = sa.make_url(self.database.url)
        ways = {
            'bus': self._way(bus.host, bus.port or 5672),
            self._server: self._way(*databases.address(store)),
            'keystone': self._way('127.0.0.1',
                                  self.useFixture(Refusing()).port)}
        self.way = ways[self.at_fault]
        self._bus = bus.set(host='127.0.0.1', port=ways['bus'].port)
        self._store = store.set(host='127.0.0.1',
                                port=ways[self._server].port)
        if self._server == 'postgresql':
            # Encrypted, nobody in between would see a statement.
            self._store = self._store.update_query_dict(
                {'sslmode': 'disable'})
        self._options = {
            'transport_url': self._bus.render_as_string(hide_password=False),
            'database__connection': self._store.render_as_string(
                hide_password=False),
            'report_interval': 1,
            'database__retry_interval': 1,
            'database__max_retries': -1,
            'backup__shutdown_grace': GRACE,
            'api__threads': 4,
            **(self._keystone_options(ways['keystone'].port)
               if self.at_fault == 'keystone' else {})}
        super()._configure()

    def _way(self, host, port):
        return self.useFixture(Stopping(host, port))

    # -- what happens to the server --------------------------------------

    def cut(self):
        """It goes away."""
        self.way.cut()

    def freeze(self):
        """It says nothing more."""
        self.way.freeze()

    def freeze_at_the_first_statement(self):
        """It says nothing more, once it has let somebody in."""
        self.way.stops = True

    def refuse(self):
        """It lets nobody in. This Keystone never does."""
        if self.at_fault == 'bus':
            self._add('DEFAULT', 'transport_url',
                      self._bus.set(password='wrong'))
        elif self.at_fault != 'keystone':
            self._add('database', 'connection', self._store.set(
                username='nobody', password='wrong'))

    def _add(self, group, option, url):
        with open(self.config, 'a') as file:
            file.write(f'[{group}]\n{option} = '
                       f'{url.render_as_string(hide_password=False)}\n')

    def block_publishers(self):
        """RabbitMQ reads nothing more of those who publish."""
        self._broker.control('set_vm_memory_high_watermark', '0')
        cloud.eventually('an alarm', lambda: 'memory' in (
            self._broker.control('eval', 'rabbit_alarm:get_alarms().')))

    # -- processes -------------------------------------------------------

    @staticmethod
    def _keystone_options(port):
        url = f'http://127.0.0.1:{port}/v3'
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
            return self._launch_wsgi()
        return self._start(f'manila-backup-{name}', [
            '--config-file', self.config, '--config-file', own])

    def _launch_wsgi(self):
        ini = os.path.join(self.root, 'uwsgi.ini')
        # Its environment is given to it: what is a Python package of uWSGI
        # reads "env" too late.
        with open(UWSGI) as file, open(ini, 'w') as changed:
            changed.write(re.sub(
                '(?m)^(http-socket|virtualenv|env) = .*', lambda found: {
                    'http-socket':
                        f'http-socket = 127.0.0.1:{self.ports["wsgi"]}',
                    'virtualenv': f'virtualenv = {sys.prefix}',
                    'env': ''}[found[1]], file.read()))
        found = cloud.Process('uwsgi', ['--ini', ini],
                              os.path.join(self.root, 'uwsgi.log'),
                              Surrounded(self.config))
        self.processes.append(found)
        return found


class Surrounded:
    """Environment that uWSGI is started in, in place of a release."""

    argv = staticmethod(cloud.argv)

    def __init__(self, file):
        self.surroundings = {'env': {
            **os.environ, 'OS_MANILA_BACKUP_CONFIG_FILES': file}}


class HangingServers(testtools.TestCase):

    def _test(self, server, trouble):
        happening, is_at_work = TROUBLES[trouble]
        self.cloud = self.useFixture(HangingCloud(
            server, own_bus=happening == 'block_publishers'))
        happen = getattr(self.cloud, happening)
        if not is_at_work:
            happen()
        started = self.launch()
        if is_at_work:
            self._wait_until_at_work(started)
            happen()
        if server == 'bus':
            # Nobody needs it to be answered.
            for port in self.cloud.ports.values():
                cloud.eventually('a share', lambda port=port: self._get(
                    port, '/v2/shares', SHARE) == 200, START)
            self._wait_for_signs_of_life(started['worker'])
        self.assertWell(started)
        if server == 'bus':
            # They are taken back before anything waits for it.
            self.assertEqual([], self._signs_of_life(started['worker']))

    def launch(self):
        """Start one of each, and wait until it can be told to end."""
        started = {name: self._launch(name)
                   for name in ('api', 'all', 'wsgi', 'worker')}
        for process in started.values():
            cloud.eventually(
                f'{process.command} to listen for signals',
                lambda process=process: self._catches_sigterm(process),
                START)
        return started

    def _launch(self, name):
        # The worker has no use for Keystone but beside a Manila.
        more = {'shares__source': 'manila',
                'manila_shares__access_to': '127.0.0.1'
                } if (name, self.cloud.at_fault) == ('worker', 'keystone') \
            else {}
        return self.cloud.launch(name, **more)

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
                                 self._get(port, '/') == 300, START)
            for port in ports.values():
                for _ in range(MANY // len(ports)):
                    pool.submit(self._get, port, '/v2/share-backups')
                    pool.submit(self._get, port, '/v2/shares', SHARE)
            for name, port in ports.items():
                for _ in range(3):
                    self.assertEqual(300, self._get(port, '/'), name)
                    self.assertIn(self._get(port, '/healthcheck'),
                                  (200, 503), name)
            began = time.monotonic()
            for process in started.values():
                process.begin_to_stop()
            for process in started.values():
                self.assertEqual(0, process.wait(), process.said())
            self.assertLess(time.monotonic() - began, GRACE + LATE)

    def _get(self, port, path, body=None):
        """A request's status; None if there was no connection.

        An answer that doesn't come is an error: that is what is tested.

        :param body: what to post.
        """
        request = urllib.request.Request(
            f'http://127.0.0.1:{port}{path}', body,
            headers={'X-Auth-Token': 'demo:p1',
                     'Content-Type': 'application/json',
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

    def _wait_until_at_work(self, started):
        for port in self.cloud.ports.values():
            cloud.eventually('an answer', lambda port=port: self._get(
                port, '/v2/share-backups') == 200, START)
        cloud.eventually('a worker', lambda: self._signs_of_life(
            started['worker']), START)

    def _signs_of_life(self, worker):
        """The row of a worker: [(when it was written last,)]."""
        return self.cloud.rows('SELECT last_seen FROM services WHERE '
                               f"identity LIKE 'here:{worker.pid}:%%'")

    def _wait_for_signs_of_life(self, worker):
        """Wait until a worker has said that it is there, and again."""
        first = cloud.eventually('a sign of life', lambda: self._signs_of_life(
            worker), START)
        cloud.eventually('another', lambda: self._signs_of_life(
            worker) > first, START)

    def test_uwsgi_ends_while_it_loads_the_application(self):
        hanging = self.useFixture(HangingCloud('mysql'))
        hanging.freeze()
        process = hanging.launch('wsgi')
        # How it ends is looked at here.
        hanging.processes.remove(process)
        cloud.eventually('a connection to the database', lambda: any(
            each.raddr and each.raddr.port == hanging.way.port for each
            in psutil.Process(process.pid).net_connections()), START)
        process.begin_to_stop()
        self.assertIn(process.wait(), (0, -signal.SIGTERM), process.said())


def _add_tests():
    for server, troubles in CASES.items():
        for trouble in troubles:
            setattr(HangingServers, f'test_{server}_{trouble}',
                    functools.partialmethod(HangingServers._test, server,
                                            trouble))


_add_tests()
