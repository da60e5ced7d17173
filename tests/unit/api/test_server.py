# SPDX-License-Identifier: Apache-2.0
"""The server, over real sockets."""

import json
import socket
import threading
import time
from unittest import mock
import urllib.error
import urllib.request

import fixtures
from oslotest import base as test_base

from manila_backup.api import health
from manila_backup.api import server
from manila_backup import exception
from manila_backup.wsgi import config_files
from tests.unit.api import base


class TestServer(test_base.BaseTestCase):

    def _start(self, app=None, **options):
        folder = self.useFixture(fixtures.TempDir()).path
        conf = base.make_conf(folder, api__bind_port=0, **options)
        found = server.Server(conf, app or self._app)
        found.start()
        self.addCleanup(found.stop)
        return found

    @staticmethod
    def _app(environ, start_response):
        body = environ['wsgi.input'].read()
        start_response('200 OK', [('Content-Length', str(len(body)))])
        return [body]

    def _get(self, url, data=None):
        try:
            with urllib.request.urlopen(url, data, timeout=60) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers, answer.read()

    def test_serves(self):
        found = self._start()
        self.assertEqual(f'http://127.0.0.1:{found.port}', found.url)
        self.assertEqual((200, b'hello'),
                         self._get(found.url, b'hello')[::2])

    def test_sockets_of_somebody_else(self):
        folder = self.useFixture(fixtures.TempDir()).path
        conf = base.make_conf(folder, api__bind_host='192.0.2.1')
        sockets = [socket.create_server(('127.0.0.1', 0)),
                   socket.create_server(('::1', 0), family=socket.AF_INET6)]
        ports = [each.getsockname()[1] for each in sockets]
        found = server.Server(conf, self._app, sockets)
        self.addCleanup(found.stop)
        found.start()
        self.assertEqual(f'http://127.0.0.1:{ports[0]}', found.url)
        for url in found.url, f'http://[::1]:{ports[1]}':
            self.assertEqual((200, b'hello'),
                             self._get(url, b'hello')[::2])

    def test_sockets_that_can_not_be_served(self):
        folder = self.useFixture(fixtures.TempDir()).path
        conf = base.make_conf(folder)
        with socket.socket(socket.AF_UNIX) as unix:
            self.assertRaisesRegex(
                exception.ConfigurationError, 'not a TCP socket',
                server.Server, conf, self._app, [unix])
        with socket.create_server(('0.0.0.0', 0)) as open_to_all:
            self.assertRaisesRegex(
                exception.ConfigurationError, 'not a loopback',
                server.Server, conf, self._app, [open_to_all])

    def test_what_it_refuses_itself(self):
        found = self._start(api__max_request_body_size=100)
        code, headers, body = self._get(found.url, b'x' * 101)
        self.assertEqual(413, code)
        self.assertIn('req-', headers['x-openstack-request-id'])
        self.assertEqual(413, json.loads(body)['overLimit']['code'])
        with socket.create_connection(('127.0.0.1', found.port)) as sock:
            sock.sendall(b'GET / HTTP/1.1\r\nnonsense\r\n\r\n')
            with sock.makefile('rb') as answer:
                self.assertIn(b'badRequest', answer.read())

    def test_finishes_what_it_works_on(self):
        begun, go_on = threading.Event(), threading.Event()

        def slow(environ, start_response):
            begun.set()
            go_on.wait(10)
            start_response('200 OK', [('Content-Length', '2')])
            return [b'ok']

        found = self._start(slow)
        answers = []
        caller = threading.Thread(
            target=lambda: answers.append(self._get(found.url)))
        caller.start()
        begun.wait(10)
        stopper = threading.Thread(target=found.stop)
        stopper.start()
        # Wherever the stop is by now, the request is still answered.
        time.sleep(0.3)
        go_on.set()
        stopper.join(10)
        caller.join(10)
        self.assertEqual([(200, b'ok')], [answer[::2] for answer in answers])
        self.assertRaises(OSError, socket.create_connection,
                          ('127.0.0.1', found.port), 1)

    def test_port_in_use(self):
        found = self._start()
        folder = self.useFixture(fixtures.TempDir()).path
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            conf = base.make_conf(
                folder, api__bind_port=taken.getsockname()[1])
            self.assertRaises(exception.ConfigurationError, server.Server,
                              conf, self._app)
        self.assertTrue(found.port)

    def test_live_pages_take_no_thread_of_others(self):
        go_on = threading.Event()
        all_there = threading.Barrier(3 + server.SPARE)

        def app(environ, start_response):
            if environ['PATH_INFO'] == '/busy':
                all_there.wait(60)
                go_on.wait(60)
            start_response('200 OK', [('Content-Length', '2')])
            return [b'ok']

        found = self._start(app, api__threads=1, ui__enabled=True,
                            ui__live_connections=2)
        callers = [threading.Thread(target=self._get,
                                    args=(f'{found.url}/busy',))
                   for _number in range(2 + server.SPARE)]
        for each in callers:
            each.start()
            self.addCleanup(each.join)
        self.addCleanup(go_on.set)
        # Only once all of them have a thread.
        all_there.wait(60)
        self.assertEqual((200, b'ok'), self._get(found.url)[::2])

    def test_noauth_only_on_loopback(self):
        folder = self.useFixture(fixtures.TempDir()).path
        conf = base.make_conf(folder, api__bind_port=0,
                              api__bind_host='0.0.0.0')
        self.assertRaises(exception.ConfigurationError, server.Server,
                          conf, self._app)


class TestHealthcheck(test_base.BaseTestCase):

    def test_bus_that_hangs_takes_no_thread(self):
        go_on = threading.Event()
        with mock.patch.object(health, 'bus_check',
                               return_value=lambda: go_on.wait(60)):
            api = self.useFixture(base.Api(api__bind_port=0,
                                           api__threads=1))
        found = server.Server(api.conf, api.app)
        found.start()
        self.addCleanup(found.stop)
        # What is stopped first, so that a thread that waits can end.
        self.addCleanup(go_on.set)
        for _number in range(4):
            error = self.assertRaises(urllib.error.HTTPError,
                                      urllib.request.urlopen,
                                      f'{found.url}/healthcheck', timeout=60)
            with error:
                self.assertEqual(503, error.code)
                self.assertIn(b'database: OK', error.read())
        with urllib.request.urlopen(f'{found.url}/v2/',
                                    timeout=60) as answer:
            self.assertEqual(200, answer.status)


class TestConfigFiles(test_base.BaseTestCase):

    def test_from_the_environment(self):
        for environ, files in (
                ({}, None),
                ({'DIR': '/e'}, ['/e/manila-backup.conf']),
                ({'DIR': '/e', 'FILES': 'a.conf; /b.conf;'},
                 ['/e/a.conf', '/b.conf']),
                ({'FILES': '/a.conf'}, ['/a.conf'])):
            environ = {f'OS_MANILA_BACKUP_CONFIG_{name}': value
                       for name, value in environ.items()}
            self.assertEqual(files, config_files.from_environ(environ))
