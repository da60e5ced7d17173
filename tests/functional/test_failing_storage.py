# SPDX-License-Identifier: Apache-2.0
"""Storage that is full, read-only, broken or gone: real file systems on loop
devices, made for each test."""

import os
import shutil

from tests.functional import base
from tests.functional import cloud
from tests.functional import disks

MIB = disks.MIB


class FailingStorageTestCase(base.TestCase):

    def setUp(self):
        self.disk = self.make_disk()
        self.disk.setUp()
        # Before anything else is set up: it is the last to go.
        self.addCleanup(self.disk.cleanUp)
        self.options = {**self.options, **self.placed()}
        super().setUp()
        self.cloud.tolerate = 'attempt [0-9]+ failed'
        self.cloud.start()

    def make_disk(self):
        return disks.Disk(48 * MIB)

    def placed(self):
        """The options that put something on the disk."""
        raise NotImplementedError

    def failed(self, share_id, status='error', **values):
        """Have a backup fail.

        :returns: (its id, its ``fail_reason``).
        """
        backup = self.cloud.create_backup(share_id, **values)
        self.cloud.wait_backup(backup['id'], status)
        self.cloud.wait_share(share_id, 'available')
        return backup['id'], self.reason(backup['id'])

    def assert_stored(self, names, path):
        """Check what is stored: what a failed attempt left is removed right
        after its failure is told."""
        cloud.eventually(f'{names} in {path}',
                         lambda: sorted(self.stored(path)) == sorted(names))

    def reason(self, backup_id):
        return self.cloud.ask(
            200, 'GET', f'/share-backups/{backup_id}',
            token='admin:p1')['share_backup']['fail_reason']

    def code(self, backup_id):
        """Return what its owner is told of why a backup is as it is."""
        return self.cloud.ask(
            200, 'GET', f'/share-backups/{backup_id}', headers={
                'OpenStack-API-Version': 'shared-file-system-backup 1.0'})[
                    'share_backup']['status_code']

    def restore(self, backup_id):
        self.cloud.ask(202, 'POST', f'/share-backups/{backup_id}/action',
                       {'restore': None})

    def stored(self, path):
        """The files below a repository but for its own marker."""
        return [name for _, _, names in os.walk(path) for name in names
                if name != 'manila-backup-repository']

    def big_share(self, size=MIB):
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), 60, size)
        return share

    def small_share(self):
        share = self.cloud.create_share()
        made = self.fill(self.cloud.share_path(share['id']), 10, 1000)
        return share, made


class RepositoryTestCase(FailingStorageTestCase):

    def placed(self):
        return {'posix__repository_path': self.disk.path}

    def good(self, share_id, made):
        backup = self.cloud.create_backup(share_id)
        self.cloud.wait_backup(backup['id'], 'available')
        tree = os.path.join(self.disk.path, 'p1', share_id, backup['id'],
                            'data')
        self.assertEqual(made, self.content(tree))
        return backup['id']


