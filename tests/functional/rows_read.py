# SPDX-License-Identifier: Apache-2.0
"""Count of the rows that a database server reads for a query: what it costs,
on any machine and beside any load."""

import os

import sqlalchemy as sa
import testtools

from manila_backup import conf as config
from manila_backup.db import engine
from tests.functional import databases

DIGITS = ' UNION ALL '.join(f'SELECT {digit}' for digit in range(10))


class OnMySQL(testtools.TestCase):
    """Tests on a database of their own.

    :cvar tables: the tables whose rows count.
    """

    server = 'mysql'
    analyze = 'ANALYZE TABLE'
    tables = ()

    def setUp(self):
        super().setUp()
        self.url = self.useFixture(databases.Schema(self.server,
                                                    made=True)).url
        self.database = self.connect()

    def connect(self):
        """One more :class:`manila_backup.db.engine.Database`."""
        conf = config.load(['--config-file', os.devnull], 'test')
        conf.set_override('connection', self.url, 'database')
        database = engine.Database(conf)
        self.addCleanup(database.dispose)
        return database

    def count_anew(self):
        """Have the server know how many rows there are now."""
        with self.database.writer() as conn:
            for table in self.tables:
                conn.exec_driver_sql(f'{self.analyze} {table}')

    def rows_read(self, function, *args):
        """Call a function with a connection; what it returns, and how many
        rows the server has read for that."""
        with self.database.reader() as conn:
            before = self._handler(conn)
            own = self._handler(conn) - before
            found = function(conn, *args)
            return found, self._handler(conn) - before - 2 * own

    @staticmethod
    def _handler(conn):
        return sum(int(value) for _, value in conn.exec_driver_sql(
            "SHOW SESSION STATUS LIKE 'Handler_read%%'"))

    def assert_reads_few(self, function, *args, few):
        """Call a function that reads no more than ``few`` rows; what it
        returns."""
        found, count = self.rows_read(function, *args)
        self.addDetail(f'rows read by {function.__name__}',
                       testtools.content.text_content(str(count)))
        self.assertThat(count, testtools.matchers.LessThan(few + 1),
                        function.__name__)
        if found:
            self.assertGreater(count, 0, function.__name__)
        return found


class OnPostgreSQL(OnMySQL):

    server = 'postgresql'
    analyze = 'ANALYZE'

    def rows_read(self, function, *args):
        seen = []

        def listen(conn, cursor, statement, parameters, *rest):
            seen.append((statement, parameters))

        with self.database.reader() as conn:
            sa.event.listen(conn, 'before_cursor_execute', listen)
            found = function(conn, *args)
            sa.event.remove(conn, 'before_cursor_execute', listen)
            return found, sum(self._scanned(conn.exec_driver_sql(
                f'EXPLAIN (ANALYZE, FORMAT JSON) {statement}', parameters)
                .scalar()[0]['Plan']) for statement, parameters in seen)

    def _scanned(self, plan):
        count = sum(map(self._scanned, plan.get('Plans', ())))
        if plan.get('Relation Name') in self.tables:
            count += plan['Actual Loops'] * (
                plan['Actual Rows'] + plan.get('Rows Removed by Filter', 0)
                + plan.get('Rows Removed by Index Recheck', 0))
        return count
