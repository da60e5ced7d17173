# SPDX-License-Identifier: Apache-2.0

import os
import tempfile
import unittest

from manila_backup.contents import item
from manila_backup.drivers import base
from manila_backup.drivers.restic import dumped


class TestDumps(unittest.TestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.now = 0.0
        self.made = []
        self.dumps = dumped.Dumps(lambda: self.now)
        self.addCleanup(lambda: self.dumps._timer
                        and self.dumps._timer.cancel())

    def make(self, *pieces):
        def make(take, again):
            self.made.append(again)
            for each in pieces:
                take(each)
        return make

    def open(self, key, make, size=4):
        found = self.dumps.open(key, make, self.folder,
                                item.Item(b'.', b'f', 0o100644, size))
        self.addCleanup(found.__exit__)
        return found

    def test_it_is_fetched_once(self):
        for _ in range(2):
            found = self.open('a', self.make(b'ab', b'cd'))
            self.assertEqual(b'bcd', found.read(1, 10))
            self.assertTrue(found.digest.startswith('sha256:88d4266f'))
        self.assertEqual([False], self.made)
        self.assertEqual([], os.listdir(self.folder))

    def test_it_goes_when_nobody_reads_it(self):
        self.open('a', self.make(b'abcd'))
        self.now = 200.0
        self.open('a', self.make(b'abcd'))
        self.now = 400.0
        self.dumps._look()
        self.open('a', self.make(b'abcd'))
        self.assertEqual(1, len(self.made))
        self.now = 701.0
        self.dumps._look()
        self.assertEqual({}, dict(self.dumps._kept))

    def test_only_some_are_kept(self):
        first = self.open(0, self.make(b'abcd'))
        for key in range(1, 5):
            self.open(key, self.make(b'abcd'))
        self.assertEqual(b'abcd', first.read(0, 4))
        self.open(4, self.make(b'abcd'))
        self.assertEqual(5, len(self.made))
        self.open(0, self.make(b'abcd'))
        self.assertEqual(6, len(self.made))

    def test_it_is_tried_again_with_a_lock(self):
        def make(take, again):
            take(b'ab')
            if not again:
                raise base.DamagedBackup('gone')
            take(b'cd')
        self.assertEqual(b'abcd', self.open('a', make).read(0, 9))

    def test_what_is_too_short(self):
        with self.assertRaises(base.DamagedBackup):
            self.open('a', self.make(b'ab'))
        self.assertEqual(b'abcd',
                         self.open('a', self.make(b'abcd')).read(0, 9))

    def test_two_at_once(self):
        def make(take, again):
            with self.assertRaisesRegex(base.DriverError, 'being fetched'):
                self.open('a', self.make(b'abcd'))
            take(b'abcd')
        self.open('a', make)
