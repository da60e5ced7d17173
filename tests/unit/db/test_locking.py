# SPDX-License-Identifier: Apache-2.0
"""The order of locks, and that the watch over it finds what breaks it."""

import unittest

import sqlalchemy as sa

from manila_backup.db import locking
from manila_backup.db import models
from manila_backup.db import rows
from tests import lock_order
from tests.unit import base


class Order(base.TestCase):

    def test_has_every_table_once(self):
        self.assertEqual(sorted(models.Base.metadata.tables),
                         sorted(each.name for each in locking.ORDER))

    def test_what_is_referred_to_comes_first(self):
        for rank, table in enumerate(locking.ORDER):
            for key in table.foreign_keys:
                self.assertIn(key.column.table, locking.ORDER[:rank],
                              table.name)


class Watch(base.TestCase):

    def setUp(self):
        super().setUp()
        self.one, self.other = sorted(
            (self.share() for _ in range(2)), key=lambda each: each.id)

    def _lock(self, *locks):
        """Lock rows in a transaction, by functions of a connection."""
        def write(conn):
            for each in locks:
                each(conn)

        self.database.write(write)

    def assert_wrong(self, *locks):
        error = self.assertRaises(lock_order.WrongOrder, self._lock, *locks)
        # This one is no fault.
        self.assertEqual(str(error), lock_order.violations.pop())
        return str(error)

    def select(self, share):
        return lambda conn: rows.get(conn, models.shares, share.id, lock=True)

    def change(self, share, **expected):
        return lambda conn: rows.update(conn, models.shares, share.id,
                                        {'size': 2}, **expected)

    def operation_of(self, share):
        table = models.operations
        return lambda conn: conn.execute(
            sa.select(table).where(table.c.share_id == share.id)
            .with_for_update()).all()

    def rule(self, share, id_):
        return lambda conn: rows.insert(
            conn, models.access_rules, id=id_, share_id=share.id,
            access_type='ip', access_to=id_, access_level='rw', state='x')

    def test_in_order(self):
        self._lock(self.operation_of(self.one), self.select(self.one),
                   self.change(self.one), self.change(self.other),
                   self.operation_of(self.one),
                   lambda conn: rows.delete(conn, models.shares,
                                            self.other.id))

    def test_each_transaction_begins_anew(self):
        self._lock(self.change(self.one))
        self._lock(self.operation_of(self.one))

    def test_a_table_before(self):
        said = self.assert_wrong(self.change(self.one),
                                 self.operation_of(self.other))
        for word in ('operations', f'shares {self.one.id}', 'UPDATE shares',
                     'FOR UPDATE'):
            self.assertIn(word, said)

    def test_a_row_before(self):
        for first in self.select, self.change:
            for second in self.select, self.change:
                self.assert_wrong(first(self.other), second(self.one))

    def test_removal(self):
        self.assert_wrong(
            self.change(self.other),
            lambda conn: rows.delete(conn, models.shares, self.one.id))

    def test_all_rows(self):
        self.assert_wrong(
            self.change(self.other),
            lambda conn: conn.execute(models.shares.update().values(size=3)))

    def test_parents(self):
        self._lock(self.rule(self.one, '1'), self.rule(self.other, '2'))
        self.assert_wrong(self.rule(self.other, '3'), self.rule(self.one, '4'))

    def test_what_waits_without_holding(self):
        """It has waited all the same."""
        unmet = self.change(self.one, size=100)
        self._lock(unmet, self.operation_of(self.one))
        self.assert_wrong(self.change(self.other), unmet)

    def test_what_finds_nothing(self):
        self._lock(self.change(self.one), lambda conn: conn.execute(
            models.operations.delete().where(
                models.operations.c.kind == 'none')))

    def test_fails_a_test_whose_code_catches_the_error(self):
        watch = self

        class Inner(unittest.TestCase):

            def runTest(self):
                with self.assertRaises(AssertionError):
                    watch._lock(watch.change(watch.other),
                                watch.change(watch.one))

        result = unittest.TestResult()
        Inner().run(result)
        self.assertEqual(1, len(result.failures), result)
        self.assertIn('is locked after', result.failures[0][1])
        lock_order.violations.pop()
