# SPDX-License-Identifier: Apache-2.0
"""Snapshots of local shares on real file systems."""

import errno
import fcntl
import os
import subprocess
from unittest import mock

from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers import progress
from manila_backup.fs import clones
from manila_backup.fs import mountpoints
from manila_backup.shares import base as shares
from manila_backup.shares import local
from tests.functional.drivers import hostile_shares
from tests.functional.drivers import test_restic

MIB = 1 << 20


_ioctl = fcntl.ioctl


def _no_clones(fd, request, *args):
    if request == clones._FICLONE:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    return _ioctl(fd, request, *args)


class HostileSnapshotsTest(hostile_shares.HostileSnapshots):
    pass


class HostileWaysTest(hostile_shares.HostileWays):
    pass


class BtrfsHostileWaysTest(hostile_shares.BtrfsHostileWays):
    pass


class BtrfsDirectoryWaysTest(hostile_shares.BtrfsDirectoryWays):
    pass


class ResticHostileWaysTest(test_restic.ResticMixin,
                            hostile_shares.HostileWays):
    pass


class SnapshotsTest(case.Case):

    def make_driver(self):
        return hostile_shares.Taker(os.path.join(self.scratch, 'unused'))

    def taken(self, size, kind, make=()):
        """A share with one of each thing that there is, and a snapshot of
        it."""
        root = self.loop(size, kind, make)
        self.shares = local.LocalShares(os.path.join(root, 'shares'))
        self.share = shares.ShareRef('s', 'p')
        self.shares.create(self.share)
        self.path = self.shares.directory(self.share)
        trees.everything(self.path, False)
        os.chmod(self.path, 0o1777)
        counted = progress.Progress()
        before = trees.snapshot(self.path)
        report = self.shares.create_snapshot(self.share, 'n', 1, counted)
        self.assertEqual(0, report.problem_count, report.problems)
        done, size, files, total = counted.read()
        self.assertEqual((files, total), (done, size))
        self.assertLess(0, files)
        self.assertEqual('', trees.differences(before, trees.snapshot(
            self.shares.snapshot_directory(self.share, 'n'))) or '')
        self.assertEqual(['n'], os.listdir(os.path.dirname(
            self.shares.snapshot_directory(self.share, 'n'))))
        return report

    def test_copied(self):
        self.assertLess(0, self.taken(200 * MIB, 'ext4').stored_bytes)

    def _sharing_blocks(self, size, kind):
        self.taken(size, kind)
        path = os.path.join(self.path, 'large')
        trees.write(path, os.urandom(64 * MIB))
        os.sync()
        before = os.statvfs(self.path).f_bfree
        report = self.shares.create_snapshot(self.share, 'm', 1,
                                             progress.Progress())
        os.sync()
        used = before - os.statvfs(self.path).f_bfree
        self.assertLess(used * os.statvfs(self.path).f_bsize, 16 * MIB)
        self.assertEqual(0, report.stored_bytes)
        with open(path, 'r+b') as file:
            file.write(b'changed')
        self.assertEqual(64 * MIB, os.path.getsize(os.path.join(
            self.shares.snapshot_directory(self.share, 'm'), 'large')))

    def test_sharing_blocks_on_xfs(self):
        self._sharing_blocks(400 * MIB, 'xfs')

    def test_sharing_blocks_on_btrfs(self):
        self._sharing_blocks(300 * MIB, 'btrfs')

    def _as_before_clones_between_mounts(self, size, kind):
        """The share is read through a mount of its own. Before Linux 5.18 no
        file is cloned from one mount to another."""
        with mock.patch.object(clones.fcntl, 'ioctl', _no_clones):
            report = self.taken(size, kind)
        self.assertLess(0, report.stored_bytes)

    def test_copied_where_mounts_share_no_blocks_on_xfs(self):
        self._as_before_clones_between_mounts(400 * MIB, 'xfs')

    def test_copied_where_mounts_share_no_blocks_on_btrfs(self):
        self._as_before_clones_between_mounts(300 * MIB, 'btrfs')

    def test_what_is_mounted_in_it_is_told_and_left_out(self):
        self.taken(200 * MIB, 'ext4')
        inner = self.make('inner')
        trees.write(os.path.join(inner, 'theirs'), b'theirs')
        for name in ('mnt', 'd/mnt'):
            os.makedirs(os.path.join(self.path, name))
            trees.write(os.path.join(self.path, name, 'under'), b'under')
            self.bind(inner, name)
        trees.write(os.path.join(self.path, 'd', 'file'), b'under')
        self.bind(os.path.join(inner, 'theirs'), 'd/file')
        report = self.shares.create_snapshot(self.share, 'm', 1,
                                             progress.Progress())
        self.assertEqual(
            sorted([mountpoints.left_out(b'd/mnt'),
                    mountpoints.left_out(b'mnt'),
                    mountpoints.left_out(b'd/file', False)]),
            sorted(report.problems))
        found = trees.snapshot(self.shares.snapshot_directory(self.share,
                                                              'm'))
        self.assertEqual({b'd', b'd/mnt', b'mnt'},
                         {path for path in found
                          if path.split(b'/')[0] in (b'd', b'mnt')})

    def bind(self, source, name):
        path = os.path.join(self.path, name)
        subprocess.run(['mount', '--bind', source, path], check=True)
        self.addCleanup(subprocess.run, ['umount', path], check=True)

    def test_what_attempts_left_is_removed(self):
        self.taken(200 * MIB, 'ext4')
        folder = os.path.dirname(
            self.shares.snapshot_directory(self.share, 'n'))
        for number in 1, 2, 4:
            os.makedirs(os.path.join(folder, f'm.{number}', 'data', 'd'))
        self.shares.create_snapshot(self.share, 'm', 3, progress.Progress())
        self.assertEqual(['m', 'm.4', 'n'], sorted(os.listdir(folder)))
        self.shares.remove_snapshot(self.share, 'm', progress.Progress())
        self.assertEqual(['n'], os.listdir(folder))

    def test_killed_and_made_again(self):
        self.taken(200 * MIB, 'ext4')
        trees.many(self.path, 20, 50)
        running = case.Process(self.shares.create_snapshot, self.share, 'm',
                               1)
        running.wait_for_files(100)
        running.kill()
        self.eventually(lambda: not running.left())
        self.shares.create_snapshot(self.share, 'm', 2, progress.Progress())
        self.assertEqual('', trees.differences(*(
            trees.snapshot(each) for each in (
                self.path,
                self.shares.snapshot_directory(self.share, 'm')))) or '')

    def test_full(self):
        self.taken(40 * MIB, 'ext4')
        free = os.statvfs(self.path)
        trees.write(os.path.join(self.path, 'large'), os.urandom(
            free.f_bfree * free.f_bsize * 2 // 3))
        error = self.assertRaises(
            shares.ShareError, self.shares.create_snapshot, self.share, 'm',
            1, progress.Progress())
        self.assertIn('No space left', str(error))
        self.assertEqual('no_space', error.code)
        self.shares.discard_snapshot(self.share, 'm', attempt=1)
        self.assertEqual([('s', 'n', False)], list(self.shares.snapshots()))

    def assertRaises(self, kind, function, *args):
        with super().assertRaises(kind) as raised:
            function(*args)
        return raised.exception
