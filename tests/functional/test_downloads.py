# SPDX-License-Identifier: Apache-2.0
"""Downloading single files out of backups, with the processes that do it."""

import base64
import hashlib
import http.client
import json
import os
import random
import signal
import socket
from urllib import parse

from tests.functional import cloud
from tests.functional import test_files

LARGE = 21 << 20


def _random(size, seed=0):
    return random.Random(seed).randbytes(size)


class Downloading(test_files.Looking):

    def _ask(self, backup, path, token='demo:p1', method='GET', **headers):
        """Send a request; returns the response, its head read."""
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.cloud.port, timeout=cloud.PATIENCE)
        self.addCleanup(connection.close)
        connection.request(
            method, f'/v2/share-backups/{backup["id"]}/files/content?'
            + parse.urlencode({'path': path}), headers={
                'X-Auth-Token': token,
                'X-OpenStack-Manila-API-Version': '2.91',
                **test_files.EXTENSION,
                **{name.replace('_', '-'): value
                   for name, value in headers.items()}})
        return connection.getresponse()

    def _download(self, *args, status=200, **kwargs):
        """Download a file; one that is not at hand yet is asked for again."""
        def ask():
            answer = self._ask(*args, **kwargs)
            if answer.status == 503 and status != 503:
                answer.read()
                return None
            return answer
        answer = cloud.eventually('the file', ask)
        self.assertEqual(status, answer.status)
        return answer, answer.read()

    def _refused(self, status, *args, **kwargs):
        """Return the text that a request is refused with."""
        answer = self._ask(*args, **kwargs)
        body = answer.read()
        self.assertEqual(status, answer.status, body)
        fault, = json.loads(body).values()
        self.assertEqual(status, fault['code'])
        return fault['message']

    def _fill(self, path):
        super()._fill(path)
        for name, data in ((b'empty', b''), (b'large', _random(LARGE)),
                           (b'9\r\nX-Evil: 1\r\n\r\n"%', b'odd'),
                           ('é"\u202e'.encode(), b'accent')):
            with open(path + b'/' + name, 'wb') as target:
                target.write(data)
        with open(path + b'/holes', 'wb') as target:
            target.seek(18 << 20)
            target.write(b'end')
        os.mkfifo(path + b'/fifo')


class DownloadsMySQL(Downloading):

    options = {'api__max_download': 32}

    #: Whether the digest of a file with holes is one of its own.
    HOLES = True

    def test_content(self):
        _, backup = self._backup(self._fill)
        answer, data = self._download(backup, '/db/a.sql')
        self.assertEqual(b'db/a.sql', data)
        digest = hashlib.sha256(data)
        for name, value in (
                ('Content-Type', 'application/octet-stream'),
                ('Content-Length', '8'), ('Accept-Ranges', 'bytes'),
                ('ETag', f'"sha256:{digest.hexdigest()}"'),
                ('Repr-Digest', 'sha-256=:' + base64.b64encode(
                    digest.digest()).decode() + ':'),
                ('X-Content-Type-Options', 'nosniff'),
                ('Content-Disposition', 'attachment; filename="a.sql"; '
                                        'filename*=UTF-8\'\'a.sql')):
            self.assertEqual(value, answer.headers[name], name)
        self.assertEqual(b'', self._download(backup, 'empty')[1])
        self.assertEqual(_random(LARGE), self._download(backup, 'large')[1])
        answer, data = self._download(backup, 'holes')
        self.assertEqual(bytes(18 << 20) + b'end', data)
        self.assertEqual(self.HOLES, 'holes' in answer.headers['ETag'])
        answer, data = self._download(backup, 'large', method='HEAD')
        self.assertEqual(str(LARGE), answer.headers['Content-Length'])

    def test_names_that_are_not_nice(self):
        _, backup = self._backup(self._fill)
        for path, plain, full, data in (
                ('9%0D%0AX-Evil: 1%0D%0A%0D%0A"%25',
                 '9_0D_0AX-Evil_ 1_0D_0A_0D_0A__25',
                 '9%250D%250AX-Evil%3A%201%250D%250A%250D%250A%22%2525',
                 b'odd'),
                ('b%FF%0A%25', 'b_FF_0A_25', 'b%25FF%250A%2525',
                 b'b\xff\n%'),
                ('é"\u202e', '___E2_80_AE', '%C3%A9%22%25E2%2580%25AE',
                 b'accent')):
            answer, found = self._download(backup, path)
            self.assertEqual(data, found)
            self.assertNotIn('X-Evil', answer.headers)
            self.assertEqual(
                f'attachment; filename="{plain}"; '
                f'filename*=UTF-8\'\'{full}',
                answer.headers['Content-Disposition'])

    def test_ranges(self):
        _, backup = self._backup(self._fill)
        whole, _ = self._download(backup, 'large', method='HEAD')
        etag = whole.headers['ETag']
        data = _random(LARGE)
        for text, first, last in (
                ('bytes=0-0', 0, 0), ('bytes=5-', 5, LARGE - 1),
                ('bytes=1048570-3000000', 1048570, 3000000),
                ('bytes=-7', LARGE - 7, LARGE - 1),
                (f'bytes=9-{LARGE * 2}', 9, LARGE - 1)):
            for more in ({}, {'If_Range': etag}):
                answer, found = self._download(backup, 'large', status=206,
                                               Range=text, **more)
                self.assertEqual(f'bytes {first}-{last}/{LARGE}',
                                 answer.headers['Content-Range'])
                self.assertTrue(data[first:last + 1] == found, text)
        for headers in ({'Range': 'bytes=0-1', 'If_Range': '"other"'},
                        {'Range': 'bytes=0-1,5-6'}, {'Range': 'lines=1-2'},
                        {'Range': 'bytes=5-4'}):
            self.assertTrue(
                data == self._download(backup, 'large', **headers)[1])
        answer, _ = self._download(backup, 'large', status=416,
                                   Range=f'bytes={LARGE}-')
        self.assertEqual(f'bytes */{LARGE}', answer.headers['Content-Range'])
        self._refused(416, backup, 'empty', Range='bytes=0-')

    def test_what_has_no_content_and_whose_it_is_not(self):
        _, backup = self._backup(self._fill)
        for path, type_ in (('db', 'directory'), ('link', 'symlink'),
                            ('fifo', 'fifo')):
            self.assertIn(type_, self._refused(409, backup, path))
        self._refused(404, backup, 'none')
        self._refused(404, backup, 'link/passwd')
        self._refused(400, backup, 'db/../zz')
        self._refused(404, backup, 'zz', token='other:p2')
        self._refused(403, backup, 'zz', token='reader:p1')
        with open(self.cloud.policy, 'w') as target:
            target.write('"share_backup:download": "!"\n')
        cloud.eventually('the policy', lambda: self._ask(
            backup, 'zz').status == 403)

    def test_a_file_that_is_too_large(self):
        def fill(path):
            with open(path + b'/huge', 'wb') as target:
                target.truncate((32 << 20) + 1)
        _, backup = self._backup(fill)
        self.assertIn('Restore it',
                      self._refused(403, backup, 'huge', Range='bytes=0-1'))

    def test_a_client_that_goes_away(self):
        _, backup = self._backup(self._fill)
        for _ in range(6):
            answer = self._ask(backup, 'large')
            if answer.status == 200:
                answer.read(1 << 20)
            answer.close()
        # Its place comes free.
        self.assertEqual(_random(LARGE), self._download(backup, 'large')[1])


