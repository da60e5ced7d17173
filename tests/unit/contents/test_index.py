# SPDX-License-Identifier: Apache-2.0

import fnmatch
import os
import random
import stat
import tempfile
import unittest
from unittest import mock

from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies

from manila_backup.contents import database
from manila_backup.contents import item
from manila_backup.contents import reader
from manila_backup.contents import writer
from manila_backup.fs import handles

FILE, DIRECTORY = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755

_names = strategies.binary(min_size=1, max_size=3).filter(
    lambda name: not {0, ord('/')} & set(name) and name not in (b'.', b'..'))
_paths = strategies.lists(_names, min_size=1, max_size=4).map(b'/'.join)


class Case(unittest.TestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, 'index')

    def write(self, items, **about):
        if os.path.exists(self.path):
            os.unlink(self.path)
        with writer.Writer(self.path) as index:
            index.add(items)
            return index.finish(about)

    def read(self):
        found = reader.Reader(self.path)
        self.addCleanup(found.__exit__)
        return found


def tree(paths):
    """Items of files of those paths and of all that they are in."""
    found = {}
    for path in paths:
        if path in found:
            continue
        found[path] = item.Item(*handles.split(path), FILE, len(path))
        while b'/' in path:
            path = handles.split(path)[0]
            found[path] = item.Item(*handles.split(path), DIRECTORY)
    return found


