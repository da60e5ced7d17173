# SPDX-License-Identifier: Apache-2.0

import itertools
import unittest

from manila_backup.path_restore import selection


class TopmostTest(unittest.TestCase):

    def test_what_is_below_another_is_left_out(self):
        for expected, paths in (
                ([b'a', b'a-b', b'b/c'],
                 [b'b/c', b'a-b', b'a/b/c', b'a', b'a/b', b'b/c/d', b'a']),
                ([b'.'], [b'a', b'.', b'b/c']),
                ([b'a/b', b'a/c'], [b'a/c', b'a/b'])):
            self.assertEqual(expected,
                             selection.Selection(tuple(paths)).topmost())


class NamesTest(unittest.TestCase):

    def first(self, name, count=2):
        return [*itertools.islice(selection.others(name), count)]

    def test_endings_stay(self):
        for name, expected in (
                (b'a.sql', [b'a.restored.sql', b'a.restored-2.sql']),
                (b'a', [b'a.restored', b'a.restored-2']),
                (b'.profile', [b'.profile.restored', b'.profile.restored-2']),
                (b'a.b c', [b'a.b c.restored', b'a.b c.restored-2']),
                (b'\xff.gz', [b'\xff.restored.gz', b'\xff.restored-2.gz'])):
            self.assertEqual(expected, self.first(name))

    def test_long_names(self):
        for name in (b'n' * 255, b'n' * 250 + b'.text', 'é'.encode() * 127,
                     b'\xff' * 255):
            found = self.first(name, 999)
            self.assertEqual(len(found), len(set(found)))
            for each in found:
                self.assertLessEqual(len(each), 255)
                self.assertIn(b'.restored', each)
        for each in self.first('é'.encode() * 127):
            each.decode()
