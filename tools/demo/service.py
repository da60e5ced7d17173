# SPDX-License-Identifier: Apache-2.0
"""Start the service on a scratch directory, and speak to it over HTTP."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

MICROVERSION = '2.80'
PROJECT = 'demo'
HOST = 'demo-host'

CONFIGURATION = """\
[DEFAULT]
state_path = {state}
host = {host}
auth_strategy = noauth

# The share is adopted. Nothing outside the demo's own directory can be.
[noauth]
allow_manage = true

[api]
bind_host = 127.0.0.1
bind_port = {port}

[backup]
progress_interval = 0.2
# After the SIGKILL, nobody wants to wait for long.
lease_ttl = 3
scan_interval = 1

[posix]
repository_path = {state}/repository

[local_shares]
path = {state}/shares
adopt_below = {scratch}

[quota]
backups = -1
backup_gigabytes = -1
shares = -1
gigabytes = -1
"""


class Failed(Exception):
    """The demo cannot go on."""


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


class Service:
    """``manila-backup-all`` with all its state below ``scratch``."""

    def __init__(self, scratch):
        self.state = scratch / 'state'
        self.repository = self.state / 'repository'
        self.log = scratch / 'service.log'
        self.configuration = scratch / 'manila-backup.conf'
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        self.process = None
        #: Who makes the requests: admin is an administrator.
        self.user = 'admin'
        self.microversion = MICROVERSION

    def start(self, timeout=60):
        self.state.mkdir(exist_ok=True)
        self.configuration.write_text(CONFIGURATION.format(
            state=self.state, scratch=self.state.parent, host=HOST,
            port=self.port))
        name = 'manila-backup-all'
        beside = pathlib.Path(sys.executable).parent / name
        program = str(beside) if beside.exists() else shutil.which(name)
        if not program:
            raise Failed(f'{name} is not installed; try "make venv".')
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith('OS_')}
        environment['PYTHONDONTWRITEBYTECODE'] = '1'
        with open(self.log, 'ab') as log:
            # In a session of its own, so that an interrupt at the keyboard
            # reaches only the demo, which then stops the service.
            self.process = subprocess.Popen(
                [program, '--config-file', str(self.configuration)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment, start_new_session=True)
        end = time.monotonic() + timeout
        while True:
            self.check()
            try:
                status, _body = self.request('GET', '/healthcheck')
                if status == 200:
                    return
            except OSError:
                pass
            if time.monotonic() > end:
                raise Failed(f'{name} did not come up in {timeout} s.')
            time.sleep(0.1)

    def check(self):
        if self.process.poll() is not None:
            raise Failed('manila-backup-all ended by itself with exit code '
                         f'{self.process.returncode}.')

    def stop(self):
        if self.process is None:
            return
        group = self.process.pid
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                pass
        # Whatever it may have left behind in its group.
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def kill(self):
        """End it as a power cut would: API, worker and what copies."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def tail(self, lines=30):
        try:
            text = self.log.read_text(errors='replace')
        except FileNotFoundError:
            return ''
        return '\n'.join(text.splitlines()[-lines:])

    def request(self, method, path, body=None, headers=None):
        """Make one request.

        :param headers: dict of further headers.
        :returns: (status, the decoded JSON body or None).
        """
        request = urllib.request.Request(
            self.url + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                'Content-Type': 'application/json',
                'Accept': 'application/json',
                'X-Auth-Token': f'{self.user}:{PROJECT}',
                'X-OpenStack-Manila-API-Version': self.microversion,
                **(headers or {}),
            })
        # The service is on this machine: no proxy has a say in it.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                status, content = response.status, response.read()
        except urllib.error.HTTPError as exc:
            with exc:
                status, content = exc.code, exc.read()
        try:
            return status, json.loads(content) if content else None
        except ValueError:
            return status, None

    def call(self, method, path, body=None, headers=None):
        """Make one request that has to succeed, and return its body."""
        self.check()
        status, answer = self.request(method, path, body, headers)
        if status >= 300:
            raise Failed(f'{method} {path} was answered with {status}: '
                         f'{json.dumps(answer)}')
        return answer

    def adopt(self, directory, name):
        share = self.call('POST', '/v2/shares/manage', {'share': {
            'service_host': f'{HOST}@local#local',
            'export_path': str(directory),
            'protocol': 'NFS',
            'share_type': 'default',
            'name': name,
            'driver_options': {},
        }})['share']
        return self.wait('shares', 'share', share['id'])

    def wait(self, collection, key, identifier, status='available',
             failures=('error', 'manage_error', 'backup_restoring_error'),
             report=None, interval=0.1, idle_timeout=300):
        """Wait until a share or a backup has a status.

        :param report: called with the resource at every look.
        :param idle_timeout: seconds without any change after which this
            gives up.
        """
        seen, changed = None, time.monotonic()
        while True:
            resource = self.call('GET', f'/v2/{collection}/{identifier}')[key]
            if report:
                report(resource)
            if resource['status'] == status:
                return resource
            if resource['status'] in failures:
                raise Failed(
                    f'The {key} became {resource["status"]}: '
                    f'{resource.get("fail_reason") or "no reason given"}')
            if resource != seen:
                seen, changed = resource, time.monotonic()
            elif time.monotonic() - changed > idle_timeout:
                raise Failed(f'The {key} stayed {resource["status"]} for '
                             f'{idle_timeout} s without progress.')
            time.sleep(interval)

    def wait_gone(self, path, timeout=600):
        end = time.monotonic() + timeout
        while True:
            status, answer = self.request('GET', path)
            if status == 404:
                return
            self.check()
            if status >= 300:
                raise Failed(f'GET {path} was answered with {status}: '
                             f'{json.dumps(answer)}')
            for resource in answer.values():
                if resource['status'] == 'error_deleting':
                    raise Failed('The delete failed: '
                                 f'{resource.get("fail_reason")}')
            if time.monotonic() > end:
                raise Failed(f'{path} was not gone after {timeout} s.')
            time.sleep(0.1)
