# SPDX-License-Identifier: Apache-2.0

import datetime

import fixtures

from manila_backup.db import budgets
from manila_backup.db import models
from tests.unit import base

DAY = datetime.timedelta(days=1)


class Budgets(base.TestCase):

    def setUp(self):
        super().setUp()
        self.now = datetime.datetime(2026, 1, 2, 23)
        self.useFixture(fixtures.MonkeyPatch(
            'manila_backup.db.clock.now', lambda conn: self.now))

    def spend(self, amount, limit=100, name='x'):
        return self.database.write(budgets.spend, name, amount, limit)

    def correct(self, change, limit=100):
        self.database.write(budgets.correct, 'x', change, limit)

    def test_a_day(self):
        self.assertTrue(self.spend(60))
        self.assertFalse(self.spend(41))
        self.assertTrue(self.spend(40))
        self.assertFalse(self.spend(1))
        self.assertTrue(self.spend(100, name='y'))
        self.now += DAY
        self.assertTrue(self.spend(100))

    def test_no_limit(self):
        self.assertTrue(self.spend(1 << 62, 0))
        self.assertTrue(self.spend(1 << 62, 0))
        self.assertTrue(self.spend(1 << 62, 0))
        # From the moment that there is one, it counts.
        self.assertFalse(self.spend(1))
        self.now += DAY
        self.assertFalse(self.spend(1))
        self.assertTrue(self.spend(1, 0))
        self.assertTrue(self.spend(1))

    def test_more_than_a_day_has(self):
        self.assertTrue(self.spend(99))
        self.assertTrue(self.spend(301))
        for _day in range(3):
            self.assertFalse(self.spend(1))
            self.assertFalse(self.spend(301))
            self.now += DAY
        self.assertFalse(self.spend(1))
        self.now += DAY
        self.assertTrue(self.spend(100))
        self.assertFalse(self.spend(101))

    def test_correction(self):
        self.spend(100)
        self.correct(-30)
        self.assertFalse(self.spend(31))
        self.assertTrue(self.spend(30))
        self.correct(+50)
        self.now += DAY
        self.assertFalse(self.spend(51))
        self.assertTrue(self.spend(50))
        # What was not read of what was begun the day before.
        self.now += DAY
        self.correct(-200)
        self.assertTrue(self.spend(100))

    def test_whose_clock_is_behind(self):
        # Two transactions around midnight: the later day stays.
        self.spend(70)
        self.now -= DAY
        self.assertFalse(self.spend(31))
        self.assertTrue(self.spend(30))
        row, = self.database.read(lambda conn: conn.execute(
            models.daily_budgets.select()).all())
        self.assertEqual(((self.now + DAY).date(), 100),
                         (row.day, row.spent))
