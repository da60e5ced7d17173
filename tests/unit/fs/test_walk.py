# SPDX-License-Identifier: Apache-2.0
"""Going through directories: the order, and what is kept in memory."""

import os
import tempfile

import fixtures
import testtools

from manila_backup.drivers import base
from manila_backup.fs import spools
from manila_backup.fs import walk


class WalkTest(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.root = os.open(self.directory, os.O_RDONLY)
        self.addCleanup(os.close, self.root)
        source = tempfile.TemporaryFile()
        self.addCleanup(source.close)
        self.spool = spools.Spool(source.fileno())

    def test_the_last_comes_first_when_it_overflows(self):
        stack = spools.Stack(self.spool)
        expected = []
        for number in range(60_000):
            stack.put(b'%d' % number)
            expected.append(b'%d' % number)
            if number % 3 == 0 or number > 50_000:
                self.assertEqual(expected.pop(), stack.get())
            self.assertLessEqual(len(stack._items), 2 * spools._KEPT)
        while expected:
            self.assertEqual(expected.pop(), stack.get())
        self.assertIsNone(stack.get())

    def walk(self):
        """Paths in the order in which they are come to."""
        here = walk.Walk(self.root, self.spool)
        found = []
        for path in here:
            found.append(path)
            for entry in here.entries():
                self.assertTrue(entry.is_dir())
        return found

    def test_all_is_come_to_and_what_is_below_at_once(self):
        for path in ('a/b/c', 'a/d', 'e', 'a/b/f/g/h', 'e/i/j'):
            os.makedirs(os.path.join(self.directory, path), exist_ok=True)
        self.useFixture(fixtures.MockPatchObject(spools, '_KEPT', 1))
        found = self.walk()
        self.assertEqual({b'.', b'a', b'a/b', b'a/b/c', b'a/d', b'e',
                          b'a/b/f', b'a/b/f/g', b'a/b/f/g/h', b'e/i',
                          b'e/i/j'}, set(found))
        self.assertEqual(11, len(found))
        for top in (b'a', b'e', b'a/b', b'a/b/f'):
            at = [number for number, path in enumerate(found)
                  if path == top or path.startswith(top + b'/')]
            self.assertEqual(list(range(at[0], at[-1] + 1)), at)
            self.assertEqual(top, found[at[0]])

    def test_a_path_that_is_too_long(self):
        os.makedirs(os.path.join(self.directory, 'abc', 'def'))
        self.useFixture(fixtures.MockPatchObject(walk, 'LONGEST_PATH', 7))
        self.walk()
        self.useFixture(fixtures.MockPatchObject(walk, 'LONGEST_PATH', 6))
        exc = self.assertRaises(base.DriverError, self.walk)
        self.assertIn('"abc/def" is nested too deeply', exc.message)

    def test_paths_come_back_in_order_and_take_little_room(self):
        queue = spools.PathQueue(self.spool)
        paths = [b'x' * 100_000 + b'%d/' % number + b'y' * (number % 7)
                 for number in range(1000)] + [b'.', b'', b'x', b'x/y']
        got = []
        for number, path in enumerate(paths):
            queue.put(path)
            if number % 3 == 0:
                got.append(queue.get())
        while (path := queue.get()) is not None:
            got.append(path)
        self.assertEqual(paths, got)
        queue.put(b'x/z')
        self.assertEqual(b'x/z', queue.get())
        self.assertLess(self.spool.size, 250_000)
