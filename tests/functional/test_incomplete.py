# SPDX-License-Identifier: Apache-2.0
"""Backups that lack a file, as their owners see them."""

import contextlib
import os
import re
import subprocess
import sys

from tests.functional import test_notifications
from tests.functional import test_observability

# Writes to all of some files, one letter after the other, without a pause.
_WRITER = '''
import os, sys

fds = [os.open(path, os.O_RDWR | os.O_CREAT) for path in sys.argv[1:]]
number = 0
while True:
    # A bit of each in turn, so that none rests.
    for offset in range(0, 48 << 20, 1 << 18):
        for fd in fds:
            os.pwrite(fd, bytes([65 + number % 26]) * (1 << 18), offset)
    number += 1
    if number == 3:
        print("writing", flush=True)
'''

#: Asks for what Manila does not have.
EXTENSION = {'OpenStack-API-Version': 'shared-file-system 2.91, '
                                      'shared-file-system-backup 1.0'}


def writing(*paths):
    """Write to files all the time, as a database does.

    :returns: the process that does it, which has begun.
    """
    writer = subprocess.Popen([sys.executable, '-c', _WRITER, *paths],
                              stdout=subprocess.PIPE)
    if writer.stdout.readline() != b'writing\n':
        raise AssertionError('the files can\'t be written to')
    return writer


class IncompleteTestCase(test_notifications.ListeningTestCase):

    options = {**test_notifications.ListeningTestCase.options,
               'metrics__enabled': True, 'metrics__worker_bind_port': 0,
               'local_shares__point_in_time': 'live'}

    def setUp(self):
        super().setUp()
        self.share_id = self.cloud.create_share()['id']
        self.path = self.cloud.share_path(self.share_id)
        self.fill(self.path, 4, 5000)

    @contextlib.contextmanager
    def written_to(self, *names):
        """Files of the share are written to all the time, as a database's
        are.

        :param names: bytes, below ``d1``.
        """
        with writing(*(os.path.join(os.fsencode(self.path), b'd1', name)
                       for name in names)) as writer:
            try:
                yield
            finally:
                writer.kill()

    def show(self, backup_id):
        """The backup as its owner sees it."""
        return self.cloud.ask(
            200, 'GET', f'/share-backups/{backup_id}',
            headers=EXTENSION)['share_backup']

    def back_up(self, status, *names):
        """Back the share up while files are written to; what its owner sees
        of that."""
        with self.written_to(*names or (b'base.db',)):
            backup_id = self.cloud.create_backup(self.share_id)['id']
            self.cloud.wait_backup(backup_id, status)
        self.cloud.wait_share(self.share_id, 'available')
        return self.show(backup_id)

    def warnings(self, backup, query=''):
        """List what the backup's owner is told that it lacks."""
        return self.cloud.ask(
            200, 'GET', f'/share-backups/{backup["id"]}/warnings{query}',
            headers=EXTENSION)

    def message(self, backup):
        """The number of the only message about a backup."""
        found, = self.cloud.ask(
            200, 'GET', f'/messages?resource_id={backup["id"]}')['messages']
        return found['detail_id']

    def notified(self, backup):
        """The payload of the warning on the bus about a backup."""
        while (told := self.next_event('warn'))[1]['backup_id'] != (
                backup['id']):
            pass    # of an earlier one
        event, payload = told
        self.assertEqual('share_backup.incomplete', event)
        return payload

    def counted(self):
        """Return the worker's count of such backups."""
        port = int(re.search(r':(\d+)/metrics', self.worker.said())[1])
        return test_observability.read(port).get((
            'manila_backup_incomplete_backups_total',
            test_observability.labels(driver='posix')))


class Accepted(IncompleteTestCase):

    def test_it_is_available(self):
        backup = self.back_up('available')
        self.assertEqual(
            ('incomplete', 1, 1, 8, 20_000, 20_000, 'file', 'incomplete',
             'user'),
            tuple(backup[name] for name in (
                'result', 'warning_count', 'missing_count', 'entries',
                'content_bytes', 'stored_bytes', 'point_in_time',
                'status_code', 'requested_by')))
        self.assertLessEqual(backup['taken_at'], backup['completed_at'])
        self.assertEqual('902', self.message(backup))
        payload = self.notified(backup)
        self.assertEqual((1, 1), (payload['missing_count'],
                                  payload['warning_count']))
        self.assertEqual(1, self.counted())
        found = self.cloud.ask(
            200, 'GET', '/share-backups?result=incomplete',
            headers=EXTENSION)['share_backups']
        self.assertEqual([backup['id']], [each['id'] for each in found])

    def test_all_of_its_warnings(self):
        self.cloud.tolerate = 'Backup .*: '
        # A name that is not UTF-8, and one that has to be quoted.
        backup = self.back_up('available', b'base.db', b'\xff', b'100%')
        self.assertEqual(3, backup['missing_count'])
        answer = self.warnings(backup)
        self.assertEqual({
            (f'd1/{name}', 'changing', False)
            for name in ('base.db', '100%25', '%FF')}, {
                (each['path'], each['code'], each['stored'])
                for each in answer['warnings']})
        self.assertEqual([1, 2, 3], [each['number']
                                     for each in answer['warnings']])
        self.assertTrue(answer['complete'])
        self.assertNotIn('warnings_links', answer)

        page = self.warnings(backup, '?limit=2')
        self.assertEqual(answer['warnings'][:2], page['warnings'])
        self.assertIn('limit=2&marker=2', page['warnings_links'][0]['href'])
        page = self.warnings(backup, '?limit=2&marker=2')
        self.assertEqual(answer['warnings'][2:], page['warnings'])
        self.assertNotIn('warnings_links', page)

        path = os.path.join(self.cloud.backup_path(backup), '..', 'manifest')
        with open(path, 'r+b') as file:
            file.seek(-5, os.SEEK_END)
            file.write(b'x')
        self.cloud.ask(409, 'GET', f'/share-backups/{backup["id"]}/warnings',
                       headers=EXTENSION)
        self.worker.stop()
        answer = self.cloud.request(
            'GET', f'/share-backups/{backup["id"]}/warnings',
            headers=EXTENSION)
        self.assertEqual((503, '5'), (answer.status,
                                      answer.headers['Retry-After']))


class Refused(IncompleteTestCase):

    server = 'postgresql'
    options = {**IncompleteTestCase.options, 'backup__incomplete': 'error'}

    def test_it_is_in_error_and_kept(self):
        backup = self.back_up('error')
        self.assertEqual(('incomplete', 'incomplete', 1, '100'),
                         tuple(backup[name] for name in (
                             'result', 'status_code', 'missing_count',
                             'progress')))
        self.assertEqual('907', self.message(backup))
        self.assertEqual(1, self.notified(backup)['missing_count'])
        self.assertEqual(1, self.counted())
        # What there is of it can be had after all.
        path = f'/share-backups/{backup["id"]}/action'
        self.cloud.ask(202, 'POST', path, {
            'reset_status': {'status': 'available'}}, token='admin:admin')
        self.cloud.ask(202, 'POST', path, {'restore': None})
        self.cloud.wait_share(self.share_id, 'available')
        self.assertEqual('100', self.show(backup['id'])['restore_progress'])
