# SPDX-License-Identifier: Apache-2.0
"""Proxy between the service and Manila, which can get in the way."""

import http.client
from http import server
import json
import threading

import fixtures

from tests.functional import cloud

#: What doesn't go beyond the next hop, or is written anew.
_HOPS = ('connection', 'transfer-encoding', 'content-length', 'date',
         'server', 'keep-alive')


class FaultProxy(fixtures.Fixture):
    """An HTTP proxy.

    :param port: int, Manila's.
    :ivar url: str, what stands for Manila's endpoint.
    :ivar requests: list of (method, path, body as str) of all requests.
    :ivar tokens: list of the tokens that came with them.
    :ivar before: called with method, path and body before a request is
        passed on. What it returns, (status, headers, body), is answered
        instead; DROP closes the connection.
    :ivar after: called likewise once Manila has answered, before that is
        passed on.
    """

    def __init__(self, port):
        self._port = port
        self.requests = []
        self.tokens = []
        self.reset()

    def _setUp(self):
        port = cloud.free_port()
        self.url = f'http://127.0.0.1:{port}/v2'
        self._server = server.ThreadingHTTPServer(
            ('127.0.0.1', port), _handler(self))
        self._server.daemon_threads = True
        thread = threading.Thread(target=self._server.serve_forever,
                                  kwargs={'poll_interval': 0.05})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self._server.server_close)
        self.addCleanup(self._server.shutdown)

    def reset(self):
        """Stay out of the way."""
        self.before = self.after = lambda method, path, body: None

    def forward(self, handler, body):
        """Ask Manila.

        :returns: (status, headers, body).
        """
        connection = http.client.HTTPConnection('127.0.0.1', self._port,
                                                timeout=cloud.PATIENCE)
        try:
            headers = {name: value for name, value in handler.headers.items()
                       if name.lower() not in _HOPS}
            connection.request(handler.command, handler.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


#: Instead of an answer: none.
DROP = object()


def refusal(status, message='no', **headers):
    """An answer as Manila gives it."""
    return status, [('Content-Type', 'application/json'),
                    *((name.replace('_', '-'), value)
                      for name, value in headers.items())], json.dumps(
        {'fault': {'code': status, 'message': message}}).encode()


def _handler(proxy):
    class Handler(server.BaseHTTPRequestHandler):

        protocol_version = 'HTTP/1.1'

        def _do(self):
            body = self.rfile.read(int(self.headers.get('Content-Length')
                                       or 0))
            asked = self.command, self.path, body.decode()
            proxy.requests.append(asked)
            proxy.tokens.append(self.headers.get('X-Auth-Token'))
            answer = proxy.before(*asked)
            if answer is None:
                answer = proxy.forward(self, body)
                answer = proxy.after(*asked) or answer
            self.close_connection = answer is DROP
            if answer is not DROP:
                self._answer(*answer)

        do_GET = do_POST = do_PUT = do_DELETE = _do

        def _answer(self, status, headers, body):
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _HOPS:
                    self.send_header(name, value)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def handle(self):
            try:
                super().handle()
            except ConnectionError:
                pass    # who asked was killed

        def log_message(self, *args):
            pass

    return Handler
