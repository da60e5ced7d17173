# SPDX-License-Identifier: Apache-2.0
"""Replays of writes: what was committed is not done again when the answer was
lost."""

import ast
import contextlib
import os
import threading

from oslo_db import exception as db_exc
import sqlalchemy as sa

import manila_backup
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import receipts
from manila_backup.db import rows
from tests import lost_answers
from tests.unit import base

PACKAGE = os.path.dirname(manila_backup.__file__)


class Receipts(base.TestCase):

    def _insert(self, conn):
        self.runs += 1
        count = rows.count(conn, models.project_locks)
        rows.insert(conn, models.project_locks, project_id=f'p{count}')
        return count

    def _count(self):
        return self.database.read(rows.count, models.project_locks)

    def test_lost_answer(self):
        self.runs, lost = 0, lost_answers.count
        self.assertEqual(0, self.database.write(self._insert))
        self.assertEqual(1, self.database.write(self._insert))
        self.assertEqual(lost + 2, lost_answers.count)
        self.assertEqual((2, 2), (self.runs, self._count()))

    def test_lost_transaction(self):
        """The connection broke before the commit."""
        self.runs = 0

        def insert_and_break(conn):
            found = self._insert(conn)
            if self.runs == 1:
                raise db_exc.DBConnectionError()
            return found

        self.assertEqual(0, self.database.write(insert_and_break))
        self.assertEqual((2, 1), (self.runs, self._count()))

    def test_refused_commit(self):
        """The function returned, and the database rolled it back."""
        self.runs = 0
        writer, refusals = engine.Database.writer, [1]

        @contextlib.contextmanager
        def refuse(database):
            with writer(database) as conn:
                yield conn
                if refusals and refusals.pop():
                    raise db_exc.DBDeadlock()

        self.addCleanup(setattr, engine.Database, 'writer', writer)
        engine.Database.writer = refuse
        self.assertEqual(0, self.database.write(self._insert))
        self.assertEqual((2, 1), (self.runs, self._count()))

    def test_each_thread_has_a_row(self):
        self.runs = 0
        before = self.database.read(rows.count, receipts.TABLE)
        threads = [threading.Thread(target=self.database.write,
                                    args=(lambda conn: None,))
                   for _ in range(3)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(before + 3,
                         self.database.read(rows.count, receipts.TABLE))

    def test_one_within_another(self):
        """On SQLite the inner one would wait for the outer one's lock."""
        with receipts.of_thread() as outer, receipts.of_thread() as inner:
            self.assertIsNot(outer, inner)
        with receipts.of_thread() as again:
            self.assertIn(again, (outer, inner))

    def test_purge(self):
        self.database.write(lambda conn: None)
        self.assertEqual(0, self.database.write(receipts.purge, 0))
        self.database.write(lambda conn: conn.execute(
            sa.insert(receipts.TABLE).values(
                writer='old', number=1,
                updated_at=receipts.sqltime.utc_in(-receipts.KEPT - 60))))
        self.assertEqual(0, self.database.write(
            receipts.purge, receipts.KEPT + 3600))
        self.assertEqual(1, self.database.write(receipts.purge, 0))


class EveryWrite(base.base.BaseTestCase):

    def test_goes_by_way_of_write(self):
        """Nothing else opens a transaction to write in."""
        found = [f'{path}:{line}' for path in _modules()
                 for line in _transactions(path)]
        self.assertEqual([], found)


def _modules():
    for folder, _, names in os.walk(PACKAGE):
        for name in names:
            if name.endswith('.py'):
                yield os.path.join(folder, name)


def _transactions(path):
    """The lines that call something's ``writer()``."""
    with open(path) as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if (isinstance(node, ast.Call) and isinstance(
                node.func, ast.Attribute) and node.func.attr == 'writer'):
            yield node.lineno
