# SPDX-License-Identifier: Apache-2.0
"""Looking into backups, with the processes that answer."""

import hashlib
import os
import signal
from urllib import parse


from tests.functional import base

EXTENSION = {'OpenStack-API-Version': 'shared-file-system-backup 1.2'}


class Looking(base.TestCase):

    def setUp(self):
        super().setUp()
        self.worker = self.cloud.start()

    def _files(self, backup, status=200, token='demo:p1', **query):
        return self.cloud.ask(
            status, 'GET', f'/share-backups/{backup["id"]}/files?'
            + parse.urlencode(query), token=token, headers=EXTENSION)

    def _backup(self, fill):
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        fill(os.fsencode(path))
        backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        return path, backup

    def _paths(self, found):
        return [each['path'] for each in found['files']]

    def _fill(self, path):
        os.makedirs(path + b'/db/old')
        for name in (b'db/a.sql', b'db/b.sql', b'db/old/a.sql', b'b\xff\n%',
                     b'zz'):
            with open(path + b'/' + name, 'wb') as target:
                target.write(name)
        os.symlink(b'/etc/\xfe', path + b'/link')
        os.utime(path + b'/zz', ns=(1, 1_500_000_000_123_456_789))


class FilesMySQL(Looking):

    def test_a_backup_is_listed(self):
        _, backup = self._backup(self._fill)
        root = self._files(backup)
        self.assertEqual(['/b%FF%0A%25', '/db', '/link', '/zz'],
                         self._paths(root))
        self.assertNotIn('files_links', root)
        zz = root['files'][-1]
        self.assertEqual(
            ('zz', 'file', 'stored', 2, '2017-07-14T02:40:00.123456', None),
            tuple(zz[name] for name in ('name', 'type', 'state', 'size',
                                        'mtime', 'link_target')))
        self.assertEqual(
            'sha256:' + hashlib.sha256(b'zz').hexdigest(), zz['digest'])
        self.assertEqual('/etc/%FE', root['files'][2]['link_target'])
        for path in ('db', '/db', '/db/'):
            self.assertEqual(['/db/a.sql', '/db/b.sql', '/db/old'],
                             self._paths(self._files(backup, path=path)))
        self._files(backup, 404, path='/zz')

    def test_pages(self):
        _, backup = self._backup(self._fill)
        found, answer = [], self._files(backup, limit=1)
        while True:
            found += self._paths(answer)
            if 'files_links' not in answer:
                break
            href = answer['files_links'][0]['href']
            answer = self.cloud.ask(200, 'GET', href.partition('/v2')[2],
                                    headers=EXTENSION)
        self.assertEqual(['/b%FF%0A%25', '/db', '/link', '/zz'], found)

    def test_searching(self):
        _, backup = self._backup(self._fill)
        for expected, query in (
                (['/db/a.sql', '/db/b.sql', '/db/old/a.sql'],
                 {'search': '*.sql'}),
                (['/db/old/a.sql'], {'search': 'a*', 'under': '/db/old'}),
                (['/zz'], {'max_size': 2, 'min_size': 1}),
                (['/zz'], {'modified_before': '2018-01-01T00:00:00'}),
                ([], {'search': '*.SQL'})):
            self.assertEqual(expected, self._paths(
                self._files(backup, **query)), query)
        first = self._files(backup, search='a.sql', limit=1)
        self.assertEqual(['/db/a.sql'], self._paths(first))
        href = first['files_links'][0]['href']
        self.assertEqual(['/db/old/a.sql'], self._paths(self.cloud.ask(
            200, 'GET', href.partition('/v2')[2], headers=EXTENSION)))

    def test_what_can_not_be_told(self):
        _, backup = self._backup(self._fill)
        self._files(backup, 404, token='other:p2')
        self._files(backup, 404, path='/db/none')
        self._files(backup, 400, path='/db/../..')
        self._files(backup, 400, path='/db', search='*')
        self.cloud.ask(404, 'GET', f'/share-backups/{backup["id"]}/files')

    def test_an_earlier_backup_and_a_damaged_one(self):
        _, backup = self._backup(self._fill)
        index = self._index(backup)
        os.unlink(index)
        self.assertEqual(4, len(self._files(backup)['files']))
        with open(index, 'rb') as source:
            whole = source.read()
        with open(index, 'wb') as target:
            target.write(whole.replace(b'/etc/\xfe', b'/etc/\xfd'))
        self._files(backup, 503)
        self.assertEqual(4, len(self._files(backup)['files']))

    def _index(self, backup):
        share = os.path.dirname(os.path.dirname(
            self.cloud.backup_path(backup)))
        return os.path.join(share, '.contents.' + backup['id'])

    def test_no_worker(self):
        _, backup = self._backup(self._fill)
        self.worker.stop()
        self.assertIn('No worker', str(self._files(backup, 503)))


class Silent(Looking):

    options = {'api__question_timeout': 3}

    def test_a_worker_that_does_not_answer(self):
        _, backup = self._backup(lambda path: None)
        self.worker.signal(signal.SIGSTOP)
        try:
            answer = self.cloud.request(
                'GET', f'/share-backups/{backup["id"]}/files',
                headers=EXTENSION)
        finally:
            self.worker.signal(signal.SIGCONT)
        self.assertEqual(503, answer.status)
        self.assertIn('Retry-After', answer.headers)


class FilesPostgreSQL(FilesMySQL):

    server = 'postgresql'


class FilesRestic(Looking):
    """Of restic's backups, which have no index but the worker's."""

    options = {'backup__enabled_drivers': 'restic',
               'restic__repository': '$state_path/restic-repository'}

    def _kept(self, backup):
        """The paths of what the worker keeps of a backup."""
        folder = os.path.join(self.cloud.state, 'contents')
        return [os.path.join(folder, name) for name in os.listdir(folder)
                if name.startswith(backup['id'])]

    def test_a_backup_is_listed(self):
        _, backup = self._backup(self._fill)
        root = self._files(backup)
        self.assertEqual(['/b%FF%0A%25', '/db', '/link', '/zz'],
                         self._paths(root))
        zz = root['files'][-1]
        self.assertEqual(
            ('zz', 'file', 'stored', 2, '2017-07-14T02:40:00.123456', None,
             None),
            tuple(zz[name] for name in ('name', 'type', 'state', 'size',
                                        'mtime', 'link_target', 'digest')))
        self.assertEqual('/etc/%FE', root['files'][2]['link_target'])
        self.assertEqual(
            ['/db/a.sql', '/db/b.sql', '/db/old/a.sql'],
            self._paths(self._files(backup, search='*.sql')))
        self._files(backup, 404, path='/zz')

    def test_an_index_that_is_damaged(self):
        _, backup = self._backup(self._fill)
        self._files(backup)
        # Beside the backup's mark.
        index, = (path for path in self._kept(backup)
                  if not path.endswith('.mark'))
        with open(index, 'rb') as source:
            whole = source.read()
        with open(index, 'wb') as target:
            target.write(whole.replace(b'/etc/\xfe', b'/etc/\xfd'))
        self._files(backup, 503)
        self.assertEqual([], self._kept(backup))
        self.assertEqual(4, len(self._files(backup)['files']))
