# SPDX-License-Identifier: Apache-2.0
"""More for drivers that can restore chosen paths."""

import os
import shutil

from manila_backup.drivers import base
from manila_backup.drivers.conformance import path_case
from manila_backup.drivers.conformance import path_extremes
from manila_backup.drivers.conformance import trees

_Conflict = path_case.Conflict


class PathRestores(path_extremes.PathExtremes):
    """Conformance tests of drivers that have
    :meth:`~manila_backup.drivers.base.BackupDriver.restore_paths`.
    """

    # -- where there is nothing of it

    def test_one_file(self):
        self.tree()
        path = os.path.join(self.source, 'd0')
        os.chmod(path, 0o715)
        os.utime(path, ns=(10 ** 18 + 7, 10 ** 18 + 7))
        self.delete()
        self.backup()
        os.utime(self.target, ns=(10 ** 18, 10 ** 18))
        self.assertRestored(self.restore_paths(b'd0/deep/er/file'), created=1)
        self.assertPart(b'd0/deep')
        self.assertEqual([b'd0'], os.listdir(os.fsencode(self.target)))
        self.assertEqual(['deep'], os.listdir(os.path.join(self.target,
                                                           'd0')))
        # The directory that had to be made is as it was; the root is not
        # what is restored.
        self.assertEqual(*((st.st_mode, st.st_uid, st.st_mtime_ns)
                           for st in (os.stat(os.path.join(each, 'd0'))
                                      for each in (self.source,
                                                   self.target))))
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
