# SPDX-License-Identifier: Apache-2.0
"""The API's own server, and clients that are slow, many or unclear, over real
sockets and in a process of its own."""

import contextlib
from http import client
import json
import resource
import socket
import threading

from tests.functional import base
from tests.functional import cloud

HEAD = b'GET /v2/ HTTP/1.1\r\nHost: localhost\r\n'


class ServerCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.api = self.cloud.start_api()

    def connect(self, source='127.0.0.1'):
        """A connection from an address of this machine."""
        found = socket.create_connection(
            ('127.0.0.1', self.cloud.port), cloud.PATIENCE,
            source_address=(source, 0))
        self.addCleanup(found.close)
        return found

    def send(self, data, source='127.0.0.1'):
        """Send, and return what is answered until the other side closes:
        bytes."""
        found = self.connect(source)
        found.sendall(data)
        return self.read(found)

    @staticmethod
    def read(found):
        """Read until the other side closes; returns bytes."""
        parts = []
        with contextlib.suppress(ConnectionResetError):
            while part := found.recv(65536):
                parts.append(part)
        return b''.join(parts)

    @staticmethod
    def ask(connection):
        """The status of a request on a connection that stays; all that is
        answered has been read."""
        connection.sendall(HEAD + b'\r\n')
        answer = client.HTTPResponse(connection)
        answer.begin()
        answer.read()
        return answer.status

    def get(self, source='127.0.0.1'):
        """The status of a request that is sent as a whole."""
        answer = self.send(HEAD + b'Connection: close\r\n\r\n', source)
        return int(answer.split(b' ', 2)[1]) if answer else None


class ManyConnections(ServerCase):

    #: Fewer than what a process may have open, so that it is these that are
    #: the limit.
    options = {'api__max_connections': 300,
               'api__max_connections_per_address': 200}

    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (min(hard, max(soft, 4096)), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE,
                        (soft, hard))

    def test_half_open_connections_silence_nobody(self):
        """Many more than there is room for, from one address and from
        many."""
        half_open = [self.connect(f'127.0.0.{2 + number % 20}')
                     for number in range(600)]
        half_open += [self.connect('127.0.1.1') for _number in range(600)]
        for each in half_open[::2]:
            with contextlib.suppress(OSError):
                each.sendall(HEAD)
        # From an address of those, and from another one.
        for source in ('127.0.1.1', '127.0.0.2', '127.0.2.1'):
            self.assertEqual(200, self.get(source))
        self.assertEqual(200, self.cloud.request(
            'GET', '/share-backups').status)
        self.assertIn('for each new one', self.api.said())

    def test_who_was_answered_is_kept(self):
        kept = self.connect('127.0.0.9')
        self.assertEqual(200, self.ask(kept))
        half_open = [self.connect('127.0.0.9') for _number in range(400)]
        cloud.eventually('the first of them is closed',
                         lambda: half_open[0].recv(1) == b'')
        self.assertEqual(200, self.ask(kept))


class SlowClients(ServerCase):

    options = {'api__request_timeout': 2}

    def setUp(self):
        super().setUp()
        self.end = threading.Event()
        self.threads = []
        self.addCleanup(self._join)

    def _join(self):
        self.end.set()
        for each in self.threads:
            each.join(cloud.PATIENCE)

    def drip(self, found, data):
        """Send something a byte at a time, for ever."""
        def run():
            with contextlib.suppress(OSError):
                while not self.end.wait(0.1):
                    found.sendall(data)

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def test_slow_head(self):
        found = self.connect()
        found.sendall(HEAD)
        self.drip(found, b'X')
        self._timed_out(self.read(found))

    def test_slow_body(self):
        found = self.connect()
        found.sendall(b'POST /v2/shares HTTP/1.1\r\nHost: localhost\r\n'
                      b'Content-Length: 100000\r\n\r\n')
        self.drip(found, b' ')
        self._timed_out(self.read(found))

    def test_slow_chunks(self):
        found = self.connect()
        found.sendall(b'POST /v2/shares HTTP/1.1\r\nHost: localhost\r\n'
                      b'Transfer-Encoding: chunked\r\n\r\n')
        self.drip(found, b'1\r\n \r\n')
        self._timed_out(self.read(found))

    def _timed_out(self, answer):
        head, _, body = answer.partition(b'\r\n\r\n')
        self.assertTrue(head.startswith(b'HTTP/1.1 408 '), answer)
        self.assertEqual(408, json.loads(body)['badRequest']['code'])

    def test_nothing_at_all(self):
        self.assertEqual(b'', self.read(self.connect()))

    def test_lines_without_a_request(self):
        """After a request that was answered, too."""
        for first in (b'', HEAD + b'\r\n'):
            found = self.connect()
            found.sendall(first)
            self.drip(found, b'\r\n\r\n')
            self.read(found)

    def test_answer_that_nobody_takes(self):
        share = self.cloud.ask(200, 'POST', '/shares', {'share': {
            'share_proto': 'NFS', 'size': 1, 'description': 'x' * 250,
        }})['share']
        self.assertTrue(share['id'])
        found = socket.socket()
        self.addCleanup(found.close)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        found.settimeout(cloud.PATIENCE)
        found.connect(('127.0.0.1', self.cloud.port))
        # Many answers, one after the other, none of which is read.
        request = (b'GET /v2/openapi.json HTTP/1.1\r\n'
                   b'Host: localhost\r\n\r\n')
        with contextlib.suppress(OSError):
            for _number in range(200):
                found.sendall(request)

        def closed():
            try:
                found.sendall(request)
            except OSError:
                return True

        cloud.eventually('the connection is closed', closed, pause=0.2)


