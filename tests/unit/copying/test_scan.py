# SPDX-License-Identifier: Apache-2.0
"""Entries that a scan finds, and its bounds in memory."""

import os
import tempfile

import fixtures
import testtools

from manila_backup.copying import budget
from manila_backup.copying import scan
from manila_backup.copying import tree
from manila_backup.drivers import base
from manila_backup.fs import dirent
from manila_backup.fs import removal
from manila_backup.fs import spools


class SpoolCase(testtools.TestCase):
    def spool(self):
        source = tempfile.TemporaryFile()
        self.addCleanup(source.close)
        return spools.Spool(source.fileno())


class ScanTest(SpoolCase):
    PER_ENTRY = 0

    def setUp(self):
        super().setUp()
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = os.open(self.directory.name, os.O_RDONLY)
        self.addCleanup(os.close, self.root)

    def path(self, *names):
        return os.path.join(self.directory.name, *names)

    def scan(self, ignore=(), forbidden=(0, 0)):
        spool = self.spool()
        self.journal = tree.Journal(self.spool().fd, self.spool().fd)
        found = scan.Scan(self.root, set(ignore), spool, forbidden,
                          self.journal, budget.Budget(self.PER_ENTRY))
        return found, [spool.get(offset, size)
                       for _, offset, size in found.batches()]

    def test_a_large_directory_comes_in_many_batches(self):
        for number in range(1000):
            open(self.path(f'f{number}'), 'w').close()
        found, batches = self.scan()
        self.assertEqual(1000, found.files)
        self.assertGreater(len(batches), 6)
        names = {file[0] for _, groups in batches
                 for _, files, _ in groups for file in files}
        self.assertEqual(1000, len(names))

    def test_links_of_a_file_are_in_one_batch_together(self):
        for number in range(50):
            open(self.path(f'f{number}'), 'w').close()
            os.link(self.path(f'f{number}'), self.path(f'g{number}'))
        found, batches = self.scan()
        self.assertEqual(100, found.files)
        for kind, records in batches:
            if kind == 'links':
                inodes = [record[1] for record in records]
                self.assertEqual(sorted(inodes), inodes)
                for inode in inodes:
                    self.assertEqual(2, inodes.count(inode))

    def test_long_paths_are_noted_once(self):
        names = [b'x' * 200] * 1000
        fd = os.dup(self.root)
        for name in names:
            os.mkdir(name, dir_fd=fd)
            below = os.open(name, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        for number in range(2000):
            os.mkdir(b'd%d' % number, dir_fd=fd)
            os.close(os.open(b'f%d' % number, os.O_CREAT, dir_fd=fd))
            if number < 500:
                os.link(b'f%d' % number, b'g%d' % number, src_dir_fd=fd,
                        dst_dir_fd=fd)
        os.close(fd)
        found, batches = self.scan()
        self.addCleanup(removal.remove, names[0], self.root)
        self.assertEqual(5500, found.files)
        # A single path is as long as that.
        self.assertLess(found.spool.size + self.journal.size, 3 * 200_000
                        + 5500 * 100)
        paths = self.journal.paths()
        deep = b'/'.join(names)
        files = {paths.path(number) for kind, groups in batches
                 if kind == 'tree' for number, files, _ in groups if files}
        self.assertEqual({deep}, files)
        links = {paths.path(record[2]) for kind, records in batches
                 if kind == 'links' for record in records}
        self.assertEqual({deep}, links)
        lines = [dirent.parse(text[:-1]) for span in found.directories
                 for text in found.spool.get(*span[1:])]
        self.assertEqual(3001, len(lines))
        self.assertEqual(
            {b'.', deep, *(deep + b'/d%d' % number
                           for number in range(2000))},
            {paths.path(line.extra[0]) for line in lines
             if line.extra[0] in (0, 1000) or line.name != names[0]})

    def test_a_directory_is_never_before_the_one_that_it_is_in(self):
        for number in range(100):
            os.makedirs(self.path(f'a{number % 7}', f'b{number % 11}',
                                  f'c{number}'))
        found, _ = self.scan()
        seen = []
        for span in found.directories:
            for text in found.spool.get(*span[1:]):
                number, parent = dirent.parse(text[:-1]).extra
                self.assertEqual(len(seen), number)
                seen.append(parent)
        self.assertEqual(0, seen[0])
        self.assertTrue(all(parent < number for number, parent in
                            enumerate(seen) if number))

    def test_a_budget_that_is_too_small(self):
        self.useFixture(fixtures.MockPatchObject(budget, 'FREE', 0))
        self.PER_ENTRY = 1000
        open(self.path('f'), 'w').close()
        self.scan()
        self.PER_ENTRY = 10
        exc = self.assertRaises(base.DriverError, self.scan)
        self.assertIn('bytes_per_entry', exc.message)
        self.assertFalse(exc.retryable)

    def test_names_are_only_ignored_in_the_root(self):
        os.makedirs(self.path('skip', 'below'))
        os.makedirs(self.path('kept', 'skip'))
        found, _ = self.scan([b'skip'])
        self.assertEqual(2, found.files)

    def test_the_repository_must_not_be_in_the_share(self):
        os.mkdir(self.path('here'))
        st = os.stat(self.path('here'))
        self.assertRaises(base.DriverError, self.scan,
                          forbidden=(st.st_dev, st.st_ino))
