# SPDX-License-Identifier: Apache-2.0

import os
import tempfile
import unittest
from unittest import mock

from manila_backup.fs import handles
from manila_backup.fs import name_keys


class DirectoryCase(unittest.TestCase):
    """A case with an empty directory at ``path``, open as ``fd``."""

    def setUp(self):
        super().setUp()
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.path = place.name
        self.fd = os.open(self.path, handles.DIRECTORY)
        self.addCleanup(os.close, self.fd)


class AlikeTest(DirectoryCase):

    def test_names_that_may_be_the_same(self):
        for one, other in (('a', 'A'), ('a', 'a.'), ('a', 'a '),
                           ('\u00e9', 'E\u0301'), ('\u0439', '\u0418\u0306'),
                           ('stra\u00dfe', 'STRASSE'), ('I', '\u0131'),
                           ('\u03c3', '\u03c2'), ('a\u200b', 'A'),
                           ('\udcff', '\udcff')):
            self.assertEqual(name_keys.key(one), name_keys.key(other),
                             (one, other))
        for one, other in (('a', 'b'), ('a', 'a1'), ('a', '.a'),
                           ('\udcff', '\udcfe'), ('\u00e9', 'e')):
            self.assertNotEqual(name_keys.key(one), name_keys.key(other))

    def _make(self, *names):
        for name in names:
            open(os.path.join(self.path, name), 'w').close()

    def test_groups(self):
        self._make('a', 'A', 'b', 'c', 'caf\u00e9', 'x')
        self.assertEqual(
            [[b'A', b'a'], ['cafe\u0301'.encode(), 'caf\u00e9'.encode()]],
            sorted(name_keys.groups(self.fd, ['cafe\u0301'.encode(), b'y'])))
        self.assertEqual([], name_keys.groups(self.fd, ignore=[b'A']))

    def test_none_falls_where_all_have_a_place(self):
        self._make('a', 'A')
        self.assertFalse(name_keys.folds(self.fd))
        self.assertEqual([], name_keys.fallen(self.fd, name_keys.groups(
            self.fd, [b'A.'])))
        self.assertEqual(['A', 'a'], sorted(os.listdir(self.path)))

    def test_many_hashes(self):
        part, name_keys._PART = name_keys._PART, 10
        self.addCleanup(setattr, name_keys, '_PART', part)
        self.assertEqual({5, -7}, name_keys._repeated(
            [*range(100), 5, -7, -7, -8]))

    def test_what_is_passed_over(self):
        fallen = name_keys.Fallen()
        self.assertFalse(fallen)
        self.assertFalse(fallen.has(b'.', b'a'))
        fallen.add(b'a/b')
        self.assertTrue(fallen)
        for path, expected in ((b'.', False), (b'a', False), (b'a/b', True),
                               (b'a/b/c/d', True), (b'a/bc', False),
                               (b'b', False)):
            self.assertIs(expected, fallen.covers(path), path)
        self.assertTrue(fallen.has(b'a', b'b'))
        self.assertTrue(fallen.has(b'a/b', b'x'))
        self.assertFalse(fallen.has(b'a', b'x'))


class ReservedTest(DirectoryCase):
    """Names that are found, and that no listing shows."""

    def _find(self, *names):
        """Ask a file system that finds some names."""
        def look(directory, name):
            return os.fstat(directory) if name in names else None
        with mock.patch.object(handles, 'look', look):
            return name_keys.reserved(self.fd)

    def test_what_is_listed_is_the_share_s(self):
        self.assertEqual(set(), name_keys.reserved(self.fd))
        for name in name_keys.SNAPSHOTS:
            os.mkdir(name, dir_fd=self.fd)
        self.assertEqual(set(), name_keys.reserved(self.fd))
        self.assertEqual(set(), self._find(*name_keys.SNAPSHOTS))

    def test_what_is_not_listed(self):
        self.assertEqual({b'.snap'}, self._find(b'.snap'))

    def test_another_spelling(self):
        os.mkdir('.Snap', dir_fd=self.fd)
        self.assertEqual(set(), self._find(b'.snap'))
