# SPDX-License-Identifier: Apache-2.0
"""Entries that the posix driver stores in ways of its own."""

import errno
import os
import subprocess
from unittest import mock

from manila_backup.drivers.conformance import trees
from manila_backup.fs import content
from manila_backup.fs import syscalls
from tests.functional.drivers import test_posix


class PosixEntriesTest(test_posix.OwnCase):

    def test_names_and_targets_that_look_like_notes(self):
        trees.write(os.path.join(self.source, 'file'), b'x')
        os.link(os.path.join(self.source, 'file'),
                os.path.join(self.source, 'lost=node'))
        os.symlink('lost=node', os.path.join(self.source, 'link'))
        os.mkfifo(os.path.join(self.source, 'lost=a,node,b'))
        self.backup()
        self.assertStored(self.source)

    def _replaced_while_it_is_copied(self, replace):
        """Two names of one file; the first of them becomes another file
        while the first is read."""
        for name in 'ab':
            os.mkdir(os.path.join(self.source, name))
        first = os.path.join(self.source, 'a', 'first')
        other = os.path.join(self.source, 'b', 'other')
        trees.write(first, b'old' * 100)
        os.link(first, other)
        inode, read = os.stat(first).st_ino, content.read_small

        def read_small(source, size):
            if os.fstat(source).st_ino == inode and os.stat(
                    other).st_nlink == 2:
                os.unlink(first)
                replace(first)
            return read(source, size)

        with mock.patch.object(content, 'read_small', read_small):
            self.backup(still=False)
        self.assertEqual(1, os.stat(other).st_nlink)
        self.assertEqual([], self.verify())
        self.restore()
        for path in (first, other):
            self.assertEqual(self.what(path), self.what(os.path.join(
                self.target, os.path.relpath(path, self.source))))

    def test_a_name_of_a_group_saved_anew_while_it_is_copied(self):
        self._replaced_while_it_is_copied(
            lambda path: trees.write(path, b'new'))

    def test_a_name_of_a_group_that_turns_into_a_link(self):
        self._replaced_while_it_is_copied(
            lambda path: os.symlink('nowhere', path))

    def _group(self):
        """A file with eleven names in two directories."""
        for name in 'ab':
            os.mkdir(os.path.join(self.source, name))
        first = os.path.join(self.source, 'a', 'first')
        trees.write(first, b'shared')
        for number in range(5):
            for name in 'ab':
                os.link(first, os.path.join(self.source, name, f'{number}'))

    def _few_links(self):
        """A file system that allows three names of a file."""
        link = os.link

        def some(source, *args, src_dir_fd, **kwargs):
            if os.stat(source, dir_fd=src_dir_fd).st_nlink == 3:
                raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))
            link(source, *args, src_dir_fd=src_dir_fd, **kwargs)

        return mock.patch.object(os, 'link', some)

    def _assert_parted(self, report, where):
        """Check that all names are there, with their content, and that it is
        told which are names of another file than the first."""
        found = {}
        for path, _, names in os.walk(self.target):
            for name in names:
                path_ = os.path.join(path, name)
                self.assertEqual(b'shared', self.what(path_))
                found.setdefault(os.stat(path_).st_ino, set()).add(
                    os.path.relpath(path_, self.target))
        self.assertEqual(11, sum(map(len, found.values())))
        told = {name for names in found.values() for name in names
                if any(text.startswith(f'"{name}" is a copy in the {where}')
                       for text in report.problems)}
        self.assertEqual(len(told), report.problem_count, report.problems)
        self.assertEqual([3], [len(names) for names in found.values()
                               if not names & told])

    def test_more_links_than_the_repository_can_have(self):
        self._group()
        with self._few_links():
            report = self.backup()
        self.assertEqual([], self.verify())
        self.assertEqual((), self.restore().problems)
        self._assert_parted(report, 'backup')

    def test_more_links_than_the_share_can_have(self):
        self._group()
        self.backup()
        for _ in range(2):
            with self._few_links():
                report = self.restore()
            self._assert_parted(report, 'share')
        self.assertEqual((), self.restore().problems)
        self.assertSame(self.source, self.target)

    # -- holes

    def _with_holes(self, name, size, data):
        path = os.path.join(self.source, name)
        with open(path, 'wb') as target:
            for start, end in data:
                target.seek(start)
                target.write(os.urandom(end - start))
            target.truncate(size)
        os.utime(path, ns=(5, 5))
        return path

    def test_holes_that_were_filled_and_made(self):
        sizes = {'small': (40_000, [(0, 4096), (12_288, 16_384)]),
                 'large': (5 << 20, [(1 << 20, 2 << 20)]),
                 'end': (3 << 20, [((3 << 20) - 4096, 3 << 20)]),
                 'only': (2 << 20, [])}
        for name, (size, data) in sizes.items():
            self._with_holes(name, size, data)
            trees.write(os.path.join(self.source, f'{name} full'),
                        bytes(size))
            os.chmod(os.path.join(self.source, f'{name} full'), 0o4755)
            trees.write(os.path.join(self.source, f'{name} plain'),
                        bytes(size), 7)
        before = trees.snapshot(self.source)
        blocks = self._blocks()
        self.backup()
        for name, (size, _) in sizes.items():
            path = os.path.join(self.source, name)
            content = self.what(path)
            with open(path, 'r+b') as target:
                target.write(content)
            os.utime(path, ns=(5, 5))
            for other in (f'{name} full', f'{name} plain'):
                path = os.path.join(self.source, other)
                st = os.stat(path)
                fd = os.open(path, os.O_RDWR)
                syscalls.punch(fd, 0, size)
                os.close(fd)
                os.utime(path, ns=(st.st_mtime_ns, st.st_mtime_ns))
        self.assertNotEqual(blocks, self._blocks())
        self.assertEqual((), self.restore(target=self.source).problems)
        self.assertSame(before, self.source)
        self.assertEqual(blocks, self._blocks())
        # What is as it should be stays as it is.
        inodes = [os.stat(path).st_ctime_ns for path in self._files()]
        self.assertEqual((), self.restore(target=self.source).problems)
        self.assertEqual(inodes, [os.stat(path).st_ctime_ns
                                  for path in self._files()])

    def _files(self):
        return [os.path.join(self.source, name)
                for name in sorted(os.listdir(self.source))]

    def _blocks(self):
        subprocess.run(['sync', '-f', self.source], check=True)
        return {path: os.stat(path).st_blocks for path in self._files()}
