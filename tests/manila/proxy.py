# SPDX-License-Identifier: Apache-2.0
"""The one endpoint before Manila and this service: nginx, with the example
that operators are given."""

import contextlib
import os
import shutil
import socket
import subprocess

import fixtures
from testtools import content

from tests.functional import cloud
from tests.functional import keystone

EXAMPLE = os.path.join(keystone.ROOT, 'etc', 'manila-backup',
                       'nginx-manila-proxy.conf')

#: The header that a version is asked for in, as nginx names its value.
VERSION = 'x_openstack_manila_api_version'

# What the distribution's own nginx.conf has around the example, less what
# belongs to the machine.
_AROUND = """
daemon off;
{user}
pid {root}/nginx.pid;
error_log {root}/error.log;
events {{}}
http {{
    log_format upstream '$upstream_addr $http_{version} $request_uri';
    access_log {root}/access.log upstream;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    include {root}/example.conf;
}}
"""


class Proxy(fixtures.Fixture):
    """nginx.

    :param manila: int, the port of Manila's API.
    :param backup: int, the port of this service's.
    :param port: int, its own.
    :ivar url: str, what users reach, with ``/v2``.
    """

    def __init__(self, manila, backup, port):
        self._port = port
        self.url = f'http://127.0.0.1:{port}/v2'
        #: What stands in the example: what it is here.
        self._addresses = {'127.0.0.1:8786': manila,
                           '127.0.0.1:8789': backup,
                           '127.0.0.1:8780': self._port}

    def _setUp(self):
        self.root = self.useFixture(fixtures.TempDir()).path
        self._configure()
        program = shutil.which('nginx') or '/usr/sbin/nginx'
        log = os.path.join(self.root, 'output.log')
        with open(log, 'ab') as output:
            self._process = subprocess.Popen(
                [program, '-p', self.root, '-e', log,
                 '-c', os.path.join(self.root, 'nginx.conf')],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.addCleanup(self._end)
        cloud.eventually('nginx', self._answers)

    def _configure(self):
        with open(EXAMPLE) as file:
            text = file.read()
        for address, port in self._addresses.items():
            if text.count(f' {address};') != 1:
                raise AssertionError(f'{address} is not once in {EXAMPLE}')
            text = text.replace(f' {address};', f' 127.0.0.1:{port};')
        # Who is not root can't and needn't say so.
        user = 'user root;' if os.getuid() == 0 else ''
        for name, written in (
                ('example.conf', text),
                ('nginx.conf', _AROUND.format(
                    root=self.root, user=user, version=VERSION))):
            with open(os.path.join(self.root, name), 'w') as file:
                file.write(written)

    def _answers(self):
        if self._process.poll() is not None:
            raise AssertionError(f'nginx ended: {self._said()}')
        with contextlib.suppress(OSError):
            socket.create_connection(('127.0.0.1', self._port)).close()
            return True

    def passed_on(self, marker):
        """Tell where a request went.

        :param marker: str, what is in the URL of that request alone.
        :returns: (int: the service's port, str: the version of the API).
        """
        def find():
            # A request is logged when it is over.
            with open(os.path.join(self.root, 'access.log')) as file:
                for line in file:
                    if marker in line:
                        return line

        upstream, version, _ = cloud.eventually('the request', find).split()
        return int(upstream.rpartition(':')[2]), version

    def _said(self):
        said = ''
        for name in ('output.log', 'error.log'):
            path = os.path.join(self.root, name)
            if os.path.exists(path):
                with open(path, errors='replace') as file:
                    said += file.read()
        return said

    def _end(self):
        self._process.terminate()
        self._process.wait(cloud.PATIENCE)
        self.addDetail('nginx.log', content.text_content(self._said()))
