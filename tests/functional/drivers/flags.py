# SPDX-License-Identifier: Apache-2.0
"""Inode flags and project ids."""

import os
import subprocess
from unittest import mock

from manila_backup.copying import duplicate
from manila_backup.copying import tree_copy
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers import progress
from manila_backup.fs import inode_flags
from tests.functional.drivers import test_posix

NO_DUMP, NO_ATIME, SYNC, NO_COW = 0x40, 0x80, 0x8, 0x800000


class Flags(test_posix.PosixMixin, case.Case):

    filesystem = 'ext4'

    def setUp(self):
        super().setUp()
        above, self.other = (self.loop(1 << 30, self.filesystem)
                             for _ in range(2))
        self.share, self.snapshot = (os.path.join(above, name)
                                     for name in ('share', 'snapshot'))
        for path in (self.share, self.snapshot, f'{self.share}/d'):
            os.mkdir(path)
        for name in ('plain', 'flags', 'd/large'):
            trees.write(os.path.join(self.share, name), name.encode()
                        * 20_000)
        self.set('flags', b'%x' % (NO_DUMP | NO_ATIME | SYNC))
        self.set('d', b'%x' % NO_DUMP)

    def set(self, name, value, what=inode_flags.FLAGS):
        self.assertTrue(self.opened(
            self.share, name, lambda fd: inode_flags.put(fd, what, value)))

    def opened(self, root, name, function):
        fd = os.open(os.path.join(root, name), os.O_RDONLY)
        try:
            return function(fd)
        finally:
            os.close(fd)

    def facts(self, root):
        return {
            name: self.opened(root, name, lambda fd: inode_flags.read(fd, 0))
            for name in ('.', 'd', 'plain', 'flags', 'd/large')}

    def restored(self, number=1):
        """Into another share, and into one where they were lost."""
        before = self.facts(self.share)
        self.assertEqual([], self.verify(case.place(number)))
        for root in self.other, self.share:
            report = self.restore(case.place(number), target=root)
            self.assertEqual((), report.problems)
            self.assertEqual(before, self.facts(root))
            for name in 'flags', 'd':
                fd = os.open(os.path.join(root, name), os.O_RDONLY)
                inode_flags.put(fd, inode_flags.FLAGS, b'0')
                os.close(fd)
            report = self.restore(case.place(number), target=root)
            self.assertEqual((), report.problems)
            self.assertEqual(before, self.facts(root))
        self.assertSame(trees.snapshot(self.share, ('lost+found',)),
                        trees.snapshot(self.other, ('lost+found',)))

    def test_flags_are_kept(self):
        report = self.backup(source=self.share)
        self.assertEqual((), report.problems)
        self.restored()

    def test_flags_set_between_backups(self):
        self.backup(source=self.share)
        self.set('plain', b'%x' % NO_ATIME)
        self.backup(case.place(2), source=self.share)
        self.restored(2)

    def test_flags_that_an_earlier_release_did_not_note(self):
        write = tree_copy.TreeCopy.write_manifest

        def unnoted(copy, name, about, *args):
            del about['has_flags']
            return write(copy, name, about, *args)

        with (mock.patch.object(tree_copy.TreeCopy, 'write_manifest',
                                unnoted),
              mock.patch.object(inode_flags, 'read',
                                lambda fd, _: (False, ()))):
            self.backup(source=self.share)
        self.backup(case.place(2), source=self.share)
        self.restored(2)
        # Nothing is known of them: what is there stays.
        before = self.facts(self.share)
        self.assertEqual((), self.restore(target=self.share).problems)
        self.assertEqual(before, self.facts(self.share))

    def test_room_beyond_the_end_is_told(self):
        path = os.path.join(self.share, 'plain')
        subprocess.run(['fallocate', '--keep-size', '--length', '4M', path],
                       check=True)
        for number in (1, 2):
            report = self.backup(case.place(number), source=self.share)
            self.assertEqual(('"plain": could not keep its space '
                              'allocated beyond its end.',), report.problems)
            self.assertEqual([], self.verify(case.place(number)))
            self.assertEqual((), self.restore(
                case.place(number), target=self.other).problems)

    def duplicated(self):
        """A snapshot of the share, as (its path, the report)."""
        share, to = (os.open(path, os.O_RDONLY)
                     for path in (self.share, self.snapshot))
        try:
            report = duplicate.duplicate(share, to, 2, progress.Progress())
        finally:
            os.close(share)
            os.close(to)
        return os.path.join(self.snapshot, duplicate.DATA), report

    def test_a_snapshot_keeps_them(self):
        for command in (['chattr', '+i', 'd/large'], ['chattr', '+a', 'd']):
            path = os.path.join(self.share, command.pop())
            subprocess.run([*command, path], check=True)
            self.addCleanup(subprocess.run, ['chattr', '-ia', path],
                            check=True)
        subprocess.run(['fallocate', '--keep-size', '--length', '4M',
                        os.path.join(self.share, 'plain')], check=True)
        path, report = self.duplicated()
        self.assertEqual(
            ['"d": could not keep its immutable or append-only flag.',
             '"d/large": could not keep its immutable or append-only flag.',
             '"plain": could not keep its space allocated beyond its '
             'end.'], sorted(report.problems))
        self.assertEqual({name: more for name, (_, more) in self.facts(
            self.share).items()}, {name: more for name, (_, more)
                                   in self.facts(path).items()})

    def test_who_can_not_have_them_says_so(self):
        self.backup(source=self.share)
        path = os.path.join(self.scratch, 'memory')
        os.mkdir(path)
        subprocess.run(['mount', '-t', 'ramfs', 'ramfs', path], check=True)
        self.addCleanup(subprocess.run, ['umount', path], check=True)
        report = self.restore(target=path)
        self.assertEqual(
            ['"d": could not keep its inode flags.',
             '"flags": could not keep its inode flags.'],
            sorted(report.problems))


class Projects(Flags):

    filesystem = 'xfs'

    def test_project_ids(self):
        self.set('d/large', b'4711', inode_flags.PROJECT)
        self.set('d', b'4712', inode_flags.PROJECT)
        path, report = self.duplicated()
        self.assertEqual((), report.problems)
        self.assertEqual(self.facts(self.share), self.facts(path))
        self.assertEqual((), self.backup(source=self.share).problems)
        self.restored()


class NoCopyOnWrite(Flags):

    filesystem = 'btrfs'

    def test_no_copy_on_write(self):
        path = os.path.join(self.share, 'flags')
        open(path, 'w').close()
        self.set('flags', b'%x' % NO_COW)
        with open(path, 'w') as target:
            target.write('x' * 100_000)
        before = self.facts(self.share)
        snapshot, report = self.duplicated()
        self.assertEqual((), report.problems)
        self.assertEqual(before, self.facts(snapshot))
        self.assertEqual((), self.backup(source=self.share).problems)
        self.assertEqual((), self.restore(target=self.other).problems)
        self.assertEqual(before, self.facts(self.other))
        with open(os.path.join(self.other, 'flags'), 'a') as target:
            target.write('more')
        self.assertEqual((), self.restore(target=self.other).problems)
        self.assertEqual(before, self.facts(self.other))
