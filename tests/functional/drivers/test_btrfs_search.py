# SPDX-License-Identifier: Apache-2.0
"""Searches in the trees of a real btrfs."""

import os
import stat
import subprocess

import testtools

from manila_backup.fs import btrfs
from manila_backup.fs import btrfs_search
from manila_backup.fs import handles
from manila_backup.fs import lineages
from tests.functional import disks


class TestBtrfsSearch(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.disk = self.useFixture(disks.Disk(120 * disks.MIB, 'btrfs'))
        self.top = self.open('.')
        btrfs.create('share', self.top)
        self.share = os.path.join(self.disk.path, 'share')
        self.count = 0

    def open(self, path):
        fd = os.open(os.path.join(self.disk.path, path), handles.DIRECTORY)
        self.addCleanup(os.close, fd)
        return fd

    def at(self, *names):
        return os.path.join(self.share, *names)

    def write(self, *names, data=b'x'):
        with open(self.at(*names), 'wb') as file:
            file.write(data)

    def snapshot(self):
        """A snapshot of the share: its descriptor."""
        self.count += 1
        name = f'snapshot{self.count}'
        btrfs.snapshot(self.open('share'), name, self.top)
        return self.open(name)

    def written(self, since, now):
        """The inodes written after a snapshot, by the paths that they have in
        a later one."""
        generation = btrfs.subvolume_of(since).created
        found = {each.number: each for each in btrfs_search.written_since(
            now, generation + 1)}
        paths = {}
        root = os.readlink(f'/proc/self/fd/{now}')
        for directory, below, names in os.walk(root):
            for path in (directory, *(os.path.join(directory, name)
                                      for name in below + names)):
                paths[os.lstat(path).st_ino] = os.path.relpath(path, root)
        return {paths[number]: each for number, each in found.items()}

    def test_each_change_is_told(self):
        os.mkdir(self.at('still'))
        for name in ('content', 'mode', 'owner', 'xattr', 'time', 'flags',
                     'linked', 'renamed', 'removed', 'mapped', 'punched',
                     'prealloc', 'no_cow'):
            os.mkdir(self.at(name))
            self.write(name, 'file')
            self.write('still', name, data=bytes(10000))
        subprocess.run(['chattr', '+C', self.at('no_cow')], check=True)
        os.unlink(self.at('no_cow', 'file'))
        self.write('no_cow', 'file', data=bytes(20000))
        before = self.snapshot()

        def set_back(name):
            # What a user can do about it.
            st = times[name]
            os.utime(self.at(name, 'file'), ns=(st.st_atime_ns,
                                                st.st_mtime_ns))

        times = {name: os.stat(self.at(name, 'file')) for name in (
            'content', 'punched', 'no_cow')}
        self.write('content', 'file', data=b'y')
        set_back('content')
        os.chmod(self.at('mode', 'file'), 0o600)
        os.chown(self.at('owner', 'file'), 5, 5)
        os.setxattr(self.at('xattr', 'file'), 'user.a', b'b')
        os.utime(self.at('time', 'file'), ns=(5, 5))
        subprocess.run(['chattr', '+d', self.at('flags', 'file')],
                       check=True)
        os.link(self.at('linked', 'file'), self.at('linked', 'more'))
        os.rename(self.at('renamed', 'file'), self.at('renamed', 'again'))
        os.unlink(self.at('removed', 'file'))
        os.posix_fallocate(os.open(self.at('prealloc', 'file'), os.O_RDWR),
                           0, 100000)
        with open(self.at('no_cow', 'file'), 'r+b') as file:
            file.write(b'z')
        set_back('no_cow')
        found = self.written(before, self.snapshot())
        self.assertEqual(
            {'content/file', 'mode/file', 'owner/file', 'xattr/file',
             'time/file', 'flags/file', 'linked/file', 'linked/more',
             'linked', 'renamed', 'renamed/again', 'removed',
             'prealloc/file', 'no_cow/file'}
            - {'linked/file', 'linked/more'},
            set(found) - {'linked/file', 'linked/more'})
        linked = found.get('linked/file') or found['linked/more']
        self.assertEqual(2, linked.links)
        self.assertEqual(0o600, stat.S_IMODE(found['mode/file'].mode))
        self.assertTrue(found['linked'].is_directory)
        st = os.stat(self.at('mode', 'file'))
        self.assertEqual(st.st_ctime_ns, found['mode/file'].ctime)

    def test_nothing_is_told_of_what_did_not_change(self):
        for number in range(3000):
            self.write(f'file{number}')
        before = self.snapshot()
        for number in range(3000):
            with open(self.at(f'file{number}'), 'rb') as file:
                file.read()
        self.write('file7', data=b'y')
        now = self.snapshot()
        self.assertIn('file7', self.written(before, now))
        self.assertEqual({}, self.written(now, self.snapshot()))

    def test_names_are_told_all(self):
        os.mkdir(self.at('d'))
        self.write('file')
        wanted = {('.', 'file')}
        for number in range(300):
            for directory in ('.', 'd'):
                name = f'{number}'.rjust(200, 'x')
                os.link(self.at('file'), self.at(directory, name))
                wanted.add((directory, name))
        fd = self.snapshot()
        inodes = {os.stat(self.at(each)).st_ino: each for each in '.d'}
        found = [(inodes[directory], name.decode())
                 for directory, name in btrfs_search.names(
                     fd, os.stat(self.at('file')).st_ino)]
        self.assertEqual(wanted, set(found))
        self.assertEqual(len(wanted), len(found))
        self.assertEqual([], list(btrfs_search.names(fd, 12345678)))

    def test_more_than_fits_into_one_answer(self):
        before = self.snapshot()
        for number in range(9000):
            self.write(f'file{number}')
        found = self.written(before, self.snapshot())
        self.assertEqual(9001, len(found))

    def test_what_a_snapshot_is_of(self):
        first, second = self.snapshot(), self.snapshot()
        own = btrfs.subvolume_of(self.open('share'))
        one, two = map(btrfs.subvolume_of, (first, second))
        self.assertEqual((own.uuid, own.uuid), (one.origin, two.origin))
        self.assertNotEqual(one.uuid, two.uuid)
        self.assertLess(one.created, two.created)

    def test_marks(self):
        folder = self.open('.')
        first = lineages.leave_mark(self.snapshot(), folder, 'a')
        second = lineages.leave_mark(self.snapshot(), folder, 'a')
        third = lineages.leave_mark(self.snapshot(), folder, 'a')
        for later in (second, third):
            self.assertTrue(later.continues(first.subvolume, first.mark))
        self.assertFalse(first.continues(second.subvolume, second.mark))
        self.assertFalse(third.continues(first.subvolume, None))
        self.assertFalse(third.continues('0' * 32, first.mark))
        os.unlink('a', dir_fd=folder)
        last = lineages.leave_mark(self.snapshot(), folder, 'a')
        self.assertFalse(last.continues(first.subvolume, first.mark))
        for _ in range(70):
            last = lineages.leave_mark(self.snapshot(), folder, 'a')
        self.assertEqual(64, len(last.marks))
        elsewhere = os.open('/proc', handles.DIRECTORY)
        self.addCleanup(os.close, elsewhere)
        self.assertRaises(OSError, lineages.leave_mark, self.snapshot(),
                          elsewhere, 'a')

    def test_it_is_for_btrfs_only(self):
        fd = os.open('/proc', handles.DIRECTORY)
        self.addCleanup(os.close, fd)
        self.assertRaises(OSError, list, btrfs_search.written_since(fd, 0))
        self.assertRaises(OSError, btrfs.subvolume_of, fd)
        self.assertRaises(OSError, btrfs.has_quotas, fd)

    def test_quotas_are_told(self):
        self.assertFalse(btrfs.has_quotas(self.top))
        subprocess.run(['btrfs', 'quota', 'enable', self.disk.path],
                       check=True)
        self.assertTrue(btrfs.has_quotas(self.top))

    def test_a_subvolume_is_destroyed(self):
        self.write('file')
        self.assertFalse(btrfs.destroy('nothing', self.top))
        os.mkdir(os.path.join(self.disk.path, 'directory'))
        self.assertFalse(btrfs.destroy('directory', self.top))
        btrfs.snapshot(self.open('share'), 'writable', self.top,
                       writable=True)
        with open(os.path.join(self.disk.path, 'writable', 'f'), 'w'):
            pass
        self.assertTrue(btrfs.destroy('writable', self.top))
        self.assertEqual(['share'], os.listdir(self.disk.path)[:1])
        self.assertNotIn('writable', os.listdir(self.disk.path))