class TestRepository(RepositoryTestCase):

    def test_full(self):
        share = self.big_share()
        small, made = self.small_share()
        backup_id, reason = self.failed(share['id'])
        self.assertIn('No space left', reason)
        self.assert_stored([], self.disk.path)
        # What does fit is backed up, and what failed can be deleted.
        self.good(small['id'], made)
        self.cloud.ask(202, 'DELETE', f'/share-backups/{backup_id}')
        self.cloud.wait_backup(backup_id, None)

    def test_read_only(self):
        small, made = self.small_share()
        kept = self.good(small['id'], made)
        self.disk.remount('ro')
        _, reason = self.failed(small['id'])
        self.assertIn('Read-only', reason)
        path = self.cloud.share_path(small['id'])
        for name in os.listdir(path):
            shutil.rmtree(os.path.join(path, name))
        self.restore(kept)
        self.cloud.wait_share(small['id'], 'available')
        self.assertEqual(made, self.content(path))
        self.cloud.ask(202, 'DELETE', f'/share-backups/{kept}')
        self.cloud.wait_backup(kept, 'error_deleting')
        self.assertIn('Read-only', self.reason(kept))
        self.disk.remount('rw')
        self.cloud.ask(202, 'DELETE', f'/share-backups/{kept}')
        self.cloud.wait_backup(kept, None)
        self.assert_stored([], self.disk.path)

    def test_not_mounted(self):
        small, made = self.small_share()
        self.good(small['id'], made)
        self.disk.vanish()
        failed, reason = self.failed(small['id'])
        self.assertIn('mounted', reason)
        self.assertEqual('repository_unavailable', self.code(failed))
        self.assertEqual([], os.listdir(self.disk.path))
        # Nor is the empty mount point taken for a new repository.
        self.cloud.tolerate += '|repository can be used'
        self.cloud.start_worker()
        self.failed(small['id'])
        self.assertEqual([], os.listdir(self.disk.path))

    def test_permission_lost(self):
        small, made = self.small_share()
        kept = self.good(small['id'], made)
        folder = os.path.join(self.disk.path, 'p1', small['id'])
        # What not even root may write to.
        self.disk.lock(folder)
        _, reason = self.failed(small['id'])
        self.assertIn('not permitted', reason)
        self.assertEqual([f'.contents.{kept}', kept],
                         sorted(os.listdir(folder)))
        self.disk.unlock(folder)
        self.good(small['id'], made)


class TestLimitedRepository(RepositoryTestCase):
    """A repository whose file system sets a limit to it."""

    def make_disk(self):
        return disks.LimitedDisk(256 * MIB)

    def test_reached(self):
        small, made = self.small_share()
        share = self.big_share()
        _, reason = self.failed(share['id'])
        self.assertIn('quota exceeded', reason)
        self.assert_stored([], self.disk.path)
        self.good(small['id'], made)

    def test_room_can_be_made_by_deleting(self):
        small, made = self.small_share()
        kept = self.good(small['id'], made)
        self.disk.fill()
        self.cloud.ask(202, 'DELETE', f'/share-backups/{kept}')
        self.cloud.wait_backup(kept, None)
        self.assert_stored(['ballast'], self.disk.path)


class TestHollowRepository(RepositoryTestCase):
    """A repository that takes what it can't keep."""

    def make_disk(self):
        return disks.HollowDisk(96 * MIB)

    def test_nothing_is_published_that_is_not_on_the_disk(self):
        share = self.big_share()
        _, reason = self.failed(share['id'])
        self.assertRegex(reason, 'Input/output error|Read-only|No space left')
        self.assertNotIn('manifest', self.stored(self.disk.path))


class TestShares(FailingStorageTestCase):

    def placed(self):
        return {'local_shares__path': self.disk.path}

    def test_read_error(self):
        share = self.cloud.create_share()
        path = os.path.join(self.disk.path, share['id'])
        self.fill(path, 36, MIB)
        self.disk.break_off(24 * MIB)
        backup = self.cloud.create_backup(share['id'])
        backup = self.cloud.wait_backup(backup['id'], 'available')
        # What can't be read is told, and all else is in the backup.
        self.assertIn('Input/output error', self.reason(backup['id']))
        self.assertIn(len(os.listdir(self.cloud.backup_path(backup))),
                      range(1, 36))

    def test_full_when_restored(self):
        share = self.cloud.create_share()
        path = os.path.join(self.disk.path, share['id'])
        made = self.fill(path, 20, MIB)
        backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        for name in list(made)[5:]:
            os.remove(os.path.join(path, name))
        ballast = self.disk.fill()
        self.restore(backup['id'])
        self.cloud.wait_share(share['id'], 'backup_restoring_error')
        self.cloud.wait_backup(backup['id'], 'available')
        self.assertIn('No space left', self.reason(backup['id']))
        # The backup is whole: with room, another try of the share's owner
        # puts all of it back.
        os.remove(ballast)
        self.restore(backup['id'])
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(made, self.content(path))
