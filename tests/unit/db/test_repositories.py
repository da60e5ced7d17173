# SPDX-License-Identifier: Apache-2.0
"""Records of the drivers' repositories."""

import datetime

from manila_backup.db import models
from manila_backup.db import repositories
from manila_backup.db import services
from tests import statuses
from tests.unit import base

NOON = datetime.datetime(2026, 5, 1, 12)


class Repositories(base.TestCase):

    def found(self, driver='posix', host='here', space=(3, 4), where='/r'):
        self.database.write(repositories.found, driver, host, where, space)

    def hosts(self):
        return [(each.driver, row.host, row.used_bytes, row.free_bytes)
                for each in self.database.read(repositories.list_all)
                for row in each.hosts]

    def backup(self, status='available', **values):
        row = self.admission.backups.create(base.MEMBER, self.share().id)
        self.finish_all()
        self.database.write(statuses.put, models.share_backups, row.id,
                            {'status': status, 'backup_type': 'posix',
                             **values})

    def test_hosts(self):
        self.found()
        self.found(host='there', space=(5, 6))
        self.found('restic', space=None, where='s3:x')
        self.found(space=(7, 8))
        self.assertEqual([('posix', 'here', 7, 8), ('posix', 'there', 5, 6),
                          ('restic', 'here', None, None)], self.hosts())

    def test_failure_leaves_what_was_measured(self):
        self.found()
        self.database.write(repositories.failed, 'posix', 'here', '/r',
                            'It is not there.')
        self.database.write(repositories.failed, 'nfs', 'here', None, 'Why')
        nfs, posix = self.database.read(repositories.list_all)
        row, = posix.hosts
        self.assertEqual(('/r', 3, 4, 'It is not there.'), (
            row.location, row.used_bytes, row.free_bytes, row.problem))
        self.assertIsNotNone(row.measured_at)
        row, = nfs.hosts
        self.assertEqual((None, None), (row.location, row.measured_at))
        self.found()
        row = self.database.read(repositories.list_all)[1].hosts[0]
        self.assertIsNone(row.problem)

    def test_what_goes(self):
        for host in ('here', 'there'):
            self.found(host=host)
            self.found('nfs', host)
        self.database.write(repositories.keep, 'here', ['posix', 'restic'])
        self.assertEqual([('nfs', 'there'), ('posix', 'here'),
                          ('posix', 'there')],
                         [each[:2] for each in self.hosts()])
        self.database.write(services.beat, 'one', 60, binary='worker',
                            host='there', availability_zone='z')
        self.database.write(repositories.purge)
        self.assertEqual([('nfs', 'there'), ('posix', 'there')],
                         [each[:2] for each in self.hosts()])

    def test_backups(self):
        day = datetime.timedelta(days=1)
        self.backup(stored_bytes=10, verified_at=NOON,
                    verified_result='sound')
        self.backup(stored_bytes=20, verified_at=NOON - day,
                    verified_result='damaged')
        self.backup()
        # Nothing is there of these.
        self.backup('error', stored_bytes=40, verified_at=NOON + day)
        self.backup(backup_type='nfs', status='restoring')
        nfs, posix = self.database.read(repositories.list_all)
        self.assertEqual(('posix', []), (posix.driver, posix.hosts))
        self.assertEqual(
            (3, 30, 1, 1, NOON - day, NOON),
            tuple(getattr(posix.backups, name) for name in (
                'backups', 'stored_bytes', 'never_verified', 'damaged',
                'oldest_verified_at', 'newest_verified_at')))
        self.assertEqual((1, None, 1, 0, None), tuple(
            getattr(nfs.backups, name) for name in (
                'backups', 'stored_bytes', 'never_verified', 'damaged',
                'oldest_verified_at')))
