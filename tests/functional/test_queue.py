# SPDX-License-Identifier: Apache-2.0
"""The queue on real databases: what a search reads, and many that claim at
once."""

import collections
from concurrent import futures
import contextlib
import time

import fixtures
from oslo_db import exception as db_exc
import sqlalchemy as sa

from manila_backup.db import limits
from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import queue
from manila_backup.db import rows
from manila_backup.db import sqltime
from manila_backup.engine import capabilities
from tests.functional import cloud
from tests.functional import rows_read
from tests.unit import base

#: How many wait, and how many rows a search of them reads at most.
LONG = 10_000
FEW = 150

FILL = """
INSERT INTO operations (
    id, project_id, created_at, status, driver, not_before, lease_until,
    kind, options, attempt, failures, files_total, files_done, bytes_total,
    bytes_done)
WITH digits(d) AS ({digits}),
     numbers(n) AS (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d
                    FROM digits a, digits b, digits c, digits e)
SELECT LPAD(CAST(n + :first AS CHAR(9)), 6, '0'),
       CONCAT(:prefix, MOD(n, :projects)), {created}, :status, :driver,
       :not_before, :lease_until, 'create', '{{}}', 0, 0, 0, 0, 0, 0
FROM numbers WHERE n < :count
"""


class QueueMySQL(rows_read.OnMySQL):

    tables = ('operations',)
    created = "TIMESTAMP('2026-01-01') + INTERVAL n + :first SECOND"

    def fill(self, count, projects=1, prefix='p', delay=None, lease=None,
             status='queued', driver=None):
        """Put operations into the queue, one a second.

        :param projects: int, how many they are of, in turn.
        :param prefix: str, what those are called before their number.
        :param delay: float, the seconds until they may be claimed.
        :param lease: float, the seconds until their leases end.
        """
        with self.database.writer() as conn:
            first = rows.count(conn, models.operations)
            moments = {name: conn.execute(sa.select(
                sqltime.utc_in(seconds))).scalar()
                for name, seconds in (('not_before', delay),
                                      ('lease_until', lease))
                if seconds is not None}
            conn.execute(sa.text(FILL.format(
                digits=rows_read.DIGITS, created=self.created)), {
                'count': count, 'first': first, 'projects': projects,
                'prefix': prefix, 'status': status, 'driver': driver,
                'not_before': None, 'lease_until': None, **moments})
        self.count_anew()

    def claim(self):
        id_ = self.database.read(queue.search)[0]
        return self.database.write(queue.claim, id_, 'w', 60)

    def assert_reads_few(self, function, *args, few=FEW):
        return super().assert_reads_few(function, *args, few=few)

    def test_many_operations_of_some_projects(self):
        self.fill(LONG, 20)
        for _ in range(5):
            self.claim()
        found = self.assert_reads_few(queue.search)
        self.assertEqual('000005', found[0])
        self.assertGreater(self.assert_reads_few(queue.next_event, few=20),
                           0)

    def test_many_by_a_worker_of_known_capabilities(self):
        self.fill(LONG, driver='posix')
        able = capabilities.Capabilities({'posix': base.Driver()})
        found = self.assert_reads_few(queue.search, able)
        self.assertEqual('000000', found[0])

    def test_many_of_one_project(self):
        self.fill(LONG)
        for number in range(3):
            self.assertEqual(f'{number:06}', self.claim().id)
        found = self.assert_reads_few(queue.search)
        self.assertEqual([f'{number:06}' for number in range(3, 8)], found)

    def test_many_are_delayed(self):
        self.fill(LONG, delay=60)
        self.assertEqual([], self.assert_reads_few(queue.search))
        due = self.assert_reads_few(queue.next_event, few=20)
        self.assertTrue(0 < due <= 60, due)
        self.fill(1)
        self.assertEqual([f'{LONG:06}'], self.assert_reads_few(queue.search))

    def test_many_delays_have_ended(self):
        self.fill(LONG, delay=-1)
        self.assertEqual('000000', self.assert_reads_few(queue.search)[0])
        self.assertEqual(0, self.assert_reads_few(queue.next_event, few=20))

    def test_many_leases_have_ended(self):
        self.fill(LONG, status='running', lease=-1)
        self.assertEqual('000000', self.assert_reads_few(queue.search)[0])

    def test_one_project_before_many(self):
        """One that is served has put in all before the others came: a few
        rows of each of them are read."""
        projects = 1000
        self.fill(LONG)
        self.fill(projects, projects, 'q')
        self.claim()
        found = self.assert_reads_few(queue.search, few=4 * projects + FEW)
        self.assertEqual(f'{LONG:06}', found[0])

    def test_one_project_before_another(self):
        """Rows of the second one that are delayed are not read either."""
        self.fill(4000)
        self.fill(4000, prefix='q', delay=60)
        self.fill(2000, prefix='q')
        self.claim()
        found = self.assert_reads_few(queue.search)
        self.assertEqual('008000', found[0])

    def test_many_claim_at_once(self):
        """None is had twice, and none is left."""
        count, workers = 60, 8
        self.fill(count, 3)

        def work(database):
            name, claimed = str(id(database)), []
            while True:
                found = database.read(queue.search)
                if not found:
                    return claimed
                for each in found:
                    row = database.write(queue.claim, each, name, 60,
                                         wait=False)
                    if row:
                        claimed.append(row.id)
                        break

        with futures.ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(work, [self.connect() for _
                                         in range(workers)]))
        times = collections.Counter(id_ for each in found for id_ in each)
        self.assertEqual({f'{number:06}': 1 for number in range(count)},
                         dict(times))

    def test_what_another_has_locked(self):
        """It is passed over where that is wished."""
        self.fill(2)
        other = self.connect()
        with other.writer() as conn:
            self.assertIsNotNone(queue.claim(conn, '000000', 'w1', 60))
            self.assertIsNone(self.database.write(
                queue.claim, '000000', 'w2', 60, wait=False))
            self.assertEqual('000001', self.database.write(
                queue.claim, '000001', 'w2', 60, wait=False).id)
        self.assertEqual('w1', self.database.read(
            db_operations.get, '000000').worker)

    def test_what_one_that_stands_still_has_locked(self):
        """A process that is stopped in a transaction, or whose host has lost
        power, keeps nothing for itself."""
        self.fill(1)
        self.useFixture(fixtures.MockPatchObject(limits, 'TRANSACTION', 2))
        stopped = self.connect()

        def claim():
            return self.database.write(queue.claim, '000000', 'w2', 60,
                                       wait=False)

        transaction = contextlib.ExitStack()
        self.addCleanup(transaction.close)
        conn = transaction.enter_context(stopped.writer())
        self.assertIsNotNone(queue.claim(conn, '000000', 'w1', 60))
        self.assertIsNone(claim())
        self.assertEqual('w2', cloud.eventually(
            'an end of the transaction', claim).worker)
        # What it goes on with is not committed.
        self.assertRaises((db_exc.DBError, sa.exc.OperationalError),
                          transaction.close)
        self.assertEqual('w2', self.database.read(
            db_operations.get, '000000').worker)

    def test_one_that_stood_still_begins_anew(self):
        self.useFixture(fixtures.MockPatchObject(limits, 'TRANSACTION', 1))
        database = self.connect()
        self.fill(2)
        stops = [3]

        def work(conn):
            first = queue.claim(conn, '000000', 'w1', 60)
            if stops:
                time.sleep(stops.pop())
            return [first.attempt,
                    queue.claim(conn, '000001', 'w1', 60).attempt]

        self.assertEqual([1, 1], database.write(work))


class QueuePostgreSQL(rows_read.OnPostgreSQL, QueueMySQL):

    created = "TIMESTAMP '2026-01-01' + (n + :first) * INTERVAL '1 second'"
