# SPDX-License-Identifier: Apache-2.0

import os
import tempfile
import unittest

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies

from manila_backup.contents import comparison
from manila_backup.contents import database
from manila_backup.contents import item
from manila_backup.contents import reader
from manila_backup.contents import writer
from manila_backup.fs import handles

FILE, DIRECTORY = 0o100644, 0o40755

# "/" sorts between "." and "0": what has a directory's name and more comes
# before what is in the directory, or after, as one looks at it.
_names = strategies.sampled_from((b'a', b'b', b'a.', b'a0', b'\xff', b'a-b'))
_trees = strategies.dictionaries(
    strategies.lists(_names, min_size=1, max_size=3).map(b'/'.join),
    strategies.tuples(strategies.integers(0, 2), strategies.integers(0, 2)),
    max_size=12)


def items(files):
    """Items of files, path to (size, mtime), and of all that they are in; a
    path that others are in is a directory."""
    found = {}
    for path in files:
        while b'/' in path:
            path = handles.split(path)[0]
            found[path] = item.Item(*handles.split(path), DIRECTORY)
    for path, (size, mtime) in files.items():
        if path not in found:
            found[path] = item.Item(*handles.split(path), FILE, size, mtime)
    return found


class TestComparison(unittest.TestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def index(self, name, found):
        path = os.path.join(self.folder, name)
        if os.path.exists(path):
            os.unlink(path)
        with writer.Writer(path) as index:
            index.add(found)
            index.finish({})
        return reader.Reader(path)

    def compare(self, olds, news):
        path = os.path.join(self.folder, 'result')
        if os.path.exists(path):
            os.unlink(path)
        with (self.index('old', olds) as old, self.index('new', news) as new):
            comparison.write(path, old, new)
        return path

    @settings(max_examples=60, deadline=None)
    @given(_trees, _trees)
    def test_all_that_differs_is_told(self, olds, news):
        olds, news = items(olds), items(news)
        path = self.compare(olds.values(), news.values())
        with comparison.Result(path) as result:
            found, page = [], result.page(0, 2)
            while page:
                found += page
                page = result.page(found[-1]['number'], 2)
            totals = result.totals()
        gone = {each['path'] for each in found
                if each['kind'] == 'removed'} | {
            each['previous'] for each in found if each['kind'] == 'moved'}
        come = {each['path'] for each in found
                if each['kind'] in ('added', 'moved')}
        changed = {each['path'] for each in found
                   if each['kind'] == 'changed'}

        def quoted(some):
            return {comparison.quoting.quote(each) for each in some}
        self.assertEqual(quoted(olds.keys() - news.keys()), gone)
        self.assertEqual(quoted(news.keys() - olds.keys()), come)
        self.assertEqual(quoted(
            path for path in olds.keys() & news.keys()
            if olds[path] != news[path]), changed)
        for kind in ('added', 'removed', 'changed', 'moved'):
            self.assertEqual(
                totals[kind],
                sum(each['kind'] == kind for each in found))

    def test_what_was_moved(self):
        def file(path, size=5, mtime=7):
            return item.Item(*handles.split(path), FILE, size, mtime)
        path = self.compare(
            [file(b'a'), file(b'b', 6), file(b'c', 6), file(b'e', 0)],
            [file(b'd'), file(b'f', 6), file(b'g', 0)])
        with comparison.Result(path) as result:
            # Nobody knows which of b and c is f; and nothing is like nothing.
            self.assertEqual(
                [('removed', 'b', None), ('removed', 'c', None),
                 ('moved', 'd', 'a'), ('removed', 'e', None),
                 ('added', 'f', None), ('added', 'g', None)],
                [(each['kind'], each['path'], each['previous'])
                 for each in result.page(0, 100)])

    def test_what_is_damaged(self):
        path = os.path.join(self.folder, 'result')
        with self.assertRaises(FileNotFoundError):
            comparison.Result(path)
        with open(path, 'wb') as target:
            target.write(b'x' * 5000)
        with self.assertRaises(database.DamagedIndex):
            with comparison.Result(path) as result:
                result.totals()