class IndexTest(Case):

    @settings(max_examples=60, deadline=None)
    @given(strategies.lists(_paths, max_size=30), strategies.randoms())
    def test_what_is_written_is_read(self, paths, chance):
        found = tree(paths)
        items = list(found.values())
        chance.shuffle(items)
        self.assertEqual(len(found), self.write(items, backup='b'))
        with reader.Reader(self.path) as index:
            self.assertEqual({'backup': 'b', 'entries': len(found)},
                             index.about())
            every = list(index.every())
            self.assertCountEqual(found.values(), every)
            for path, one in found.items():
                self.assertEqual(one, index.entry(path))
                if one.is_directory:
                    self.assertEqual(
                        sorted(each.name for each in items
                               if each.directory == path),
                        [each.name for each in index.page(path)])
                    below = [each.path for each in every
                             if each.path.startswith(path + b'/')]
                    self.assertEqual(below, [
                        each.path for each in index.search(
                            reader.Wanted(under=path))[0]])

    @settings(max_examples=60, deadline=None)
    @given(strategies.lists(_paths, max_size=30))
    def test_walks(self, paths):
        found = tree(paths)
        self.write(found.values())
        with reader.Reader(self.path) as index:
            for top in (b'.', *found):
                if top != b'.' and not found[top].is_directory:
                    with self.assertRaises(reader.NoSuchEntry):
                        next(index.walk(top))
                    continue
                below = [path for path in found
                         if top == b'.' or path.startswith(top + b'/')]
                way, seen = [top], []
                for one in index.walk(top):
                    if one is None:
                        way.pop()
                        continue
                    self.assertEqual(way[-1], one.directory)
                    self.assertEqual(found[one.path], one)
                    seen.append(one.path)
                    if one.is_directory:
                        way.append(one.path)
                self.assertEqual([top], way)
                self.assertEqual(sorted(below, key=lambda path: path.split(
                    b'/')), seen)
                self.assertEqual((len(below), sum(
                    found[path].size for path in below)), index.totals(top))

    @settings(max_examples=60, deadline=None)
    @given(strategies.lists(_paths, max_size=60), strategies.randoms())
    def test_directories_that_are_sorted_on_the_disk(self, paths, chance):
        found = tree(paths)
        items = list(found.values())
        chance.shuffle(items)
        with (mock.patch.object(writer, '_RUN', 2),
              mock.patch.object(writer, '_SORTED', 3)):
            self.write(items)
        with reader.Reader(self.path) as index:
            every = list(index.every())
            index.check()
        self.assertEqual(
            sorted(items, key=lambda one: (one.directory.split(b'/') * (
                one.directory != b'.'), one.name)), every)

    def test_what_a_row_may_have(self):
        items = [
            item.Item(b'.', b'a', FILE, line=0),
            item.Item(b'.', b'b', FILE, line=2 ** 40),
            item.Item(b'.', b'c', FILE),
            item.Item(b'.', b'd', stat.S_IFLNK | 0o777, 1, target=b'\xff'),
            item.Item(b'.', b'e', DIRECTORY, line=7),
            item.Item(b'.', b'f', flags=item.MISSING | item.UNKNOWN)]
        self.write(items)
        self.assertEqual(items, self.read().page(b'.'))

    @settings(max_examples=300, deadline=None)
    @given(strategies.sets(_names, max_size=20), strategies.text(
        '*?[]!-ab\u00e9\udcc3\udca9\udc80', max_size=6))
    @example({b'\xc3\xa9'}, '\u00e9')
    @example({b'\xc3\xa9'}, '\udcc3\udca9')
    @example({b'\xc3a'}, '\udcc3*')
    @example({b'a]b', b'a[b'}, 'a[]]b')
    def test_names_that_are_searched(self, names, pattern):
        names = names | {b'ab', b'aab', b'\xc3\xa9a', b'\x80'}
        self.write([item.Item(b'.', name, FILE) for name in names])
        with reader.Reader(self.path) as index:
            found, _ = index.search(reader.Wanted(name=pattern))
        self.assertEqual(
            sorted(name for name in names
                   if fnmatch.fnmatchcase(os.fsdecode(name), pattern)),
            [one.name for one in found])

    def test_a_walk_through_a_large_directory(self):
        self.write(tree(b'd/%04d' % number
                        for number in range(3 * reader._WALKED)).values())
        names = [one and one.name for one in self.read().walk()]
        self.assertEqual([b'd', *(b'%04d' % number for number in range(
            3 * reader._WALKED)), None], names)

    def test_directories_come_depth_first_by_name(self):
        self.write(tree([b'b', b'a/z', b'a/a/q', b'a!/y', b'c/x']).values())
        self.assertEqual(
            [b'a', b'a!', b'b', b'c', b'a/a', b'a/z', b'a/a/q', b'a!/y',
             b'c/x'], [each.path for each in self.read().every()])

    def test_a_search_that_has_no_time_goes_on_where_it_was(self):
        count = 3 * reader._WINDOW
        self.write(tree(b'%03d/%06d' % (number % 50, number)
                        for number in range(count)).values())
        found, after, calls = [], None, 0
        while True:
            some, after = self.read().search(
                reader.Wanted(name='*77'), after, seconds=0)
            found += some
            calls += 1
            if after is None:
                break
        self.assertEqual(4, calls)
        self.assertEqual(count // 100, len({each.path for each in found}))
        self.assertEqual(count // 100, len(found))

    def test_a_directory_that_nobody_described(self):
        with self.assertRaises(writer.Inconsistent):
            self.write([item.Item(b'a', b'b', DIRECTORY),
                        item.Item(b'a/b', b'c', FILE)])

    def test_times_and_sizes_of_every_kind(self):
        items = [item.Item(b'.', b'%d' % number, FILE, size, mtime, id_, id_)
                 for number, (size, mtime, id_) in enumerate((
                     (0, -1, 0), (2 ** 63 - 1, 10 ** 19 + 7, 2 ** 32 - 1),
                     (1, -10 ** 18, 7)))]
        self.write(items)
        self.assertEqual(items, self.read().page(b'.'))
        self.assertEqual([items[1]], self.read().search(
            reader.Wanted(since=10 ** 19))[0])
        self.assertEqual([items[2]], self.read().search(
            reader.Wanted(until=-10 ** 18))[0])

    def test_a_path_that_comes_twice(self):
        with self.assertRaises(writer.Inconsistent):
            self.write([item.Item(b'.', b'a', FILE)] * 2)


class DamagedTest(Case):

    def test_every_row_is_checked(self):
        chance = random.Random(1)
        self.write(tree(b'%d/%d' % (one, two) for one in range(20)
                        for two in range(200)).values())
        size = os.path.getsize(self.path)
        with open(self.path, 'rb') as source:
            whole = source.read()
        with reader.Reader(self.path) as index:
            expected = list(index.every())
        for _ in range(200):
            place = chance.randrange(size)
            with open(self.path, 'wb') as target:
                target.write(whole[:place])
                target.write(bytes([whole[place] ^ 1 << chance.randrange(8)]))
                target.write(whole[place + 1:])
            try:
                with reader.Reader(self.path) as index:
                    index.check()
                    found = list(index.every())
            except database.DamagedIndex:
                continue
            self.assertEqual(expected, found)   # it was of no consequence

    def test_what_is_no_index(self):
        with self.assertRaises(FileNotFoundError):
            reader.Reader(self.path)
        for data in (b'', b'nonsense', b'SQLite format 3\0' + bytes(200)):
            with open(self.path, 'wb') as target:
                target.write(data)
            with self.assertRaises(database.DamagedIndex):
                reader.Reader(self.path)

    def test_an_index_that_was_cut_short(self):
        self.write(tree(b'%d' % number for number in range(9999)).values())
        os.truncate(self.path, os.path.getsize(self.path) // 2)
        with self.assertRaises(database.DamagedIndex):
            self.read().check()
