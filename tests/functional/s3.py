# SPDX-License-Identifier: Apache-2.0
"""An S3 server for a test: moto's, as a process of its own, that checks who
asks, and a way to it on which things go wrong when they are told to."""

import contextlib
import http.client
import http.server
import json
import os
import socket
import subprocess
import sys
import threading

import boto3
import fixtures

from tests.functional import cloud

_BUSY = (b'<?xml version="1.0" encoding="UTF-8"?>\n'
         b'<Error><Code>SlowDown</Code>'
         b'<Message>Please reduce your request rate.</Message></Error>')

_EVERYTHING = json.dumps({'Version': '2012-10-17', 'Statement': [
    {'Effect': 'Allow', 'Action': 's3:*', 'Resource': '*'}]})

#: Of one connection alone, and not to be passed on.
_HOPS = frozenset(('connection', 'keep-alive', 'transfer-encoding',
                   'content-length'))


class S3(fixtures.Fixture):
    """A server with a bucket.

    :ivar folder: str, a directory that goes with it.
    :ivar port: int, where it listens on 127.0.0.1.
    :ivar way: a :class:`Way` to it.
    :ivar access_key: str.
    :ivar secret_key: str: who uses them may do all with the buckets.
    """

    BUCKET = 'backups'

    def _setUp(self):
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.port = cloud.free_port()
        log = os.path.join(self.folder, 'log')
        with open(log, 'wb') as output:
            process = subprocess.Popen(
                [os.path.join(os.path.dirname(sys.executable),
                              'moto_server'),
                 '-H', '127.0.0.1', '-p', str(self.port)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, 'TMPDIR': self.folder})
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def answers():
            if process.poll() is not None:
                with open(log, errors='replace') as file:
                    raise AssertionError(f'moto ended: {file.read()}')
            with contextlib.suppress(OSError):
                socket.create_connection(('127.0.0.1', self.port)).close()
                return True

        cloud.eventually('the S3 server', answers)
        self._make_user()
        self.client('s3').create_bucket(Bucket=self.BUCKET)
        self._check_who_asks()
        self.way = self.useFixture(Way(self.port))

    def client(self, service):
        """A client of the server."""
        return boto3.client(
            service, endpoint_url=f'http://127.0.0.1:{self.port}',
            region_name='us-east-1',
            aws_access_key_id=getattr(self, 'access_key', 'anybody'),
            aws_secret_access_key=getattr(self, 'secret_key', 'anything'))

    def _make_user(self):
        iam = self.client('iam')
        iam.create_user(UserName='backup')
        iam.put_user_policy(UserName='backup', PolicyName='buckets',
                            PolicyDocument=_EVERYTHING)
        key = iam.create_access_key(UserName='backup')['AccessKey']
        self.access_key = key['AccessKeyId']
        self.secret_key = key['SecretAccessKey']

    def _check_who_asks(self):
        asked = http.client.HTTPConnection('127.0.0.1', self.port)
        asked.request('POST', '/moto-api/reset-auth', b'0')
        if asked.getresponse().status != 200:
            raise AssertionError('moto does not check who asks')
        asked.close()

    @property
    def environment(self):
        """Environment variables that a client needs."""
        return {'AWS_ACCESS_KEY_ID': self.access_key,
                'AWS_SECRET_ACCESS_KEY': self.secret_key}

    def objects(self, prefix=''):
        """List the objects: dict of name to size in bytes."""
        pages = self.client('s3').get_paginator('list_objects_v2').paginate(
            Bucket=self.BUCKET, Prefix=prefix)
        return {each['Key']: each['Size'] for page in pages
                for each in page.get('Contents', ())}


class Way(fixtures.Fixture):
    """Passes requests on to a server, and counts them.

    :ivar port: int, where it listens on 127.0.0.1.
    :ivar fault: called with method and path of each request, says what to do
        with it: None (pass it on), 'busy' (answer 503), 'cut' (end the
        connection in the middle of what is sent) or 'cut answer' (in the
        middle of what comes back).
    :ivar done: list of (method, path, bytes sent, status) of what was passed
        on.
    :ivar faults: how many were not, or not in full.
    :ivar under_way: how many are being passed on.
    """

    def __init__(self, port):
        self.server = port
        self.fault = None
        self.done = []
        self.faults = 0
        self.under_way = 0
        self._counting = threading.Lock()

    def _setUp(self):
        server = _Server(('127.0.0.1', 0), _Handler)
        server.way = self
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.05,),
                         daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)

    def url(self, prefix):
        """Return what restic calls a place in the bucket."""
        return f's3:http://127.0.0.1:{self.port}/{S3.BUCKET}/{prefix}'

    @contextlib.contextmanager
    def passing(self):
        """While a request is passed on."""
        with self._counting:
            self.under_way += 1
        try:
            yield
        finally:
            with self._counting:
                self.under_way -= 1

    def sent(self, part=''):
        """Count the bytes of stored objects whose name has a part."""
        return sum(size for method, path, size, status in self.done
                   if method == 'PUT' and part in path and status == 200)


class _Server(http.server.ThreadingHTTPServer):

    daemon_threads = True

    def handle_error(self, request, client_address):
        # Whoever asked was killed before it had its answer.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Handles the requests of one connection."""

    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def _pass(self):
        with self.server.way.passing():
            self._pass_on(self.server.way)

    def _pass_on(self, way):
        fault = way.fault and way.fault(self.command, self.path)
        size = int(self.headers.get('Content-Length') or 0)
        if fault:
            way.faults += 1
        if fault == 'cut':
            self.rfile.read(size // 2)
            self._cut()
            return
        body = self.rfile.read(size)
        if fault == 'busy':
            self._answer(503, [('Retry-After', '1')], _BUSY)
            return
        status, headers, answer = self._ask(body)
        way.done.append((self.command, self.path, size, status))
        if fault == 'cut answer':
            self._answer(status, headers, answer, len(answer) // 2)
            self._cut()
        else:
            self._answer(status, headers, answer)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass

    def _ask(self, body):
        asked = http.client.HTTPConnection('127.0.0.1', self.server.way.server,
                                           timeout=cloud.PATIENCE)
        with contextlib.closing(asked):
            asked.putrequest(self.command, self.path, skip_host=True,
                             skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOPS:
                    asked.putheader(name, value)
            asked.putheader('Content-Length', str(len(body)))
            asked.endheaders(body)
            answer = asked.getresponse()
            headers = answer.getheaders()
            if self.command == 'HEAD':
                # How long what it did not send is.
                headers = [each for each in headers
                           if each[0].lower() not in _HOPS
                           or each[0].lower() == 'content-length']
            else:
                headers = [each for each in headers
                           if each[0].lower() not in _HOPS]
            return answer.status, headers, answer.read()

    def _answer(self, status, headers, body, only=None):
        self.send_response_only(status)
        for each in headers:
            self.send_header(*each)
        if self.command != 'HEAD':
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body[:only])

    def _cut(self):
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format, *args):
        pass