class UnclearRequests(ServerCase):

    def test_framing(self):
        chunked = b'Transfer-Encoding: chunked\r\n'
        length = b'Content-Length: 5\r\n'
        for number, (head, body) in enumerate((
                (length + chunked, b'0\r\n\r\n'),
                (chunked + length, b'0\r\n\r\n'),
                (b'content-length: 5\r\nCONTENT-LENGTH: 6\r\n', b'hello!'),
                (length + length, b'hello'),
                (b'Content-Length: 5, 5\r\n', b'hello'),
                (b'Content-Length: +5\r\n', b'hello'),
                (b'Content-Length: 0x5\r\n', b'hello'),
                (b'Content-Length: -1\r\n', b''),
                (b'Content-Length:\r\n', b''),
                (chunked + chunked, b'0\r\n\r\n'),
                (b'Transfer-Encoding: chunked, chunked\r\n', b'0\r\n\r\n'),
                (b'Transfer-Encoding:\r\n' + length, b'hello'),
                (b'Transfer-Encoding:\r\n chunked\r\n', b'0\r\n\r\n'),
                (b'Transfer-Encoding : chunked\r\n', b'0\r\n\r\n'),
                (b'X: y\r\n z\r\n', b''),
                (b'Host: other\r\n', b''),
                (chunked, b'5;\n\r\nhello\r\n0\r\n\r\n'),
                (chunked, b'x\r\nhello\r\n0\r\n\r\n'),
                (chunked, b'-5\r\nhello\r\n0\r\n\r\n'),
                (chunked, b'5\r\nhelloworld\r\n0\r\n\r\n'),
                (chunked, b'5\nhello\n0\n\n\r\n'))):
            smuggled = b'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n'
            answer = self.send(b'POST /v2/ HTTP/1.1\r\nHost: localhost\r\n'
                               + head + b'\r\n' + body + smuggled)
            self.assertIn(b' 400 ', answer.split(b'\r\n')[0],
                          (number, head, body))
            # Nothing after it is taken for a request.
            self.assertEqual(1, answer.count(b'HTTP/1.'), answer)
            self.assertIn(b'badRequest', answer)

    def test_older_versions_have_no_chunks(self):
        for version in (b'HTTP/1.0', b'HTTP/1.2', b'HTTP/0.9'):
            answer = self.send(b'POST /v2/ ' + version + b'\r\n'
                               b'Host: localhost\r\n'
                               b'Transfer-Encoding: chunked\r\n\r\n'
                               b'0\r\n\r\n')
            self.assertIn(b' 400 ', answer.split(b'\r\n')[0])

    def test_chunks(self):
        body = json.dumps({'share': {'share_proto': 'NFS',
                                     'size': 1}}).encode()
        answer = self.send(
            b'POST /v2/shares HTTP/1.1\r\nHost: localhost\r\n'
            b'Content-Type: application/json\r\nConnection: close\r\n'
            b'X-OpenStack-Manila-API-Version: 2.91\r\n'
            b'Transfer-Encoding: chunked\r\n\r\n'
            b'3\r\n' + body[:3] + b'\r\n'
            + b'%x;a=b\r\n' % len(body[3:]) + body[3:] + b'\r\n0\r\n\r\n')
        self.assertTrue(answer.startswith(b'HTTP/1.1 200 '), answer)
