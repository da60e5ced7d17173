# SPDX-License-Identifier: Apache-2.0
"""Storage that is full, read-only, broken or gone: real file systems on loop
devices, made for each test."""

import os
import shutil
import subprocess

import fixtures

from tests.functional import base
from tests.functional import cloud

MIB = 1 << 20


class Disk(fixtures.Fixture):
    """A file system of its own.

    :param size: int, bytes.
    :ivar path: str, where it is mounted.
    """

    MAKE = 'mkfs.ext4', '-q', '-m', '0', '-E', 'root_owner=0:0'

    def __init__(self, size):
        self._size = size

    def _setUp(self):
        self.root = self.useFixture(
            fixtures.TempDir(rootdir=cloud.FOLDER)).path
        self.image = os.path.join(self.place(), 'image')
        self.path = os.path.join(self.root, 'mounted')
        os.mkdir(self.path)
        with open(self.image, 'wb') as file:
            file.truncate(self._size)
        self._run(*self.MAKE, self.image)
        self._mount('-o', 'loop', self.image, self.path)

    def place(self):
        """The directory that its image is to be in."""
        return self.root

    def _mount(self, *how):
        self._run('mount', *how)
        self.addCleanup(subprocess.run, ['umount', '-l', how[-1]],
                        stderr=subprocess.DEVNULL)

    def remount(self, how):
        self._run('mount', '-o', f'remount,{how}', self.path)

    def vanish(self):
        """Unmount it under whatever is using it."""
        self._run('umount', '-l', self.path)

    def lock(self, path):
        """Let nobody write to a directory."""
        self._run('chattr', '+i', path)

    def unlock(self, path):
        self._run('chattr', '-i', path)

    def break_off(self, size):
        """Lose all behind the first ``size`` bytes: to read there is an I/O
        error from now on."""
        self._run('sync', '-f', self.path)
        os.truncate(self.image, size)
        with open('/proc/sys/vm/drop_caches', 'w') as file:
            file.write('3')

    def fill(self):
        """Use up what is free.

        :returns: str, the file to remove for that to end.
        """
        ballast = os.path.join(self.path, 'ballast')
        with open(ballast, 'wb', buffering=0) as file:
            for size in (MIB, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue
        return ballast

    @staticmethod
    def _run(*command):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class HollowDisk(Disk):
    """Promises more than there is: whatever is written is taken, and a part
    of it is an I/O error when it is to go to the device."""

    def place(self):
        path = os.path.join(self.root, 'device')
        os.mkdir(path)
        self._mount('-t', 'tmpfs', '-o', f'size={self._size // 3}', 'tmpfs',
                    path)
        return path


class LimitedDisk(Disk):
    """Has room, but a quota of 16 MiB."""

    MAKE = 'mkfs.btrfs', '-q'

    def _setUp(self):
        super()._setUp()
        self._run('btrfs', 'quota', 'enable', self.path)
        self._run('btrfs', 'qgroup', 'limit', '16M', self.path)


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
        return Disk(48 * MIB)

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
        """What a failed attempt left is removed right after its failure is
        told."""
        cloud.eventually(f'{names} in {path}',
                         lambda: sorted(self.stored(path)) == sorted(names))

    def reason(self, backup_id):
        return self.cloud.ask(
            200, 'GET', f'/share-backups/{backup_id}',
            token='admin:p1')['share_backup']['fail_reason']

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
        _, reason = self.failed(small['id'])
        self.assertIn('mounted', reason)
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
        self.assertEqual([kept], os.listdir(folder))
        self.disk.unlock(folder)
        self.good(small['id'], made)


class TestLimitedRepository(RepositoryTestCase):
    """A repository whose file system sets a limit to it."""

    def make_disk(self):
        return LimitedDisk(256 * MIB)

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
        return HollowDisk(96 * MIB)

    def test_nothing_is_published_that_is_not_on_the_disk(self):
        share = self.big_share()
        _, reason = self.failed(share['id'])
        self.assertRegex(reason, 'Input/output error|Read-only')
        self.assertNotIn('manifest', self.stored(self.disk.path))


class TestShares(FailingStorageTestCase):

    def placed(self):
        return {'local_shares__path': self.disk.path}

    def test_read_error(self):
        share = self.cloud.create_share()
        path = os.path.join(self.disk.path, share['id'])
        self.fill(path, 36, MIB)
        self.disk.break_off(24 * MIB)
        _, reason = self.failed(share['id'])
        self.assertIn('Input/output error', reason)
        self.assert_stored([], self.cloud.repository)

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
        # The backup is whole: with room, another try puts all of it back.
        os.remove(ballast)
        self.cloud.ask(202, 'POST', f'/shares/{share["id"]}/action',
                       {'reset_status': {'status': 'available'}},
                       token='admin:p1')
        self.restore(backup['id'])
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(made, self.content(path))
