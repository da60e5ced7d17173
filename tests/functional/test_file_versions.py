# SPDX-License-Identifier: Apache-2.0
"""Versions of files in backups, and what changed from one to another, with the
processes that tell."""

import os
from urllib import parse

from tests.functional import cloud
from tests.functional import test_files


class Comparing(test_files.Looking):

    def _told(self, path, /, status=200, token='demo:p1', **query):
        """Ask until it is told: again while it is being made."""
        url = f'{path}?{parse.urlencode(query)}'

        def ask():
            answer = self.cloud.request('GET', url, token=token,
                                        headers=test_files.EXTENSION)
            return answer if answer.status != 503 else None
        answer = cloud.eventually(url, ask)
        self.assertEqual(status, answer.status, answer.body)
        return answer.body

    def _pages(self, key, path, /, **query):
        """All that the pages of a list have, and the last page."""
        found = []
        page = self._told(path, **query)
        while True:
            found += page[key]
            links = page.get(f'{key}_links')
            if not links:
                return found, page
            marker = dict(parse.parse_qsl(parse.urlsplit(
                links[0]['href']).query))['marker']
            page = self._told(path, **{**query, 'marker': marker})

    def _backups(self, *steps):
        """Backups of a share, each after a step has changed it."""
        share = self.cloud.create_share()
        path = os.fsencode(self.cloud.share_path(share['id']))
        made = []
        for step in steps:
            step(path)
            backup = self.cloud.create_backup(share['id'])
            made.append(backup['id'])
            self.cloud.wait_backup(backup['id'], 'available')
        return share, made


def _write(name, data, mtime=None):
    def write(path):
        with open(path + b'/' + name, 'wb') as target:
            target.write(data)
        if mtime is not None:
            os.utime(path + b'/' + name, ns=(mtime, mtime))
    return write


def _nothing(path):
    pass


class ComparingMySQL(Comparing):

    def _versions(self, share, path, **query):
        return self._pages(
            'share_backup_file_versions', '/share-backup-file-versions',
            share_id=share['id'], path=path, **query)

    def test_versions(self):
        share, made = self._backups(
            _write(b'\xff', b'one', 10 ** 18), _nothing,
            _write(b'\xff', b'other', 10 ** 18 + 1), lambda path: os.unlink(
                path + b'/\xff'), _write(b'\xff', b'one', 10 ** 18))
        one, two, three, _, five = made
        expected = [(five, five, 1, 3), (three, three, 1, 5),
                    (one, two, 2, 3)]
        for limit in (1, 2, 100):
            found, page = self._versions(share, '/%FF', limit=limit)
            self.assertEqual(expected, [
                (each['first_backup_id'], each['last_backup_id'],
                 each['backup_count'], each['size']) for each in found])
            self.assertEqual([], page['unread_backups'])
        self.assertEqual('/%FF', found[0]['path'])
        self.assertEqual(([], []), (
            self._versions(share, 'none')[0],
            self._told('/share-backup-file-versions', token='other:p2',
                       share_id=share['id'],
                       path='%FF')['share_backup_file_versions']))
        return share, made

    def test_changes(self):
        def fill(path):
            for number in range(3):
                os.makedirs(path + b'/d%d' % number)
                for name in (b'a', b'b'):
                    # What has no digest is told apart by its time.
                    _write(b'd%d/%b' % (number, name),
                           b'%d %b' % (number, name),
                           10 ** 18 + number)(path)
            os.symlink(b'a', path + b'/link')

        def change(path):
            os.rename(path + b'/d0/a', path + b'/d2/\xff')
            _write(b'd1/a', b'much longer', 10 ** 18 + 1)(path)
            os.chmod(path + b'/d1/b', 0o600)
            os.unlink(path + b'/d2/a')
            _write(b'new', b'0123456789')(path)
            os.unlink(path + b'/link')
            os.symlink(b'b', path + b'/link')

        share, (one, two) = self._backups(fill, change)
        expected = [
            ('changed', '/link', None, ['mtime', 'target']),
            ('added', '/new', None, []),
            ('changed', '/d1/a', None, ['content']),
            ('changed', '/d1/b', None, ['mode']),
            ('removed', '/d2/a', None, []),
            ('moved', '/d2/%FF', '/d0/a', [])]
        for limit in (1, 4, 100):
            found, page = self._pages(
                'changes', f'/share-backups/{two}/changes', since=one,
                limit=limit)
            self.assertEqual(expected, [
                (each['change'], each['path'], each['previous_path'],
                 sorted(each['differences'])) for each in found])
            self.assertEqual(
                {'added': 1, 'removed': 1, 'changed': 3, 'moved': 1,
                 'added_bytes': 10, 'removed_bytes': 3}, page['totals'])
        self.assertEqual((11, 3), (found[2]['size'],
                                   found[2]['previous_size']))
        found, page = self._pages(
            'changes', f'/share-backups/{one}/changes', since=two)
        self.assertEqual({'added': 1, 'removed': 1, 'changed': 3, 'moved': 1,
                          'added_bytes': 3, 'removed_bytes': 10},
                         page['totals'])
        self._told(f'/share-backups/{one}/changes', 404, token='other:p2',
                   since=two)


class ComparingRestic(ComparingMySQL):

    options = {'backup__enabled_drivers': 'restic',
               'restic__repository': '$state_path/restic-repository'}


class ComparingPostgreSQL(ComparingMySQL):

    server = 'postgresql'

    def test_versions(self):
        share, made = super().test_versions()
        backup = self.cloud.show_backup(made[1])
        folder = os.path.dirname(self.cloud.backup_path(backup))
        os.truncate(os.path.join(folder, 'metadata.json'), 3)
        found, page = self._versions(share, '/%FF')
        self.assertEqual([made[1]], page['unread_backups'])
        # What can't be told is in nobody's way.
        self.assertEqual((made[0], made[0]), tuple(
            found[-1][f'{name}_backup_id'] for name in ('first', 'last')))
