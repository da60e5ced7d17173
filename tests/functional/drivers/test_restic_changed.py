# SPDX-License-Identifier: Apache-2.0
"""Files that are written to while restic reads the share: read once more."""

import itertools
import os
from unittest import mock

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.restic import backup
from manila_backup.drivers.restic import changed
from manila_backup.drivers.restic import repository
from tests.functional.drivers import test_restic

NAMES = ('d/file', 'late', 'we[i]rd*?\\\n"\u00fc')


class ChangedTest(test_restic.ResticMixin, case.Case):

    def setUp(self):
        super().setUp()
        for name in (*NAMES, 'early', 'gone', 'other'):
            self.write(name, b'before')

    def write(self, name, content):
        path = os.path.join(self.source, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        trees.write(path, content, 10 ** 18)

    def backed_up(self, before, after, **kwargs):
        """Make a backup; what it tells.

        :param before: called with the number of each run of restic, from 1,
            before it; ``after`` after that.
        """
        numbers = itertools.count(1)
        run = backup.ResticBackup._restic

        def restic(*args):
            number = next(numbers)
            before(number)
            done = run(*args)
            after(number)
            return done

        with mock.patch.object(backup.ResticBackup, '_restic', restic):
            return self.backup(still=False, **kwargs)

    def all_change(self, number):
        """Of the same size, and of the same time."""
        for name in NAMES:
            self.write(name, b'pass %d' % number)
        if number == 1:
            self.write('new', b'new')
            os.unlink(os.path.join(self.source, 'gone'))

    def early(self, number):
        if number == 1:
            self.write('early', b'then')

    def once(self, number):
        if number == 1:
            self.all_change(number)

    def test_that_hold_still_in_the_end(self):
        report = self.backed_up(self.early, self.once)
        self.assertEqual((), report.problems)
        self.assertEqual(7, report.files)
        self.assertStored(self.source)
        # There is one of each.
        self.snapshot(case.place())
        self.snapshot(case.place(), repository.PUBLISHED)

    def test_that_never_do(self):
        report = self.backed_up(self.early, self.all_change)
        self.assertEqual((3, 3), (report.problem_count, report.missing),
                         report.problems)
        for name in 'd/file', 'late', 'we[i]rd*?\\\\\\n\\"\u00fc':
            self.assertIn(f'"{name}" was written to', '\n'.join(
                report.problems))

    def test_names_that_restic_can_not_be_given(self):
        self.write('bad\udcff', b'before')

        def after(number):
            if number == 1:
                self.write('late', b'pass 1')
                self.write('bad\udcff', b'pass 1')

        report = self.backed_up(self.early, after)
        said, = report.problems
        self.assertIn('"bad\\xff" was written to', said)

    def test_too_many_for_that(self):
        with mock.patch.object(changed, '_MOST', 20):
            report = self.backed_up(self.early, self.all_change)
        self.assertEqual(5, report.missing)
        self.assertIn('"early" was written to', '\n'.join(report.problems))

    def test_while_others_use_the_repository(self):
        """Content that the first run stored stays until the backup is deleted.
        """
        with mock.patch.object(repository.Repository, 'forget',
                               side_effect=base.DriverError('It is locked.')):
            self.assertEqual((), self.backed_up(self.early,
                                                self.once).problems)
        self.assertEqual(4, len(self.snapshots(case.place())))
        self.assertStored(self.source)
        self.delete()
        self.assertEqual([], self.snapshots(case.place()))
