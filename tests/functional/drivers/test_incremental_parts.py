# SPDX-License-Identifier: Apache-2.0
"""Parts of large files that changed, of which a backup takes over the rest."""

import errno
import os
from unittest import mock

from manila_backup.drivers.conformance import trees
from manila_backup.fs import rewrite
from tests.functional.drivers import test_incremental

ONE, TWO = test_incremental.ONE, test_incremental.TWO


class Parts(test_incremental.Incremental):
    """Large files of which a part changes, where files can share blocks."""

    SIZE = 24 << 20

    def store(self):
        """Back up an image."""
        with open(self.at('image'), 'wb') as file:
            for _ in range(self.SIZE >> 20):
                file.write(os.urandom(1 << 20))
        self.backup(ONE)

    def change(self, offset, data):
        with open(self.at('image'), 'r+b') as file:
            file.seek(offset)
            file.write(data)

    def assert_added(self, most, *changes):
        self.store()
        before = trees.snapshot(self.source)
        for change in changes:
            change()
        report = self.backup(TWO)
        self.assertEqual((), report.problems)
        self.assertLessEqual(report.stored_bytes, most)
        self.assertLessEqual(self.unique(TWO), most + (1 << 20))
        self.assertWhole([ONE], before)
        self.assertWhole([TWO], trees.snapshot(self.source))
        self.delete(ONE)
        self.assertWhole([TWO], trees.snapshot(self.source))

    def test_a_part_of_a_large_file(self):
        self.assert_added(
            3 << 16, lambda: self.change(5_000_000, os.urandom(100_000)))

    def test_one_that_grows(self):
        self.assert_added(
            1 << 20, lambda: self.change(self.SIZE, os.urandom(900_000)))

    def test_one_that_shrinks(self):
        self.assert_added(
            1 << 16, lambda: os.truncate(self.at('image'), 9_999_999))

    def test_holes_where_there_was_data(self):
        def punch():
            os.truncate(self.at('image'), 1 << 20)
            os.truncate(self.at('image'), self.SIZE)

        self.assert_added(2 << 16, punch)
        self.assertLess(os.stat(self.data(TWO, 'image')).st_blocks * 512,
                        3 << 20)

    def test_an_earlier_version_that_is_damaged(self):
        self.store()
        with open(self.data(ONE, 'image'), 'r+b') as file:
            file.seek(10_000_000)
            file.write(b'damage')
        self.change(0, b'changed')
        self.assertLessEqual(self.backup(TWO).stored_bytes, 3 << 16)
        self.assertWhole([TWO], trees.snapshot(self.source))

    def test_an_earlier_version_that_can_not_be_read(self):
        self.store()
        self.change(0, b'changed')
        with mock.patch.object(rewrite, 'apply', side_effect=OSError(
                errno.EIO, os.strerror(errno.EIO))):
            self.assertEqual(self.SIZE, self.backup(TWO).stored_bytes)
        self.assertWhole([TWO], trees.snapshot(self.source))


class BtrfsPartsTest(Parts):
    KIND = 'btrfs'


class XfsPartsTest(Parts):
    KIND = 'xfs'


del Parts
