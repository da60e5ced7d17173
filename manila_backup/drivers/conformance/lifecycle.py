# SPDX-License-Identifier: Apache-2.0
"""Tests of the lifecycle of backups: creation, listing and deletion."""

import datetime
import os
import pickle

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers import progress


class Lifecycle(case.Case):

    def test_space(self):
        found = self.driver.space(progress.Progress())
        if found is not None:
            used, free = found
            self.assertGreaterEqual(used, 0)
            self.assertGreater(free, 0)

    def test_nothing_is_visible_before_it_is_published(self):
        trees.many(self.source, 2, 3)
        self.prepare(case.place(), 3)
        self.assertEqual([('partial', 3)], self.states())
        with self.assertRaises(base.DriverError):
            self.restore()
        with self.assertRaises(base.DriverError):
            self.driver.publish(case.place(), 2)
        self.driver.publish(case.place(), 3)
        self.driver.publish(case.place(), 3)
        self.assertEqual([('published', None)], self.states())
        self.assertStored(self.source)

    def test_discard_takes_only_what_was_not_published(self):
        trees.many(self.source, 2, 3)
        self.backup(case.place(1))
        self.prepare(case.place(2), 2)
        self.driver.discard(case.place(2), 1)
        self.assertEqual([('partial', 2), ('published', None)],
                         self.states())
        self.driver.discard(case.place(2), 2)
        self.driver.discard(case.place(2), 2)
        self.driver.discard(case.place(1), 9)
        self.assertEqual([('published', None)], self.states())

    def test_contents_say_whose_and_how_far(self):
        trees.many(self.source, 2, 3)
        self.backup(case.place(1))
        elsewhere = base.BackupReference('another', 'share-2',
                                         case.place(2).backup_id)
        self.prepare(elsewhere, 4)
        self.assertEqual(
            {base.RepositoryItem(case.place(1), base.ItemState.PUBLISHED),
             base.RepositoryItem(elsewhere, base.ItemState.PARTIAL, 4)},
            set(self.driver.contents()))

    def test_delete_removes_every_attempt(self):
        # Their numbers are another operation's, and mean nothing to it.
        trees.many(self.source, 2, 3)
        self.prepare(case.place(), 7)
        self.prepare(case.place(2), 7)
        self.delete()
        self.assertEqual([case.place(2)], [stored.place for stored in
                                           self.driver.contents()])

    def test_removed_by_several_at_once(self):
        trees.many(self.source, 20, 40)
        self.prepare(case.place(), 3)

        def discard(_):
            self.driver.discard(case.place(), 3)

        for each in [case.Process(discard) for _ in range(4)]:
            self.assertIsNone(each.result())
        self.assertEqual([], self.states())

    def test_several_backups_at_once(self):
        trees.many(self.source, 5, 20)
        places = [case.place(number) for number in (1, 2, 3)]
        for each in places:
            self.get_ready(each)
        running = [case.Process(self.driver.backup, each, 1, self.source, {},
                                None) for each in places]
        for each, to in zip(running, places):
            self.assertEqual(105, each.result().files)
            self.driver.publish(to, 1)
        for each in places:
            self.assertStored(self.source, each)

    def test_a_description(self):
        trees.many(self.source, 2, 3)
        record = {'version': 1, 'backup': {'name': 'n\u00e4me \U0001f4be',
                                           'size': 3}, 'share': None}
        began = datetime.datetime.now(datetime.timezone.utc)
        report = self.backup(record=record)
        said = self.driver.describe(case.place())
        self.assertEqual(
            (report.files, report.bytes, record, report.stored_bytes, 0, 0),
            (said.files, said.bytes, said.record, said.stored_bytes,
             said.problem_count, said.missing))
        self.assertEqual((0, said.created_at),
                         (report.missing, report.taken_at))
        self.assertLessEqual(
            began, datetime.datetime.fromisoformat(said.created_at))
        self.backup(case.place(2))
        self.assertIsNone(self.driver.describe(case.place(2)).record)

    def test_a_description_of_nothing(self):
        with self.assertRaises(base.DriverError):
            self.driver.describe(case.place())
        self.prepare(case.place(), 1)
        with self.assertRaises(base.DriverError):
            self.driver.describe(case.place())

    def test_room_of_its_own(self):
        trees.write(os.path.join(self.source, 'large'), os.urandom(1 << 20))
        os.link(os.path.join(self.source, 'large'),
                os.path.join(self.source, 'again'))
        self.backup()
        found = self.driver.unique_bytes(case.place(), progress.Progress())
        if found is None:
            self.skipTest('this driver can not tell')
        self.assertGreaterEqual(found, 1 << 20)
        self.assertLess(found, 2 << 20)

    def test_delete_leaves_other_backups_whole(self):
        self.everything()
        before = trees.snapshot(self.source)
        self.backup(case.place(1))
        self.backup(case.place(2))
        self.delete(case.place(1))
        self.delete(case.place(1))
        self.assertStored(before, case.place(2))
        self.delete(case.place(2))
        self.assertEqual([], self.states())

    def test_a_backup_published_before_a_crash_is_not_made_again(self):
        trees.many(self.source, 2, 3)
        first = self.backup(attempt=1)
        trees.many(self.source, 3, 3, seed=1)
        self.assertEqual(first, self.backup(attempt=2, still=False))
        self.driver.publish(case.place(), 2)
        self.assertEqual([], self.verify())

    def test_ids_that_are_no_names(self):
        for bad in ('', '.', '..', 'a/b', '/', '.partial.x.1', 'a\0b',
                    'x' * 300):
            for where in (base.BackupReference(bad, 's', 'b'),
                          base.BackupReference('p', bad, 'b'),
                          base.BackupReference('p', 's', bad)):
                with self.subTest(where=where):
                    with self.assertRaises(base.DriverError):
                        self.prepare(where, 1)
                    with self.assertRaises(base.DriverError):
                        self.driver.discard(where, 1)

    def test_a_driver_can_be_pickled(self):
        copy = pickle.loads(pickle.dumps(self.driver))
        copy.check(create=True)

    # -- errors

    def test_a_share_that_is_not_there(self):
        with self.assertRaisesRegex(base.DriverError, 'nowhere'):
            self.backup(source=os.path.join(self.scratch, 'nowhere'))
        self.assertEqual([], self.states())

    def test_a_share_and_a_repository_within_one_another(self):
        if self.repository is None:
            self.skipTest('the repository is no local directory')
        below = os.path.join(self.repository, 'below')
        os.mkdir(below)
        for source in (self.scratch, below):
            with self.assertRaisesRegex(base.DriverError, 'within'):
                self.backup(case.place(2), source=source)
