# SPDX-License-Identifier: Apache-2.0
"""Restores into shares that have no room for what differs beside what they
have."""

import contextlib
import os
import random
import subprocess
import tempfile

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from manila_backup.drivers import progress
from manila_backup.path_restore import selection

_MIB = 1 << 20


class Room(case.Case):
    """A share on a small file system of its own."""

    filesystem = 'ext4'
    #: Bytes; and how much of it a share's content takes.
    size, content = 64 * _MIB, 38 * _MIB

    def make_driver(self):
        self.share = self.small()
        self.repository = os.path.join(self.scratch, 'repository')
        return driver.PosixDriver(self.repository, 2, ['lost+found'])

    def small(self):
        return self.loop(self.size, self.filesystem)

    def tree_of_share(self):
        return trees.snapshot(self.share, ('lost+found',))

    def assertShare(self, expected):
        self.assertSame(expected, self.tree_of_share())

    def at(self, name):
        return os.path.join(self.share, name)

    def fill(self, sizes, seed=1):
        numbers = random.Random(seed)
        for number, size in enumerate(sizes):
            trees.write(self.at(f'f{number}'), numbers.randbytes(size))

    def change(self, name, seed=2):
        """Other bytes here and there, and all others at the end."""
        size = os.path.getsize(self.at(name))
        with open(self.at(name), 'r+b') as target:
            for part in range(4):
                target.seek(part * size // 4)
                target.write(b'changed')
            target.seek(size * 7 // 8)
            target.write(random.Random(seed).randbytes(size // 8))

    def stored(self):
        before = self.tree_of_share()
        self.backup(source=self.share)
        return before

    def test_a_file_of_more_than_half(self):
        self.fill([self.content])
        os.chmod(self.at('f0'), 0o640)
        os.setxattr(self.at('f0'), 'user.a', b'1')
        before = self.stored()
        self.change('f0')
        os.setxattr(self.at('f0'), 'user.b', b'2')
        self.assertEqual((), self.restore(target=self.share).problems)
        self.assertShare(before)
        # Nothing was left behind.
        self.assertEqual({'f0'}, set(os.listdir(self.share)) - {
            'lost+found'})

    def test_one_that_gives_privileges(self):
        self.fill([self.content])
        os.chmod(self.at('f0'), 0o4755)
        before = self.stored()
        self.change('f0')
        self.restore(target=self.share)
        self.assertShare(before)

    def test_one_with_several_names(self):
        self.fill([self.content])
        os.mkdir(self.at('d'))
        os.link(self.at('f0'), self.at('d/other'))
        before = self.stored()
        self.change('f0')
        self.restore(target=self.share)
        self.assertShare(before)

    def test_one_with_a_name_that_is_left_alone(self):
        """It must not change under that, and removing it makes no room."""
        self.fill([self.content])
        self.stored()
        os.makedirs(self.at('lost+found'), exist_ok=True)
        os.link(self.at('f0'), self.at('lost+found/other'))
        self.change('f0')
        before = trees.snapshot(self.share)
        names = [b'lost+found/other']
        try:
            self.restore(target=self.share)
        except base.DriverError as exc:
            self.assertEqual('no_space', exc.code)
            names.append(b'f0')
        # Else files can share blocks there.
        for name in names:
            self.assertEqual(before[name]['content'],
                             trees.snapshot(self.share)[name]['content'])

    def test_one_that_grows_beyond_what_there_is(self):
        """It stays what it was."""
        trees.write(os.path.join(self.source, 'a'), os.urandom(self.size))
        trees.write(os.path.join(self.source, 'b'), b'backed up')
        self.backup()
        trees.write(self.at('a'), os.urandom(100_000))
        os.chmod(self.at('a'), 0o644)
        trees.write(self.at('b'), b'changed')
        before = self.tree_of_share()
        with self.assertRaisesRegex(base.DriverError, '"a"') as caught:
            self.restore(target=self.share)
        self.assertEqual('no_space', caught.exception.code)
        found = self.tree_of_share()
        self.assertEqual(before[b'a'], found[b'a'])
        self.assertEqual(trees.snapshot(self.source)[b'b'], found[b'b'])

    def test_many_files(self):
        self.fill([self.content // 20] * 20)
        before = self.stored()
        for number in range(20):
            self.change(f'f{number}', number)
        self.restore(target=self.share)
        self.assertShare(before)

    def test_what_has_grown_and_what_has_shrunk(self):
        # In the order in which they are found there is no room for the
        # first before the second is written.
        self.fill([self.content, 10])
        before = self.stored()
        os.unlink(self.at('f0'))
        trees.write(self.at('f1'), os.urandom(self.content))
        self.restore(target=self.share)
        self.assertShare(before)

    def test_holes_where_there_is_data(self):
        with open(self.at('f0'), 'wb') as target:
            target.write(os.urandom(4 * _MIB))
            target.truncate(self.content)
        before = self.stored()
        trees.write(self.at('f0'), os.urandom(self.content))
        self.restore(target=self.share)
        self.assertShare(before)

    def test_what_is_removed_makes_room_first(self):
        os.mkdir(self.at('d'))
        self.fill([self.content])
        before = self.stored()
        os.unlink(self.at('f0'))
        for number in range(3):
            trees.write(self.at(f'd/extra{number}'),
                        os.urandom(self.content // 3))
        self.restore(target=self.share)
        self.assertShare(before)

    def test_killed_in_the_middle_and_run_again(self):
        self.fill([self.content // 2] * 2)
        before = self.stored()
        for number in range(20):
            with contextlib.suppress(OSError):
                # What a killed one left may take the room for that.
                self.change('f0', number)
                self.change('f1', -number)
            process = self.killable()
            process.wait_for_bytes(self.content + number * self.content // 20)
            process.kill()
        self.restore(target=self.share)
        self.assertShare(before)
        self.assertEqual([], self.verify())

    def killable(self):
        return case.Process(self.driver.restore, case.place(), 1, self.share)

    def test_what_has_no_room_at_all_is_told_and_the_rest_is_done(self):
        for name, size in (('a', self.size), ('b', 10_000), ('z', 10_000)):
            trees.write(os.path.join(self.source, name), os.urandom(size))
        self.backup()
        trees.write(self.at('b'), b'another')
        self.assertToldAlone()

    def assertToldAlone(self):
        with self.assertRaisesRegex(
                base.DriverError,
                '"a".*(No space left|quota exceeded).*All else') as caught:
            self.restore(target=self.share)
        self.assertEqual((False, 'no_space'), (
            caught.exception.retryable, caught.exception.code))
        expected = trees.snapshot(self.source)
        found = self.tree_of_share()
        for name in (b'b', b'z'):
            self.assertEqual(expected[name], found[name])
        # Nor is there a part of it, which would take all room.
        self.assertNotIn(b'a', found)

    def test_an_empty_share_without_room_for_one(self):
        for name, size in (('a', self.size + _MIB), ('b', 10_000),
                           ('z', 10_000)):
            trees.write(os.path.join(self.source, name), os.urandom(size))
        self.backup()
        for _ in range(2):
            self.assertToldAlone()


class Clones(Room):
    """Full shares on which files can share blocks."""

    def test_a_snapshot_keeps_all_there_was(self):
        self.fill([self.content])
        before = self.stored()
        # It frees nothing to remove the file.
        os.makedirs(self.at('lost+found'), exist_ok=True)
        subprocess.run(['cp', '--reflink=always', self.at('f0'),
                        self.at('lost+found/snapshot')], check=True)
        self.change('f0')
        self.restore(target=self.share)
        self.assertShare(before)


class XfsRoom(Clones):

    filesystem = 'xfs'
    size, content = 320 * _MIB, 170 * _MIB


class BtrfsRoom(Clones):

    filesystem = 'btrfs'
    size, content = 256 * _MIB, 130 * _MIB

    def small(self):
        return self.loop(self.size, self.filesystem, ('--mixed',))


class QuotaRoom(Clones):
    """Room enough, but a quota."""

    content = 36 * _MIB

    def small(self):
        path = self.loop(1 << 30, 'btrfs')
        for args in (('quota', 'enable'), ('qgroup', 'limit', '64M')):
            subprocess.run(['btrfs', *args, path], check=True)
        return path


class TmpfsRoom(Room):
    """In memory, where a number of inodes can be exhausted, too."""

    def small(self):
        path = tempfile.mkdtemp(dir=self.scratch)
        subprocess.run(['mount', '-t', 'tmpfs', '-o',
                        f'size={self.size},nr_inodes=40', 'tmpfs', path],
                       check=True)
        self.addCleanup(subprocess.run, ['umount', path], check=True)
        return path

    def change(self, name, seed=2):
        super().change(name, seed)
        self.use_up()

    def use_up(self):
        """Leave no inode free."""
        os.makedirs(self.at('lost+found'), exist_ok=True)
        for number in range(40):
            try:
                os.mknod(self.at(f'lost+found/{number}'))
            except OSError:
                return

    def exhausted(self):
        """Change a bit of everything, and use up all inodes; what there was
        before, and is in a backup."""
        self.fill([1000] * 5)
        os.symlink('somewhere', self.at('link'))
        os.mkfifo(self.at('fifo'))
        os.mkdir(self.at('d'))
        before = self.stored()
        os.unlink(self.at('link'))
        os.symlink('elsewhere', self.at('link'))
        os.chmod(self.at('fifo'), 0o600)
        os.rmdir(self.at('d'))
        os.mknod(self.at('d2'))
        self.change('f0')
        return before

    def test_no_inode_for_anything_new(self):
        before = self.exhausted()
        self.restore(target=self.share)
        self.assertShare(before)


class PathRoom(Room):
    """Restores of chosen paths: of all of them. They remove nothing."""

    test_what_is_removed_makes_room_first = None

    def setUp(self):
        super().setUp()
        self.folder = self.make('indexes')

    def restore(self, of=None, attempt=1, target=None):
        return self.run_it(of or case.place(), attempt, target,
                           progress.Progress())

    def run_it(self, place, attempt, target, counted, paths=(b'.',)):
        try:
            return self.driver.restore_paths(
                place, attempt, target, selection.Selection(
                    paths, None, selection.Conflict.OVERWRITE, 'operation'),
                self.folder, counted)
        finally:
            self.assertEqual([], [name for name in os.listdir(self.share)
                                  if name.startswith('.manila-backup-')])

    def assertShare(self, expected):
        # The share's directory itself is not what is restored.
        found = self.tree_of_share()
        self.assertSame({**expected, b'.': found[b'.']}, found)

    def killable(self):
        return case.Process(self.run_it, case.place(), 1, self.share)

    def test_one_with_several_names(self):
        """Others may not be chosen, and all have the same content."""
        self.fill([self.content])
        os.mkdir(self.at('d'))
        os.link(self.at('f0'), self.at('d/other'))
        self.stored()
        self.change('f0')
        before = self.tree_of_share()
        try:
            self.restore(target=self.share)
        except base.DriverError as exc:
            self.assertEqual('no_space', exc.code)
            for name in (b'f0', b'd/other'):
                self.assertEqual(before[name], self.tree_of_share()[name])

    def test_a_directory_without_room_does_not_appear(self):
        self._without_room(0)

    def test_a_large_directory_without_room_does_not_appear(self):
        """One that several processes make."""
        self._without_room(250)

    def _without_room(self, more):
        os.mkdir(os.path.join(self.source, 'd'))
        for name, size in (('d/a', 10), ('d/b', self.size), ('d/c', 10),
                           ('z', 10)):
            trees.write(os.path.join(self.source, name), os.urandom(size))
        for number in range(more):
            trees.write(os.path.join(self.source, f'd/f{number}'), b'')
        self.backup()
        trees.write(self.at('z'), b'another')
        with self.assertRaisesRegex(base.DriverError, '"d/b"') as caught:
            self.restore(target=self.share)
        self.assertEqual('no_space', caught.exception.code)
        found = self.tree_of_share()
        self.assertEqual({b'.', b'z'}, set(found))
        self.assertEqual(trees.snapshot(self.source)[b'z'], found[b'z'])

    def test_a_directory_that_has_room_in_the_end(self):
        """Only once what comes after it has shrunk."""
        os.makedirs(self.at('a/in/it'))
        for number in range(4):
            trees.write(self.at(f'a/in/f{number}'),
                        os.urandom(self.content // 4))
        os.symlink('somewhere', self.at('a/link'))
        os.link(self.at('a/in/f0'), self.at('a/first'))
        trees.write(self.at('z'), b'small')
        before = self.stored()
        subprocess.run(['rm', '-r', self.at('a')], check=True)
        trees.write(self.at('z'), os.urandom(self.content))
        os.utime(self.share, ns=(before[b'.']['mtime'],) * 2)
        report = self.restore(target=self.share)
        self.assertEqual((), report.problems)
        self.assertEqual({'created': 9, 'replaced': 1}, {
            name: count for name, count in report.restored.items() if count})
        self.assertShare(before)
        # One of them alone, in a directory that is not chosen itself.
        subprocess.run(['rm', '-r', self.at('a')], check=True)
        trees.write(self.at('z'), os.urandom(self.content))
        os.utime(self.share, ns=(before[b'.']['mtime'],) * 2)
        report = self.run_it(case.place(), 1, self.share, progress.Progress(),
                             (b'a/in', b'z'))
        self.assertEqual((), report.problems)
        found = self.tree_of_share()
        for path in (b'a/in', b'a/in/it', b'a/in/f3', b'z', b'.'):
            self.assertEqual(before[path] | {'links': None},
                             found[path] | {'links': None})


class PathQuotaRoom(PathRoom, QuotaRoom):

    pass


class PathTmpfsRoom(PathRoom, TmpfsRoom):

    def test_no_inode_for_anything_new(self):
        before = self.exhausted()
        with self.assertRaisesRegex(base.DriverError, '"d"') as caught:
            self.restore(target=self.share)
        self.assertEqual('no_space', caught.exception.code)
        os.unlink(self.at('d2'))
        # All but that directory was restored.
        found = self.tree_of_share()
        self.assertSame({path: facts for path, facts in before.items()
                         if path not in (b'.', b'd')},
                        {path: facts for path, facts in found.items()
                         if path != b'.'})
        self.restore(target=self.share)
        self.assertShare(before)


class PathXfsRoom(PathRoom, XfsRoom):

    pass


class PathBtrfsRoom(PathRoom, BtrfsRoom):

    pass
