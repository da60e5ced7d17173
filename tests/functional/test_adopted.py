# SPDX-License-Identifier: Apache-2.0
"""Shares on file systems of their own, which are mounted, not mounted, and
mounted again."""

import os
import subprocess

import fixtures
import testtools

from manila_backup.drivers import base as drivers
from manila_backup.drivers.posix import driver as posix
from manila_backup.drivers import progress
from manila_backup.engine import child
from manila_backup.shares import base
from manila_backup.shares import local
from tests.functional import cloud
from tests.functional import disks


def _run(*command):
    subprocess.run(command, check=True, capture_output=True)


class TestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.top = self.useFixture(fixtures.TempDir(
            rootdir=cloud.FOLDER)).path
        self.source = local.LocalShares(os.path.join(self.top, 'shares'))
        self.source.identify_root([])
        self.driver = posix.PosixDriver(
            os.path.join(self.top, 'repository'))
        self.driver.check(create=True)

    def disk(self, kind):
        """A disk that is mounted nowhere."""
        disk = self.useFixture(disks.Disk(
            (310 if kind == 'xfs' else 120) * disks.MIB, kind))
        _run('umount', disk.path)
        return disk

    def mount(self, disk, path):
        _run('mount', '-o', 'loop', disk.image, path)
        self.addCleanup(subprocess.run, ['umount', '-l', path],
                        capture_output=True)

    def adopted(self, path):
        """A share with something in it."""
        with open(os.path.join(path, 'file'), 'w') as file:
            file.write('kept')
        found = self.source.adopt(base.ShareRef('s', 'p', path))
        return base.ShareRef('s', 'p', path, found)

    def backup(self, share, name='b'):
        place = drivers.BackupReference('p', share.id, name)
        child.back_up(self.driver, self.source, share,
                      base.Job('op', name, 1), place, {}, {},
                      progress.Progress())
        self.driver.publish(place, 1)
        return place

    def restore(self, share, name='b'):
        child.restore(self.driver, self.source, share,
                      base.Job('op', name, 1, False),
                      drivers.BackupReference('p', share.id, name),
                      progress.Progress())

    def assertRefused(self, share, said):
        """Check that it is refused, whatever is done."""
        for function in (
                lambda: self.backup(share, 'other'),
                lambda: self.restore(share),
                lambda: self.source.create_snapshot(share, 'n', 1,
                                                    progress.Progress()),
                lambda: self.source.remove(share, progress.Progress())):
            error = self.assertRaises(base.ShareError, function)
            self.assertIn(said, str(error))
            self.assertTrue(error.retryable)
        self.assertFalse(os.path.exists(os.path.join(
            self.driver.path, 'p', 's', 'other')))