class DownloadsPostgreSQL(DownloadsMySQL):

    server = 'postgresql'


class DownloadsDamage(Downloading):
    """Of backups whose files are not what was stored."""

    def _damage(self, backup, name, offset):
        path = os.path.join(self.cloud.backup_path(backup), name)
        st = os.stat(path)
        with open(path, 'r+b') as target:
            target.seek(offset)
            byte = target.read(1)
            target.seek(offset)
            target.write(bytes([byte[0] ^ 1]))
        os.utime(path, ns=(st.st_mtime_ns, st.st_mtime_ns))

    def test_a_small_file(self):
        _, backup = self._backup(self._fill)
        self._damage(backup, 'db/a.sql', 3)
        self.assertIn('damaged', self._refused(409, backup, 'db/a.sql'))
        self.assertEqual(b'db/b.sql',
                         self._download(backup, 'db/b.sql')[1])
        os.truncate(os.path.join(self.cloud.backup_path(backup), 'zz'), 1)
        self.assertIn('damaged', self._refused(409, backup, 'zz'))

    def test_a_large_file_never_ends_as_if_it_were_whole(self):
        _, backup = self._backup(self._fill)
        for name, offset in (('large', 5), ('holes', 18 << 20)):
            self._damage(backup, name, offset)
            answer = self._ask(backup, name)
            self.assertEqual(200, answer.status)
            length = int(answer.headers['Content-Length'])
            with self.assertRaises(http.client.IncompleteRead) as caught:
                answer.read()
            self.assertLess(len(caught.exception.partial), length)

    def test_a_link_in_the_way(self):
        _, backup = self._backup(self._fill)
        data = self.cloud.backup_path(backup)
        os.rename(os.path.join(data, 'db'), os.path.join(data, 'db2'))
        os.symlink('db2', os.path.join(data, 'db'))
        os.unlink(os.path.join(data, 'zz'))
        os.symlink('/etc/passwd', os.path.join(data, 'zz'))
        for path in ('db/a.sql', 'zz'):
            self.assertIn('damaged', self._refused(409, backup, path))


class DownloadsRestic(DownloadsMySQL):

    options = {'api__max_download': 32,
               'backup__enabled_drivers': 'restic',
               'restic__repository': '$state_path/restic-repository'}

    HOLES = False


class DownloadsOfWorkers(Downloading):
    """With workers that come and go."""

    options = {'api__question_timeout': 3}

    def test_a_worker_that_goes_away_meanwhile(self):
        self.cloud.start_worker()
        _, backup = self._backup(self._fill)
        answer = self._ask(backup, 'large')
        found = answer.read(1 << 20)
        self.worker.kill()
        self.assertTrue(_random(LARGE) == found + answer.read())

    def test_a_worker_that_stops(self):
        _, backup = self._backup(self._fill)
        self.worker.signal(signal.SIGSTOP)
        try:
            answer = self._ask(backup, 'zz')
            self.assertEqual(503, answer.status)
            self.assertIn('Retry-After', answer.headers)
        finally:
            self.worker.signal(signal.SIGCONT)

    def test_clients_that_do_not_read(self):
        _, backup = self._backup(self._fill)
        idle = []
        for _ in range(4):
            one = socket.create_connection(('127.0.0.1', self.cloud.port))
            self.addCleanup(one.close)
            one.sendall((
                f'GET /v2/share-backups/{backup["id"]}/files/content'
                '?path=large HTTP/1.1\r\nHost: x\r\nX-Auth-Token: demo:p1\r\n'
                'OpenStack-API-Version: shared-file-system 2.91, '
                'shared-file-system-backup 1.2\r\n\r\n').encode())
            idle.append(one)
        # Whatever they do, others are served.
        for _ in range(5):
            self.cloud.ask(200, 'GET', '/share-backups')
        self.assertEqual(4, len(self._files(backup, path='db')['files']) + 1)
