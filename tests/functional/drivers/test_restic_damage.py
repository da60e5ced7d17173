# SPDX-License-Identifier: Apache-2.0
"""Backups that restic makes once something in a repository is damaged."""

import os
import random
import shutil

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers import progress
from tests.functional.drivers import test_restic


class ResticDamageTest(test_restic.ResticMixin, case.Case):

    def setUp(self):
        super().setUp()
        # More than one file with data in the repository.
        for number in range(8):
            trees.write(os.path.join(self.source, f'file {number}'),
                        random.Random(number).randbytes(5 << 20))
        self.backup()

    def data(self):
        """The largest files of the repository, of those that have data."""
        found = [os.path.join(where, name) for where, _, names in os.walk(
            os.path.join(self.repository, 'project', 'data'))
            for name in names]
        return sorted(found, key=os.path.getsize, reverse=True)[:2]

    def damage(self):
        """Change one, and remove another."""
        changed, gone = self.data()
        os.chmod(changed, 0o600)
        with open(changed, 'r+b') as file:
            for where in (100, 3 << 20):
                file.seek(where)
                byte = file.read(1)
                file.seek(where)
                file.write(bytes((byte[0] ^ 1,)))
        os.unlink(gone)
        shutil.rmtree(self.driver.settings.cache)

    def alone(self, place):
        """Verify as on a schedule; returns what that says, and what it has
        read."""
        counted = progress.Progress()
        return (self.driver.verify_alone(place, counted),
                counted.read()[1])

    def mended(self):
        """Have the repository mended; returns the bytes that were read."""
        counted = progress.Progress()
        self.assertEqual([], self.driver.mend(case.place(), counted))
        return counted.read()[1]

    def notes(self):
        return self.driver.project('project').damage_notes()

    def test_the_next_one_stores_what_is_damaged(self):
        damages, size = self.alone(case.place())
        self.assertEqual([], damages)
        self.assertGreater(size, 40 << 20)
        self.assertEqual([], self.notes())
        self.assertEqual(0, self.mended())

        self.damage()
        self.assertEqual(1, len(self.alone(case.place())[0]))
        self.assertEqual(1, len(self.notes()))
        # A second time, too; and it is told once.
        self.assertTrue(self.verify())
        self.assertEqual(1, len(self.notes()))
        # As it would be without.
        self.backup(case.place(2))
        self.assertTrue(self.alone(case.place(2))[0])

        self.assertGreater(self.mended(), 5 << 20)
        self.assertEqual([], self.notes())
        # The copies that restic makes.
        self.assertEqual([], os.listdir(
            os.path.join(self.scratch, 'host', 'mending')))
        report = self.backup(case.place(3))
        self.assertEqual(((), 0, 0), (
            report.problems, report.problem_count, report.missing))
        self.assertGreater(report.stored_bytes, 10 << 20)
        self.assertEqual([], self.alone(case.place(3))[0])
        self.assertStored(self.source, case.place(3))
        # It is what the others have been lacking.
        self.assertEqual([], self.alone(case.place())[0])

    def test_by_the_pass_that_prunes(self):
        self.damage()
        self.assertTrue(self.alone(case.place())[0])
        said, = self.driver.maintain(progress.Progress())
        self.assertIn('is not pruned as long as damaged backups lack', said)
        self.assertEqual([], self.notes())
        self.backup(case.place(2))
        self.assertEqual([], self.alone(case.place(2))[0])
        self.assertEqual([], self.driver.maintain(progress.Progress()))

    def test_what_is_not_damaged_stays(self):
        # Of another share, in the same file of the repository.
        os.mkdir(os.path.join(self.scratch, 'small'))
        for number in range(20):
            trees.write(os.path.join(self.scratch, 'small', f'{number}'),
                        random.Random(-number).randbytes(1000))
        small = base.BackupReference('project', 'share-2',
                                     case.place(4).backup_id)
        self.backup(small, source=os.path.join(self.scratch, 'small'))
        self.damage()
        self.assertTrue(self.alone(case.place())[0])
        self.mended()
        self.assertEqual([], self.alone(small)[0])
        self.assertStored(os.path.join(self.scratch, 'small'), small)

    def test_a_restore_that_finds_it(self):
        self.damage()
        self.assertRaises(base.DamagedBackup, self.restore)
        self.assertEqual(1, len(self.notes()))

    def test_of_one_that_was_deleted_nothing_is_noted(self):
        place = case.place()
        self.damage()
        self.driver.delete(place, progress.Progress())
        self.assertEqual(['The backup is not in the repository.'],
                         self.alone(place)[0])
        self.assertEqual([], self.notes())