class TestMountPoints(TestCase):

    def _mounted_again(self, kind):
        disk = self.disk(kind)
        path = os.path.join(self.top, 'data')
        os.mkdir(path)
        self.mount(disk, path)
        share = self.adopted(path)
        self.backup(share)
        self.assertEqual(['file'], [name for name in os.listdir(path)
                                    if name != 'lost+found'])
        _run('umount', path)
        self.assertRefused(share, 'probably not mounted')
        self.assertEqual([], os.listdir(path))
        # Another number of the device, and what mounts have of one.
        other = self.disk(kind)
        os.mkdir(path + '2')
        self.mount(other, path + '2')
        self.mount(disk, path)
        os.unlink(os.path.join(path, 'file'))
        self.restore(share)
        self.backup(share, 'other')
        self.assertTrue(os.path.exists(os.path.join(path, 'file')))
        # What is there is a directory of the same number on another disk.
        _run('umount', path)
        self.mount(other, path)
        self.assertRaises(base.ShareError, self.restore, share)

    def test_ext4(self):
        self._mounted_again('ext4')

    def test_xfs(self):
        self._mounted_again('xfs')

    def test_btrfs(self):
        self._mounted_again('btrfs')

    def test_a_tmpfs_that_is_another_one(self):
        path = os.path.join(self.top, 'data')
        os.mkdir(path)
        self.mount_tmpfs(path)
        share = self.adopted(path)
        self.backup(share)
        self.mount_tmpfs(path)
        self.assertRefused(share, 'probably not mounted')

    def mount_tmpfs(self, path):
        _run('mount', '-t', 'tmpfs', 'share', path)
        self.addCleanup(subprocess.run, ['umount', '-l', path],
                        capture_output=True)

    def test_a_mount_point_above_it(self):
        disk = self.disk('ext4')
        above = os.path.join(self.top, 'disk')
        path = os.path.join(above, 'a', 'data')
        os.mkdir(above)
        self.mount(disk, above)
        os.makedirs(path)
        share = self.adopted(path)
        self.backup(share)
        _run('umount', above)
        self.assertRefused(share, 'can\'t be reached')
        self.assertEqual([], os.listdir(above))
        os.makedirs(path)
        self.assertRefused(share, 'probably not mounted')
        self.assertEqual([], os.listdir(path))

    def test_something_mounted_over_it(self):
        path = os.path.join(self.top, 'data')
        os.mkdir(path)
        share = self.adopted(path)
        self.backup(share)
        self.mount_tmpfs(path)
        self.assertRefused(share, 'probably not mounted')

    def test_another_directory_bound_over_it(self):
        path = os.path.join(self.top, 'data')
        for each in path, path + '2':
            os.mkdir(each)
        share = self.adopted(path)
        self.backup(share)
        _run('mount', '--bind', path + '2', path)
        self.addCleanup(subprocess.run, ['umount', '-l', path])
        for function in (self.backup, self.restore):
            error = self.assertRaises(base.ShareError, function, share)
            self.assertIn('another directory', str(error))
        self.assertEqual([], os.listdir(path))

    def test_what_is_mounted_in_it_is_not_removed(self):
        path = os.path.join(self.top, 'data')
        os.mkdir(path)
        share = self.adopted(path)
        own = base.ShareRef('own', 'p')
        self.source.create(own)
        for each in share, own:
            inside = os.path.join(self.source.directory(each), 'd', 'in')
            os.makedirs(inside)
            self.mount_tmpfs(inside)
            with open(os.path.join(inside, 'kept'), 'w'):
                pass
            error = self.assertRaises(base.ShareError, self.source.remove,
                                      each, progress.Progress())
            self.assertIn(f'mounted at {inside}', str(error))
            self.assertEqual(['kept'], os.listdir(inside))
            _run('umount', inside)
            self.source.remove(each, progress.Progress())
        self.assertEqual([], os.listdir(path))

    def test_subvolumes_are_told_apart(self):
        top = self.useFixture(disks.Disk(120 * disks.MIB, 'btrfs')).path
        for name in 'ab':
            _run('btrfs', '-q', 'subvolume', 'create',
                 os.path.join(top, name))
        share = self.adopted(os.path.join(top, 'a'))
        os.rename(os.path.join(top, 'a'), os.path.join(top, 'c'))
        os.rename(os.path.join(top, 'b'), os.path.join(top, 'a'))
        error = self.assertRaises(base.ShareError, self.restore, share)
        self.assertIn('another directory', str(error))

    def test_unmounted_while_it_is_backed_up_and_restored(self):
        disk = self.disk('ext4')
        path = os.path.join(self.top, 'data')
        os.mkdir(path)
        self.mount(disk, path)
        share = self.adopted(path)
        place = self.backup(share)

        class Leaving(posix.PosixDriver):
            def backup(self, *args):
                _run('umount', '-l', path)
                return super().backup(*args)

            def restore(self, *args):
                _run('umount', '-l', path)
                return super().restore(*args)

        self.driver = Leaving(self.driver.path)
        error = self.assertRaises(base.ShareError, self.backup, share, 'x')
        self.assertIn('while it was used', str(error))
        self.mount(disk, path)
        error = self.assertRaises(base.ShareError, self.restore, share)
        self.assertIn('while it was used', str(error))
        self.assertEqual([], os.listdir(path))
        self.assertEqual([], self.driver.verify(place, progress.Progress()))


class TestOwnShares(TestCase):
    """The directory that holds the service's own shares is a mount
    point."""

    def test_not_mounted(self):
        disk = self.disk('ext4')
        self.mount(disk, self.source.path)
        root = self.source.identify_root([])
        share = base.ShareRef('s', 'p', None, None, root)
        share = base.ShareRef('s', 'p', None, self.source.create(share),
                              root)
        self.backup(share)
        _run('umount', self.source.path)
        self.assertRefused(share, 'probably not mounted')
        error = self.assertRaises(base.ShareError, self.source.create,
                                  base.ShareRef('new', 'p', root=root))
        self.assertIn('probably not mounted', str(error))
        # Where nothing is noted yet, what should be there tells.
        error = self.assertRaises(base.ShareError, self.source.identify_root,
                                  ['s'])
        self.assertIn('probably not mounted', str(error))
        self.assertEqual([], os.listdir(self.source.path))
        self.mount(disk, self.source.path)
        self.restore(share)
        self.source.remove(share, progress.Progress())
        self.assertNotIn('s', os.listdir(self.source.path))
