# SPDX-License-Identifier: Apache-2.0
"""Entries that are called as a file system calls the directory with its
snapshots: what ``make test-cephfs`` has for real."""

import os
from unittest import mock

from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.fs import name_keys
from tests.functional.drivers import test_posix


def fill(path):
    """Make entries called as snapshots are.

    :param path: str, an empty directory.
    :returns: dict, what :func:`trees.snapshot` tells of all others. Times of
        directories change with what they lack.
    """
    for name in ('.snap/below', 'd/.snap', 'd/.snapshot', 'e'):
        os.makedirs(os.path.join(path, name))
    for name in ('.snap/below/f', 'd/.snap/g', 'e/.snap', 'e/h'):
        trees.write(os.path.join(path, name), name.encode())
    return {name: facts for name, facts in trees.snapshot(path).items()
            if b'.snap' not in name.split(b'/')}


class ReservedTest(test_posix.PosixMixin, case.Case):

    def setUp(self):
        super().setUp()
        self.left = fill(self.source)

    def _reserve(self, *names):
        def reserved(directory, asked=name_keys.SNAPSHOTS):
            return set(names).intersection(asked)
        patch = mock.patch.object(name_keys, 'reserved', reserved)
        self.addCleanup(patch.stop)
        patch.start()

    def _said(self, report):
        self.assertEqual(3, report.missing)
        return [text.partition('"')[2].partition('"')[0]
                for text in sorted(report.problems)
                if 'has its snapshots under that name' in text]

    def test_by_the_repository(self):
        self._reserve(b'.snap')
        self.assertEqual(['.snap', 'd/.snap', 'e/.snap'],
                         self._said(self.backup()))
        self.assertEqual([], self.verify())
        before = trees.snapshot(self.source)
        self._reserve()
        self.assertEqual(3, self.restore(target=self.source).problem_count)
        self.assertSame(before, self.source)
        self.restore()
        self.assertSame(self.left, self.target)

    def test_by_the_share(self):
        self.backup()
        self._reserve(b'.snap', b'.snapshots')
        for _ in range(2):
            self.assertEqual(['.snap', 'd/.snap', 'e/.snap'],
                             self._said(self.restore()))
            self.assertSame(self.left, self.target)
