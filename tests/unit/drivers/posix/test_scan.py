# SPDX-License-Identifier: Apache-2.0
"""What a scan finds, and what it does not keep in memory."""

import os
import tempfile

import testtools

from manila_backup.drivers import base
from manila_backup.drivers.posix import scan


class SpoolCase(testtools.TestCase):
    def spool(self):
        source = tempfile.TemporaryFile()
        self.addCleanup(source.close)
        return scan.Spool(source.fileno())


class QueueTest(SpoolCase):
    def test_order_is_kept_when_it_overflows(self):
        queue = scan.Queue(self.spool())
        expected, got = [], []
        for number in range(20_000):
            item = b'%d' % number
            queue.put(item)
            expected.append(item)
            if number % 3 == 0:
                got.append(queue.get())
        item = queue.get()
        while item is not None:
            got.append(item)
            item = queue.get()
        self.assertEqual(expected, got)


class ScanTest(SpoolCase):
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
        found = scan.Scan(self.root, set(ignore), spool, forbidden)
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
