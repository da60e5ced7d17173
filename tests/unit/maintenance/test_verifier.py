# SPDX-License-Identifier: Apache-2.0
"""Schedule of verifications, on a real repository; its process is this one."""

import contextlib
import datetime
import os
from unittest import mock

import fixtures

from manila_backup.db import budgets
from manila_backup.db import models
from manila_backup.db import named_locks as db_locks
from manila_backup.drivers import progress
from manila_backup.engine import named_lock
from manila_backup import exception
from manila_backup.maintenance import verifier
from manila_backup import states
from tests.unit import base
from tests.unit import repository

DAY = datetime.timedelta(days=1)


class Telling:
    """Notes what others would be told."""

    def __init__(self):
        self.told = []
        self.counted = []

    def verified(self, backup, damages, *args):
        if isinstance(backup, str):
            self.counted.append((backup, damages, *args))
        else:
            self.told.append((backup.id, bool(damages), *args[:1]))


class Verifying(repository.TestCase):

    def setUp(self):
        super().setUp()
        self.now = datetime.datetime.now().replace(microsecond=0) + DAY
        self.useFixture(fixtures.MonkeyPatch(
            'manila_backup.db.clock.now', lambda conn: self.now))
        self.read = []
        self.useFixture(fixtures.MonkeyPatch(
            'manila_backup.engine.named_lock.NamedLock.run', self.run_here))
        self.telling = Telling()
        self.tools.notifier = self.tools.metrics = self.telling
        self.tools.verifying = 0
        self.tools.bytes_per_second = lambda: 0
        self.tools.operations_per_second = lambda: 0
        self.tools.mode = lambda: states.ServiceMode.ENABLED
        self.set(max_age_days=10)
        self.verifier = verifier.Verifier(self.tools)

    def set(self, **options):
        for name, value in options.items():
            self.conf.set_override(name, value, 'verify')

    def run_here(self, lock, function, place, settings, ended):
        """In the place of a child."""
        self.read.append(place.backup_id)
        self.assertEqual((19, True), (settings.nice, settings.ionice_idle))
        self.assertEqual(1, self.tools.verifying)
        counted = progress.Progress()
        try:
            return function(place, counted)
        finally:
            ended(counted)

    def verify(self):
        """Do what is due; the ids of what was read."""
        self.read = []
        while self.verifier._next() in (verifier._DONE, verifier._FAILED):
            pass
        return self.read

    def made(self, days_ago, **values):
        row = self.make_backup()
        self.set_backup(row.id, created_at=self.now - days_ago * DAY,
                        content_bytes=7, **values)
        return row

    def damage(self, row):
        path = os.path.join(self.folder(self.place(row)), row.id, 'data',
                            'd', 'f')
        with open(path, 'r+b') as file:
            file.write(b'C')

    def test_in_which_order(self):
        old, new, middle = (self.made(ago) for ago in (3, 1, 2))
        long_ago = self.made(40, verified_at=self.now - 20 * DAY,
                             verified_result='sound')
        longer_ago = self.made(0, verified_at=self.now - 30 * DAY,
                               verified_result='sound')
        self.made(40, verified_at=self.now - 9 * DAY,
                  verified_result='sound')
        self.assertEqual([each.id for each in (
            new, middle, old, longer_ago, long_ago)], self.verify())
        self.assertEqual([], self.verify())
        self.assertEqual('sound', self.get_backup(old.id).verified_result)
        self.assertEqual(5, len(self.telling.told))
        self.assertEqual([('posix', 'sound', 7)] * 5, self.telling.counted)
        self.now += 11 * DAY
        self.assertEqual(6, len(list(self.verifier._due())))

    def test_nothing_but_what_is_there(self):
        for status in states.Backup:
            row = self.made(1)
            self.set_backup(row.id, status=status)
            if status == states.Backup.AVAILABLE:
                there = row
        other = self.made(1)
        self.set_backup(other.id, backup_type='restic')
        self.assertEqual([there.id], self.verify())

    def test_off(self):
        self.made(1)
        self.tools.mode = lambda: states.ServiceMode.DISABLED
        self.assertEqual([], self.verify())

    def test_damage(self):
        row, sound = self.made(1), self.made(2)
        self.damage(row)
        told = []

        def mend(place, counted):
            # Once it is told.
            told.append((self.get_backup(place.backup_id).status,
                         len(self.telling.told)))
            counted.advance(0, 30)
            return ['something']

        self.driver.mend = mend
        self.assertEqual([row.id, row.id, sound.id], self.verify())
        self.assertEqual([('error', 1)], told)
        self.assertEqual(44, self.spent())
        found = self.get_backup(row.id)
        self.assertEqual(('error', 'damaged', 'damaged'), (
            found.status, found.result, found.verified_result))
        self.assertEqual([(row.id, True, 7), (sound.id, False, 7)],
                         self.telling.told)
        message, = self.database.read(lambda conn: conn.execute(
            models.messages.select()).all())
        self.assertEqual(
            ('p1', row.id, '901', '909'),
            (message.project_id, message.resource_id, message.action_id,
             message.detail_id))
        # An administrator has it available again: no second message.
        self.set_backup(row.id, status='available',
                        verified_at=self.now - 11 * DAY)
        self.driver.mend = mock.Mock(side_effect=exception.WorkFailed('no'))
        self.assertEqual([row.id, row.id], self.verify())
        self.assertEqual('error', self.get_backup(row.id).status)
        self.assertEqual(1, len(self.database.read(lambda conn: conn.execute(
            models.messages.select()).all())))

    def test_what_can_not_be_told_keeps_nobody(self):
        row, other = self.made(1), self.made(2)

        def fail(place, progress_):
            if place.backup_id == row.id:
                raise exception.WorkFailed('no')
            return []

        self.driver.verify_alone = fail
        self.assertEqual([row.id, other.id], self.verify())
        self.assertEqual([], self.verify())
        self.assertIsNone(self.get_backup(row.id).verified_at)
        self.assertEqual([('posix', 'failed', 0), ('posix', 'sound', 0)],
                         self.telling.counted)
        self.verifier._failed[row.id] = 0.0
        self.assertEqual([row.id], self.verify())

    def test_another_worker_has_it(self):
        row, other = self.made(1), self.made(2)
        with named_lock.NamedLock(f'verify {row.id}', self.conf,
                                  self.database) as theirs:
            self.assertTrue(theirs.take())
            self.assertEqual([other.id], self.verify())
        self.assertEqual([row.id], self.verify())

    def test_another_worker_had_it_just_now(self):
        row = self.made(1)
        due = self.verifier._due

        def late():
            for each in due():
                self.set_backup(row.id, verified_at=self.now)
                yield each

        self.verifier._due = late
        self.assertEqual([], self.verify())

    def test_locks_leave_nothing(self):
        self.made(1)
        self.database.write(db_locks.take, 'verify dead', 'w', -1.0)
        self.database.write(db_locks.take, 'verify alive', 'w', 60.0)
        self.database.write(db_locks.take, 'other', 'w', -1.0)
        self.verify()
        self.assertEqual(
            ['other', 'verify alive'],
            self.database.read(lambda conn: conn.execute(
                db_locks.sa.select(db_locks.TABLE.c.name).order_by(
                    db_locks.TABLE.c.name)).scalars().all()))

    def spent(self):
        return self.database.read(lambda conn: conn.execute(
            budgets.sa.select(budgets.TABLE.c.spent)).scalar())

    def test_bytes_of_a_day(self):
        for ago in range(5):
            self.made(ago)
        self.set(bytes_per_day=15)
        self.assertEqual(2, len(self.verify()))
        self.assertEqual(14, self.spent())
        self.assertEqual([], self.verify())
        self.now += DAY
        self.assertEqual(2, len(self.verify()))

    def test_what_is_known_to_be_less_is_given_back(self):
        row = self.made(1)
        # An earlier release did not note it, and its share is 1 GiB.
        self.set_backup(row.id, content_bytes=None)
        self.set(bytes_per_day=(1 << 30) + 1)
        self.assertEqual([row.id], self.verify())
        self.assertEqual(7, self.spent())

    def test_interrupted(self):
        row = self.made(1)
        self.set(bytes_per_day=100)
        read = self.driver.verify_alone

        def stop(place, progress_):
            read(place, progress_)
            raise named_lock.Stopped()

        self.driver.verify_alone = stop
        with contextlib.suppress(named_lock.Stopped):
            self.verify()
        self.assertIsNone(self.get_backup(row.id).verified_at)
        self.assertEqual((7, 0), (self.spent(), self.tools.verifying))
        self.driver.verify_alone = read
        self.assertEqual([row.id], self.verify())

    def test_deleted_meanwhile(self):
        row = self.made(1)
        read = self.driver.verify_alone

        def delete(place, progress_):
            self.admission.backups.delete(base.MEMBER, row.id)
            self.damage(row)
            return read(place, progress_)

        self.driver.verify_alone = delete
        self.assertEqual([row.id], self.verify())
        found = self.get_backup(row.id)
        self.assertEqual(('deleting', None), (found.status,
                                              found.verified_result))
        self.assertEqual([], self.telling.told)

    def test_restored_meanwhile(self):
        row = self.made(1)
        read = self.driver.verify_alone

        def restore(place, progress_):
            self.admission.backups.restore(base.MEMBER, row.id)
            return read(place, progress_)

        self.driver.verify_alone = restore
        self.assertEqual([row.id], self.verify())
        found = self.get_backup(row.id)
        self.assertEqual(('restoring', 'sound'), (found.status,
                                                  found.verified_result))

    def test_many_that_can_not_be_told(self):
        self.driver.verify_alone = lambda place, progress_: []
        rows_ = [self.made(ago) for ago in range(5)]
        self.useFixture(fixtures.MonkeyPatch(
            'manila_backup.maintenance.verifier._PAGE', 2))
        self.verifier._failed = {row.id: float('inf') for row in rows_[:4]}
        self.assertEqual([rows_[4].id], self.verify())
