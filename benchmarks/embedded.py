# SPDX-License-Identifier: Apache-2.0
"""A service on its own defaults, to be asked by HTTP and timed."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from urllib import parse

#: Of each request.
HEADERS = {'X-Auth-Token': 'demo:p1', 'Content-Type': 'application/json',
           'OpenStack-API-Version': 'shared-file-system 2.91, '
                                    'shared-file-system-backup 1.2'}

# Seconds after which the service may have closed a connection.
_IDLE = 5


class Service:
    """A service with a worker, in one process; a context manager.

    :param folder: str, where its state is.
    """

    def __init__(self, folder):
        self.folder = folder
        self._sent = 0
        self.state = os.path.join(folder, 'state')
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            self.port = free.getsockname()[1]
        self.conf = os.path.join(folder, 'service.conf')
        with open(self.conf, 'w') as file:
            file.write(f'[DEFAULT]\nstate_path = {self.state}\n'
                       '[backup]\nenabled_drivers = posix,restic\n'
                       f'[api]\nbind_port = {self.port}\n'
                       'access_log = false\nquestion_timeout = 600\n'
                       '[restic]\n'
                       f'repository = {self.state}/restic\n'
                       f'password_file = {folder}/password\n'
                       '[quota]\nbackups = -1\nbackup_gigabytes = -1\n'
                       'gigabytes = -1\nper_share_gigabytes = -1\n')

    def __enter__(self):
        self._log = open(os.path.join(self.folder, 'log'), 'w')
        self._process = subprocess.Popen(
            [os.path.join(os.path.dirname(sys.executable),
                          'manila-backup-all'),
             '--config-file', self.conf], stdout=self._log,
            stderr=self._log)
        while True:
            with contextlib.suppress(OSError):
                self._connection = http.client.HTTPConnection(
                    '127.0.0.1', self.port)
                if self.ask('GET', '/v2/') is not None:
                    return self
            if self._process.poll() is not None:
                with open(self._log.name) as said:
                    raise SystemExit(said.read())
            time.sleep(0.1)

    def __exit__(self, *exc_info):
        self._process.terminate()
        self._process.wait()
        self._log.close()

    def _send(self, method, path, body=None):
        now = time.monotonic()
        if now - self._sent > _IDLE:
            self._connection.close()
        self._sent = now
        self._connection.request(method, path, body and json.dumps(body),
                                 HEADERS)
        answer = self._connection.getresponse()
        return answer, answer.read()

    def ask(self, method, path, body=None, patient=False):
        """Send a request; returns the body of the answer.

        :param patient: bool, whether to ask again while it can't be told.
        """
        while True:
            answer, text = self._send(method, path, body)
            if answer.status < 300:
                return json.loads(text or 'null')
            if not patient or answer.status != 503:
                raise SystemExit(
                    f'{method} {path}: {answer.status} {text}')
            time.sleep(0.5)

    def wait(self, path, key, over=('available', 'done')):
        """Ask again and again until a resource has a status."""
        while True:
            found = self.ask('GET', f'/v2{path}')[key]
            if found['status'] in over:
                return found
            if found['status'] in ('failed', 'error'):
                raise SystemExit(f'{path}: {found}')
            time.sleep(0.01)

    def wait_gone(self, path):
        """Ask again and again until a resource is not there any more."""
        while True:
            if self._send('GET', f'/v2{path}')[0].status == 404:
                return
            time.sleep(0.01)

    def share(self):
        """Make a share.

        :returns: (its id, its directory).
        """
        share_id = self.ask('POST', '/v2/shares', {'share': {
            'share_proto': 'NFS', 'size': 1}}, patient=True)['share']['id']
        self.wait(f'/shares/{share_id}', 'share')
        return share_id, os.path.join(self.state, 'shares', share_id)

    def backup(self, share_id, driver):
        """Make a backup.

        :returns: (its id, seconds).
        """
        began = time.perf_counter()
        backup_id = self.ask('POST', '/v2/share-backups', {'share_backup': {
            'share_id': share_id, 'backup_options': {
                'backup_type': driver}}})['share_backup']['id']
        self.wait(f'/share-backups/{backup_id}', 'share_backup')
        self.wait(f'/shares/{share_id}', 'share')
        return backup_id, time.perf_counter() - began

    def files(self, backup_id, **query):
        """Ask for a page of files; returns the body."""
        return self.ask('GET', f'/v2/share-backups/{backup_id}/files?'
                        + parse.urlencode(query), patient=True)

    def find(self, backup_id, name):
        """Search to the end; returns how many were found."""
        found, query = 0, {'search': name}
        while True:
            body = self.files(backup_id, **query)
            found += len(body['files'])
            if 'files_links' not in body:
                return found
            query.update(parse.parse_qsl(parse.urlsplit(
                body['files_links'][0]['href']).query))

    def versions(self, share_id, path):
        """Ask for the versions of a file, all of them."""
        return self.ask('GET', '/v2/share-backup-file-versions?'
                        + parse.urlencode({'share_id': share_id,
                                           'path': path}))

    def restore(self, backup_id, path):
        """Restore one file, from the request to the end."""
        operation_id = self.ask(
            'POST', f'/v2/share-backups/{backup_id}/action',
            {'restore_files': {'paths': [path], 'conflict': 'overwrite'}})[
                'restore_files']['operation_id']
        self.wait(f'/share-backup-operations/{operation_id}',
                  'share_backup_operation')
