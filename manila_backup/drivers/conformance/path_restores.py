# SPDX-License-Identifier: Apache-2.0
"""More for drivers that can restore chosen paths."""

import os
import shutil

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers import progress
from manila_backup.fs import name_keys
from manila_backup.path_restore import selection
from manila_backup.path_restore import workplace

_Conflict = selection.Conflict

_TOKEN = 'operation'


class PathRestores(case.Case):
    """Conformance tests of drivers that have
    :meth:`~manila_backup.drivers.base.BackupDriver.restore_paths`.
    """

    def setUp(self):
        super().setUp()
        self.folder = self.make('indexes')

    def choose(self, *paths, target=None, conflict=_Conflict.FAIL):
        return selection.Selection(paths, target, conflict, _TOKEN)

    def restore_paths(self, *paths, attempt=1, changes=True, **choice):
        """Restore paths of the published backup to the target."""
        counted = progress.Progress()
        try:
            report = self.driver.restore_paths(
                case.place(), attempt, self.target,
                self.choose(*paths, **choice), self.folder, counted)
        finally:
            self.assertEqual(changes, counted.has_changed())
            self.assertEqual([], [
                name for name in os.listdir(os.fsencode(self.target))
                if name.startswith(name_keys.TEMPORARY)])
        done, size, files, total = counted.read()
        self.assertEqual((files, total), (done, size))
        self.assertEqual((files, total), (report.files, report.bytes))
        return report

    def assertRestored(self, report, **counts):
        """Assert what was done; of what is not given, nothing was."""
        self.assertEqual(([], 0), ([*report.problems], report.missing))
        self.assertEqual(
            dict.fromkeys(('created', 'replaced', 'renamed', 'unchanged',
                           'skipped'), 0) | counts, report.restored)

    def tree(self):
        """A small tree, backed up."""
        trees.many(self.source, 2, 3)
        os.makedirs(os.path.join(self.source, 'd0', 'deep', 'er'))
        self.write(self.source, 'd0/deep/er/file', b'far below')
        os.symlink('f0', os.path.join(self.source, 'd0', 'link'))
        self.backup()

    @staticmethod
    def write(root, path, data):
        trees.write(os.path.join(os.fsencode(root), os.fsencode(path)), data)

    def read(self, path):
        with open(os.path.join(os.fsencode(self.target),
                               os.fsencode(path)), 'rb') as file:
            return file.read()

    def assertPart(self, path, of=None):
        """Assert that an entry, with all below it, is as in the source."""
        one, other = (trees.snapshot(each)
                      for each in (self.source, self.target))
        of = of or path

        def below(found, top):
            return {name[len(top):]: {
                key: value for key, value in facts.items() if key != 'links'}
                for name, facts in found.items()
                if name == top or name.startswith(top + b'/')}
        self.assertEqual(below(one, path), below(other, of))

    # -- where there is nothing of it

    def test_one_file(self):
        self.tree()
        os.utime(self.target, ns=(10 ** 18, 10 ** 18))
        self.assertRestored(self.restore_paths(b'd0/f1'), created=1)
        self.assertPart(b'd0/f1')
        self.assertEqual([b'd0'], os.listdir(os.fsencode(self.target)))
        self.assertEqual(['f1'], os.listdir(os.path.join(self.target, 'd0')))
        # The directory that had to be made is as it was; the root is not
        # what is restored.
        self.assertEqual(*(os.stat(os.path.join(each, 'd0')).st_mtime_ns
                           for each in (self.source, self.target)))
        self.assertEqual(10 ** 18, os.stat(self.target).st_mtime_ns)

    def test_a_directory_and_a_file(self):
        self.tree()
        report = self.restore_paths(b'd1/f0', b'd0', b'd0/f1', b'd0/deep')
        self.assertRestored(report, created=9)
        self.assertPart(b'd0')
        self.assertPart(b'd1/f0')
        self.assertEqual(['f0'], os.listdir(os.path.join(self.target, 'd1')))
        again = self.restore_paths(b'd0', b'd1/f0')
        self.assertRestored(again, unchanged=9)

    def test_everything_beside(self):
        self.everything()
        trees.many(self.source, 2, 3)
        self.backup()
        self.write(self.target, 'mine', b'stays')
        before = trees.snapshot(self.target)
        report = self.restore_paths(b'.', target=b'restored/all')
        self.assertEqual(0, report.missing, report.problems)
        self.assertSame(trees.snapshot(self.source, self.IGNORED),
                        os.path.join(self.target, 'restored/all'))
        shutil.rmtree(os.path.join(self.target, 'restored'))
        os.utime(self.target, ns=(before[b'.']['mtime'],) * 2)
        self.assertSame(before, self.target)

    def test_below_a_directory_that_is_there(self):
        self.tree()
        os.makedirs(os.path.join(self.target, 'new/d1'))
        self.write(self.target, 'new/d1/mine', b'stays')
        report = self.restore_paths(b'd1', b'd0/f2', target=b'new')
        self.assertRestored(report, created=4, unchanged=1)
        self.assertEqual(b'stays', self.read('new/d1/mine'))
        self.assertPart(b'd1/f1', b'new/d1/f1')
        self.assertPart(b'd0/f2', b'new/d0/f2')

    def test_hard_links_among_what_is_chosen(self):
        for name in ('a', 'b', 'c'):
            os.mkdir(os.path.join(self.source, name))
        self.write(self.source, 'b/first', b'one file')
        for name in ('a/second', 'c/third'):
            os.link(os.path.join(self.source, 'b/first'),
                    os.path.join(self.source, name))
        self.backup()
        self.restore_paths(b'b', b'c')
        one, other = (os.stat(os.path.join(self.target, name))
                      for name in ('b/first', 'c/third'))
        self.assertEqual(one.st_nlink, other.st_nlink)
        self.assertEqual(os.path.samestat(one, other), one.st_nlink == 2)
        self.restore_paths(b'a/second')
        self.assertEqual(b'one file', self.read('a/second'))

    def test_odd_names(self):
        odd = b'd\xff\n%/' + b'n' * 200 + b'\xe9*?[x]\\'
        os.mkdir(os.path.join(os.fsencode(self.source), b'd\xff\n%'))
        for name in (odd, b'-x', b'*', b'$(x)', b'!not', b'#no'):
            self.write(self.source, name, b'odd')
        self.backup()
        report = self.restore_paths(odd, b'-x', b'*', b'#no')
        self.assertRestored(report, created=4)
        self.assertEqual(b'odd', self.read(odd))
        self.assertEqual({b'd\xff\n%', b'-x', b'*', b'#no'},
                         set(os.listdir(os.fsencode(self.target))))

    def test_nothing_of_that_path(self):
        self.tree()
        for path in (b'd0/f7', b'd0/f0/x', b'nowhere'):
            with self.assertRaisesRegex(base.DriverError,
                                        path.decode()) as caught:
                self.restore_paths(b'd0/f0', path, changes=False)
            self.assertFalse(caught.exception.retryable)
        self.assertEqual([], os.listdir(self.target))

    def test_no_such_backup(self):
        with self.assertRaises(base.DriverError):
            self.restore_paths(b'd0', changes=False)

    # -- where there is something else

    def conflicting(self):
        """The tree, and something in the way of a few of its entries."""
        self.tree()
        os.mkdir(os.path.join(self.target, 'd0'))
        self.write(self.target, 'd0/f1', b'mine')
        self.write(self.target, 'd0/other', b'not of the backup')
        os.utime(os.path.join(self.target, 'd0'), ns=(10 ** 18, 10 ** 18))

    def test_conflicts_that_fail(self):
        self.conflicting()
        before = trees.snapshot(self.target)
        with self.assertRaisesRegex(base.DriverError, '"d0/f1"') as caught:
            self.restore_paths(b'd0', b'd1', changes=False)
        self.assertFalse(caught.exception.retryable)
        self.assertSame(before, self.target)
        self.assertRestored(self.restore_paths(b'd0/f0'), created=1)

    def test_conflicts_that_are_skipped(self):
        self.conflicting()
        self.assertRestored(
            self.restore_paths(b'd0', conflict=_Conflict.SKIP),
            created=6, skipped=1, unchanged=1)
        self.assertEqual(b'mine', self.read('d0/f1'))
        self.assertPart(b'd0/f0')

    def test_conflicts_that_are_overwritten(self):
        self.conflicting()
        self.assertRestored(
            self.restore_paths(b'd0/f1', conflict=_Conflict.OVERWRITE),
            replaced=1)
        self.assertPart(b'd0/f1')
        # Only what was chosen is changed, and nothing is removed.
        self.assertEqual(10 ** 18, os.stat(os.path.join(
            self.target, 'd0')).st_mtime_ns)
        self.assertRestored(
            self.restore_paths(b'd0', conflict=_Conflict.OVERWRITE),
            created=6, unchanged=2)
        self.assertEqual(b'not of the backup', self.read('d0/other'))
        os.unlink(os.path.join(self.target, 'd0/other'))
        os.utime(os.path.join(self.target, 'd0'), ns=(os.stat(os.path.join(
            self.source, 'd0')).st_mtime_ns,) * 2)
        self.assertPart(b'd0')

    def test_conflicts_of_which_both_are_kept(self):
        self.conflicting()
        os.mkdir(os.path.join(self.target, 'd0/f2.restored'))
        self.write(self.target, 'd0/f2', b'mine, too')
        for counts in ({'created': 5, 'renamed': 2, 'unchanged': 1},
                       {'unchanged': 8}):
            self.assertRestored(self.restore_paths(
                b'd0', conflict=_Conflict.KEEP_BOTH), **counts)
            self.assertEqual(b'mine', self.read('d0/f1'))
            self.assertPart(b'd0/f1', b'd0/f1.restored')
            self.assertPart(b'd0/f2', b'd0/f2.restored-2')

    def test_attributes_are_restored_with_what_is_overwritten(self):
        self.tree()
        self.restore_paths(b'd0/f0')
        path = os.path.join(self.target, 'd0/f0')
        os.chmod(path, 0o741)
        with self.assertRaises(base.DriverError):
            self.restore_paths(b'd0/f0', changes=False)
        self.assertRestored(
            self.restore_paths(b'd0/f0', conflict=_Conflict.OVERWRITE),
            replaced=1)
        self.assertPart(b'd0/f0')

    def test_a_file_where_a_directory_is(self):
        self.tree()
        os.makedirs(os.path.join(self.target, 'd0/f0/full'))
        report = self.restore_paths(b'd0/f0', b'd0/f1',
                                    conflict=_Conflict.OVERWRITE)
        self.assertEqual((1, 1), (report.missing, report.restored['created']))
        self.assertIn('"d0/f0"', report.problems[0])
        self.assertTrue(os.path.isdir(os.path.join(self.target,
                                                   'd0/f0/full')))
        self.assertPart(b'd0/f1')
        self.restore_paths(b'd0/f0', conflict=_Conflict.KEEP_BOTH)
        self.assertPart(b'd0/f0', b'd0/f0.restored')

    def test_a_directory_where_a_file_is(self):
        self.tree()
        self.write(self.target, 'd0', b'a file')
        with self.assertRaises(base.DriverError):
            self.restore_paths(b'd0', changes=False)
        self.assertEqual(0, self.restore_paths(
            b'd0', conflict=_Conflict.SKIP).restored['created'])
        self.assertRestored(self.restore_paths(
            b'd0', conflict=_Conflict.KEEP_BOTH), created=7, renamed=1)
        self.assertPart(b'd0', b'd0.restored')
        self.assertEqual(b'a file', self.read('d0'))
        self.assertRestored(self.restore_paths(
            b'd0', conflict=_Conflict.OVERWRITE), created=7, replaced=1)
        self.assertPart(b'd0')

    # -- a hostile share

    def outside(self):
        """A directory that nothing must be written to."""
        path = self.make('outside')
        self.write(path, 'f1', b'outside')
        self.addCleanup(lambda: self.assertEqual(
            {b'.', b'f1'}, set(trees.snapshot(path))))
        return path

    def test_links_in_the_way(self):
        self.tree()
        outside = self.outside()
        os.symlink(outside, os.path.join(self.target, 'd0'))
        for conflict in _Conflict:
            if conflict is _Conflict.FAIL:
                with self.assertRaises(base.DriverError):
                    self.restore_paths(b'd0/f1', changes=False)
                continue
            report = self.restore_paths(b'd0/f1', b'd1/f1',
                                        conflict=conflict)
            self.assertEqual(1, report.missing)
            self.assertIn('"d0"', ''.join(report.problems))
            self.assertPart(b'd1/f1')
            shutil.rmtree(os.path.join(self.target, 'd1'))
        self.assertTrue(os.path.islink(os.path.join(self.target, 'd0')))

    def test_a_chosen_directory_where_a_link_is(self):
        self.tree()
        os.symlink(self.outside(), os.path.join(self.target, 'd0'))
        report = self.restore_paths(b'd0', conflict=_Conflict.SKIP)
        self.assertEqual(1, report.restored['skipped'])
        self.restore_paths(b'd0', conflict=_Conflict.OVERWRITE)
        self.assertPart(b'd0')

    def test_a_chosen_file_where_a_link_is(self):
        self.tree()
        outside = self.outside()
        os.mkdir(os.path.join(self.target, 'd0'))
        os.symlink(os.path.join(outside, 'f1'),
                   os.path.join(self.target, 'd0/f1'))
        self.restore_paths(b'd0/f1', conflict=_Conflict.OVERWRITE)
        self.assertPart(b'd0/f1')
        with open(os.path.join(outside, 'f1')) as file:
            self.assertEqual('outside', file.read())

    def test_a_target_that_leads_away(self):
        self.tree()
        os.symlink(self.outside(), os.path.join(self.target, 'away'))
        self.write(self.target, 'file', b'a file')
        for target in (b'away', b'away/x', b'file', b'file/x'):
            for conflict in _Conflict:
                with self.assertRaises(base.DriverError):
                    self.restore_paths(
                        b'd0/f1', target=target, conflict=conflict,
                        changes=conflict is not _Conflict.FAIL)

    def test_names_that_restores_leave_alone(self):
        trees.many(self.source, 1, 1)
        os.mkdir(os.path.join(self.source, self.IGNORED[0]))
        self.backup()
        os.mkdir(os.path.join(self.target, self.IGNORED[0]))
        name = os.fsencode(self.IGNORED[0])
        with self.assertRaises(base.DriverError):
            self.restore_paths(b'd0', target=name + b'/x',
                               conflict=_Conflict.SKIP)
        self.assertEqual([], os.listdir(os.path.join(self.target,
                                                     self.IGNORED[0])))
        self.assertEqual(0, self.restore_paths(b'.').missing)

    def test_a_deep_tree(self):
        trees.deep(self.source, min(self.DEPTH, 100), 'n' * 30)
        self.backup()
        top = os.listdir(os.fsencode(self.source))[0]
        self.restore_paths(top)
        self.assertPart(top)

    # -- kills

    def test_what_a_killed_process_left(self):
        trees.many(self.source, 3, 40)
        self.write(self.source, 'd0/large', os.urandom(8 << 20))
        self.backup()
        os.utime(self.target, ns=(10 ** 18, 10 ** 18))
        os.mkdir(os.path.join(self.target, 'd1'))
        self.write(self.target, 'd1/f3', b'mine')
        os.utime(self.target, ns=(10 ** 18, 10 ** 18))
        choice = self.choose(b'.', conflict=_Conflict.OVERWRITE)
        for attempt, count in enumerate((1, 20, 60), 1):
            running = case.Process(self.driver.restore_paths, case.place(),
                                   attempt, self.target, choice, self.folder)
            running.wait_for_files(count)
            running.kill()
            self.assertWhole()
        self.restore_paths(b'.', attempt=4, conflict=_Conflict.OVERWRITE)
        for number in range(3):
            self.assertPart(b'd%d' % number)
        self.assertEqual(10 ** 18, os.stat(self.target).st_mtime_ns)

    def assertWhole(self):
        """Assert that each file is either what was there or what the backup
        has."""
        one = trees.snapshot(self.source)
        for path, facts in trees.snapshot(self.target).items():
            if path in one and 'content' in facts and (
                    self.read(path) != b'mine'):
                self.assertEqual(one[path]['content'], facts['content'])

    def test_cleaning_after_a_kill(self):
        trees.many(self.source, 3, 40)
        self.backup()
        self.write(self.target, 'mine', b'stays')
        os.utime(self.target, ns=(10 ** 18, 10 ** 18))
        choice = self.choose(b'.', target=b'new')
        running = case.Process(self.driver.restore_paths, case.place(), 1,
                               self.target, choice, self.folder)
        running.wait_for_files(20)
        running.kill()
        fd = os.open(self.target, os.O_RDONLY)
        try:
            workplace.clean(fd, choice.workplace, lambda: None)
        finally:
            os.close(fd)
        found = set(os.listdir(self.target))
        self.assertIn(found, ({'mine'}, {'mine', 'new'}))
        self.assertEqual(10 ** 18, os.stat(self.target).st_mtime_ns)
