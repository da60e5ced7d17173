# SPDX-License-Identifier: Apache-2.0
"""Views of the local share source that backups are copied from, on a real
btrfs."""

import contextlib
import dataclasses
import os
import stat
import subprocess

import testtools

from manila_backup.drivers import base as drivers
from manila_backup.drivers.posix import driver as posix
from manila_backup.drivers import progress
from manila_backup.engine import child
from manila_backup.shares import base
from manila_backup.shares import local
from tests.functional import disks


def job(attempt, backup_id='b'):
    return base.Job('op', backup_id, attempt)


class TestTemporarySnapshots(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.disk = self.useFixture(disks.Disk(120 * disks.MIB, 'btrfs'))
        self.source = self.make_source()
        self.own = base.ShareRef('own', 'p1')
        self.source.create(self.own)
        self.progress = progress.Progress()
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def make_source(self, path=None, mode='auto'):
        return local.LocalShares(
            path or os.path.join(self.disk.path, 'shares'), mode)

    def adopted(self, *names):
        path = os.path.join(self.disk.path, *names)
        os.makedirs(path, exist_ok=True)
        return base.ShareRef('adopted', 'p1', path)

    def write(self, share, text):
        with open(os.path.join(self.source.directory(share), 'file'),
                  'w') as file:
            file.write(text)

    def hold(self, share, attempt=1, source=None):
        source = source or self.source
        directory = self.stack.enter_context(source.opened(share))
        return source.hold(share, directory, job(attempt), self.progress,
                           self.stack)

    def assertShown(self, path, view):
        """Check that a view leads to what is at a path."""
        self.assertEqual(path, os.readlink(view.path))

    def assertHolds(self, text, view):
        self.assertEqual((base.SNAPSHOT, None), (view.kind, view.reason))
        with open(os.path.join(view.path, 'file')) as file:
            self.assertEqual(text, file.read())

    def assertLive(self, share, reason, **kwargs):
        view = self.hold(share, **kwargs)
        self.assertEqual(base.LIVE, view.kind)
        self.assertShown(share.path or self.source.directory(share), view)
        self.assertIn(reason, view.reason)
        self.assertNothingHeld()

    def assertNothingHeld(self):
        """Neither on the disk, nor in the kernel's list of subvolumes."""
        self.assertEqual([], list(self.source.held()))
        said = subprocess.run(
            ['btrfs', 'subvolume', 'list', '-s', self.disk.path], check=True,
            capture_output=True, text=True).stdout
        self.assertEqual('', said)
        for _, names, _ in os.walk(self.disk.path):
            self.assertEqual([], [name for name in names if 'held' in name])

    def subvolume(self, *names):
        subprocess.run(['btrfs', '-q', 'subvolume', 'create',
                        os.path.join(self.disk.path, *names)], check=True)

    def test_a_share_of_its_own(self):
        self.write(self.own, 'then')
        path = self.source.directory(self.own)
        self.assertEqual(0o700, stat.S_IMODE(os.stat(path).st_mode))
        view = self.hold(self.own)
        self.write(self.own, 'now')
        self.assertHolds('then', view)
        self.assertRaises(OSError, os.mkdir, os.path.join(view.path, 'd'))
        # What decides whether a file is the same as in the backup before.
        os.utime(os.path.join(path, 'file'), (1, 1))
        again = self.hold(self.own, 2)
        for name in (path, os.path.join(path, 'file')):
            one, other = os.stat(name), os.stat(
                os.path.join(again.path, os.path.relpath(name, path)))
            self.assertEqual(
                (one.st_ino, one.st_mtime_ns, one.st_ctime_ns, one.st_size),
                (other.st_ino, other.st_mtime_ns, other.st_ctime_ns,
                 other.st_size))
        self.assertEqual([('own', 'b', 2)], list(self.source.held()))
        # Nobody finds it who may not look into the share.
        above = os.path.dirname(os.readlink(again.path))
        self.assertEqual(0o700, stat.S_IMODE(os.stat(above).st_mode))
        self.source.release(self.own, job(1))
        self.source.release(self.own, job(9, 'another'))
        self.assertEqual([('own', 'b', 2)], list(self.source.held()))
        self.source.release(self.own, job(2))
        self.assertNothingHeld()
        self.source.remove(self.own, self.progress)
        self.assertFalse(os.path.exists(path))

    def test_a_plain_directory(self):
        share = base.ShareRef('plain', 'p1')
        os.mkdir(self.source.directory(share))
        self.write(share, 'then')
        view = self.hold(share)
        self.write(share, 'now')
        self.assertHolds('then', view)
        self.source.release(share, job(1))
        self.assertNothingHeld()

    def test_adopted_shares(self):
        self.subvolume('data')
        for share in (self.adopted('data'), self.adopted('data', 'a', 'b')):
            self.write(share, 'then')
            view = self.hold(share)
            self.write(share, 'now')
            self.assertHolds('then', view)
            self.source.release(base.ShareRef('adopted', None), job(1))
            self.assertNothingHeld()

    def test_an_adopted_share_on_another_file_system(self):
        elsewhere = self.useFixture(disks.Disk(8 * disks.MIB))
        self.source = self.make_source(elsewhere.path)
        share = self.adopted('data')
        self.write(share, 'then')
        view = self.hold(share)
        self.write(share, 'now')
        self.assertHolds('then', view)
        self.assertIn('.manila-backup-held', os.listdir(self.disk.path))
        self.assertEqual(['file'], os.listdir(share.path))
        # A worker that died had noted where, and perhaps not got further.
        note = os.path.join(elsewhere.path, '.held', 'adopted', 'b.1')
        os.symlink(os.readlink(note)[:-1] + '2', note[:-1] + '2')
        self.assertEqual([('adopted', 'b', 1), ('adopted', 'b', 2)],
                         list(self.source.held()))
        self.assertHolds('now', self.hold(share, 3))
        self.assertEqual([('adopted', 'b', 3)], list(self.source.held()))
        self.source.release(base.ShareRef('adopted', None), job(3))
        self.assertNothingHeld()

    def test_where_there_can_be_none(self):
        self.assertLive(self.adopted(), 'another filesystem',
                        source=self.make_source(
                            self.useFixture(disks.Disk(8 << 20)).path))
        self.subvolume('shares', 'own', 'd')
        self.assertLive(self.own, 'there are subvolumes in it')
        os.makedirs(os.path.join(self.disk.path, 'plain', 'a'))
        self.subvolume('plain', 'a', 'd')
        self.assertHolds('', self.empty('plain', 'b'))
        self.source.release(self.own, job(1))
        self.source.release(base.ShareRef('adopted', None), job(1))
        self.assertLive(self.adopted('plain'), 'there are subvolumes in it')
        ill = self.make_source(mode='snapshot')
        self.assertRaises(base.ShareError, self.hold, self.own, source=ill)
        self.assertNothingHeld()

    def with_a_mount(self):
        """An adopted share with another directory of its disk mounted in it;
        and that directory."""
        share = self.adopted('around')
        self.write(share, 'own')
        theirs, inside = (self.adopted(*names).path for names in (
            ('theirs',), ('around', 'd', 'in')))
        with open(os.path.join(theirs, 'other'), 'w') as file:
            file.write('theirs')
        subprocess.run(['mount', '--bind', theirs, inside], check=True)
        self.addCleanup(subprocess.run, ['umount', '-l', inside])
        return share, theirs

    def test_what_is_mounted_is_not_in_it_and_told(self):
        share, theirs = self.with_a_mount()
        driver = posix.PosixDriver(os.path.join(self.disk.root, 'repository'))
        driver.check(create=True)
        place = drivers.BackupReference('p1', share.id, 'b')
        for source in (self.source, self.make_source(mode='snapshot')):
            view = self.hold(share, source=source)
            self.assertHolds('own', view)
            self.assertEqual([], os.listdir(os.path.join(view.path, 'd/in')))
            self.source.release(share, job(1))
            said, = child.back_up(driver, source, share, job(1), place,
                                  {}, {}, self.progress).problems
            self.assertIn('"d/in" has another file system mounted', said)
            self.assertNothingHeld()
        driver.publish(place, 1)
        self.assertEqual('snapshot',
                         driver.describe(place).record['copied_from'])
        self.write(share, 'changed')
        child.restore(
            driver, self.source, share, base.Job('op', 'b', 2, False), place,
            self.progress)
        with open(os.path.join(share.path, 'file')) as file:
            self.assertEqual('own', file.read())
        self.assertEqual(['other'], os.listdir(theirs))

    def test_what_is_mounted_and_part_of_it(self):
        share, _ = self.with_a_mount()
        share = dataclasses.replace(share, include_mounts=True)
        self.assertLive(share, 'what is mounted in it is part of it')
        self.assertRaises(base.ShareError, self.hold, share,
                          source=self.make_source(mode='snapshot'))
        self.assertNothingHeld()
        # Without anything in it, it is one share like any other.
        subprocess.run(['umount', os.path.join(share.path, 'd/in')],
                       check=True)
        self.assertHolds('own', self.hold(share))

    def empty(self, *names):
        share = self.adopted(*names)
        self.write(share, '')
        return self.hold(share)

    def test_where_none_is_to_be_expected(self):
        ext4 = self.useFixture(disks.Disk(8 * disks.MIB)).path
        for source in (self.make_source(ext4),
                       self.make_source(mode='live')):
            share = base.ShareRef('s', 'p1')
            source.create(share)
            path = source.directory(share)
            view = self.hold(share, 1, source)
            self.assertEqual((base.LIVE, None), (view.kind, view.reason))
            self.assertShown(path, view)
        self.assertNothingHeld()

    def test_beside_a_share_whose_way_has_another_name_by_then(self):
        self.source = self.make_source(
            self.useFixture(disks.Disk(8 * disks.MIB)).path)
        share = self.adopted('above', 'data')
        above = os.path.dirname(share.path)
        with self.source.opened(share) as directory:
            # So is it called when the snapshot is made.
            os.rename(above, above + '.away')
            view = self.source.hold(share, directory, job(1), self.progress,
                                    self.stack)
        self.assertEqual((base.SNAPSHOT, None), (view.kind, view.reason))
        self.stack.close()
        # It is not known where the share is now.
        unknown = base.ShareRef(share.id, None)
        os.rename(above + '.away', above)
        self.assertRaises(base.ShareError, self.source.release, unknown,
                          job(1))
        self.source.release(share, job(1))
        self.assertNothingHeld()
        # Nor has it to be, where it is as it was.
        self.hold(share)
        self.stack.close()
        self.source.release(unknown, job(1))
        self.assertNothingHeld()

    def test_beside_a_share_where_others_can_write(self):
        self.source = self.make_source(
            self.useFixture(disks.Disk(8 * disks.MIB)).path)
        share = self.adopted('open', 'data')
        os.chmod(os.path.dirname(share.path), 0o1777)
        self.assertLive(share, 'others can write')
        os.chmod(os.path.dirname(share.path), 0o755)
        # Nor is a directory used that is not ours.
        os.mkdir(os.path.join(self.disk.path, 'open', '.manila-backup-held'),
                 0o755)
        view = self.hold(share)
        self.assertEqual(base.LIVE, view.kind)
        self.assertIn('Operation not permitted', view.reason)
