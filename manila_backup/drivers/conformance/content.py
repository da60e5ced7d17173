# SPDX-License-Identifier: Apache-2.0
"""Tests that backup and restore preserve a share's content."""

import os

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import limits
from manila_backup.drivers.conformance import trees
from manila_backup.drivers import progress


class Content(case.Case):

    def test_everything_and_back(self):
        self.everything()
        before = trees.snapshot(self.source)
        report = self.backup()
        self.assertTold(before, report)
        self.assertEqual(len(limits.without(before, self.LACKS)) - 1,
                         report.files)
        self.assertStored(before)
        self.restore()
        self.assertSame(before, self.target)
        if limits.Limit.HOLES not in self.LACKS:
            for path in ('sparse', 'holes only'):
                self.assertLess(
                    os.stat(os.path.join(self.target, path)).st_blocks, 1000)

    def test_restore_undoes_every_change(self):
        self.everything()
        before = trees.snapshot(self.source)
        self.backup()
        trees.mutate(self.source)
        report = self.restore(target=self.source)
        self.assertEqual((), report.problems)
        self.assertSame(before, self.source)

    def test_restore_tells_before_it_changes_anything(self):
        class Stop(Exception):
            pass

        class Progress(progress.Progress):

            def changes(self):
                raise Stop()

        if not self.driver.TELLS_CHANGES:
            return
        trees.many(self.source, 3, 5)
        self.backup()
        other = self.make('other')
        trees.many(other, 2, 2, seed=7)
        for target in self.target, other:
            before = self._inodes(target)
            with self.assertRaises(Stop):
                self.driver.restore(case.place(), 1, target, Progress())
            self.assertEqual(before, self._inodes(target))

    def test_restore_of_what_is_equal_writes_nothing(self):
        self.everything()
        self.backup()
        self.restore()
        before = self._inodes(self.target)
        report = self.restore()
        self.assertEqual(0, report.stored_bytes)
        self.assertEqual(before, self._inodes(self.target))

    def _inodes(self, root):
        found = {b'': os.lstat(root).st_ctime_ns}
        for where, directories, files in os.walk(os.fsencode(root)):
            for name in directories + files:
                st = os.lstat(os.path.join(where, name))
                found[os.path.join(where, name)] = (st.st_ino,
                                                    st.st_ctime_ns)
        return found

    def test_paths_longer_than_any_path_may_be(self):
        trees.deep(self.source, 60)
        if limits.Limit.LONG_PATHS in self.LACKS:
            self._without_long_paths()
            return
        before = trees.snapshot(self.source)
        self.backup()
        self.assertEqual([], self.verify())
        self.restore()
        self.assertSame(before, self.target)
        trees.deep(self.target, 40, 'extra')
        self.restore()
        self.assertSame(before, self.target)
        self.delete()

    def _without_long_paths(self):
        """Make sure that these are refused, or told and all else is kept."""
        try:
            report = self.backup()
        except base.DriverError:
            self.assertNotIn('published', str(self.states()))
            return
        self.assertNotEqual(0, report.problem_count)
        self.restore()
        with open(os.path.join(self.target, 'file'), 'rb') as file:
            self.assertEqual(b'0', file.read())

    def test_directories_within_one_another(self):
        trees.deep(self.source, self.DEPTH, 'd')
        before = trees.snapshot(self.source)
        self.backup()
        self.restore()
        self.assertSame(before, self.target)
        self.delete()
        self.assertEqual([], self.states())

    def test_names_that_are_ignored(self):
        for root in (self.source, self.target):
            os.mkdir(os.path.join(root, 'lost+found'))
            trees.write(os.path.join(root, 'lost+found', 'x'),
                        root.encode())
        os.mkdir(os.path.join(self.source, 'd'))
        trees.write(os.path.join(self.source, 'd', 'lost+found'), b'kept')
        report = self.backup()
        self.assertEqual(2, report.files)
        self.assertStored(trees.snapshot(self.source, self.IGNORED))
        self.restore()
        self.assertSame(self.source, self.target, self.IGNORED)
        with open(os.path.join(self.target, 'lost+found', 'x'), 'rb') as one:
            self.assertEqual(self.target.encode(), one.read())

    def test_an_empty_share(self):
        report = self.backup()
        self.assertEqual(0, report.files)
        trees.many(self.target, 2, 3)
        self.restore()
        self.assertEqual([], os.listdir(self.target))

    def test_a_share_that_was_emptied(self):
        trees.many(self.source, 2, 3)
        before = trees.snapshot(self.source)
        self.backup()
        for where, names, files in os.walk(self.source, topdown=False):
            for name in files:
                os.unlink(os.path.join(where, name))
            for name in names:
                os.rmdir(os.path.join(where, name))
        os.chmod(self.source, 0o700)
        self.restore(target=self.source)
        self.assertSame(before, self.source)

    def test_fifos_do_not_block(self):
        for name in ('a', 'b'):
            os.mkfifo(os.path.join(self.source, name))
        before = trees.snapshot(self.source)
        self.assertTold(before, self.backup())
        self.restore()
        self.assertSame(before, self.target)
