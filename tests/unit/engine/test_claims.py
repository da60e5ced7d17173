# SPDX-License-Identifier: Apache-2.0

import collections
import random

import fixtures
import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import queue as db_queue
from manila_backup.db import rows
from manila_backup.db import sqltime
from manila_backup.engine import capabilities
from manila_backup import states
from tests import statuses
from tests.unit import base


class Claims(base.TestCase):

    def queue(self, project='p1', created=None, **values):
        """An operation in the queue; its id."""
        self._count = getattr(self, '_count', 0) + 1
        id_ = f'op{self._count}'
        self.database.write(
            rows.insert, models.operations, id=id_, kind='create',
            status='queued', live=True, project_id=project,
            backup_id=values.pop('backup_id', f'b{self._count}'), **values)
        return id_

    def lapse(self, column, id_='op1'):
        """As if the time that stands in a column had come."""
        self.database.write(rows.update, models.operations, id_,
                            {column: sqltime.utc_in(-1)})

    def test_is_claimed_once(self):
        self.queue()
        first = self.claim('w1')
        self.assertEqual(('running', 'w1', 1),
                         (first.status, first.worker, first.attempt))
        self.assertIsNone(self.claim('w2'))

    def test_oldest_first(self):
        ids = [self.queue() for _ in range(3)]
        self.assertEqual(ids, [self.claim().id for _ in range(3)])

    def test_no_project_starves_another(self):
        for _ in range(20):
            self.queue('busy')
        late = self.queue('modest')
        claimed = [self.claim() for _ in range(4)]
        self.assertIn(late, [each.id for each in claimed[:2]])

    def test_order_of_any_queue(self):
        """Order where a search looks at three that have waited longest, as
        where it looks at all."""
        self.useFixture(fixtures.MonkeyPatch(
            'manila_backup.db.queue.WINDOW', 3))
        for seed in range(5):
            chance = random.Random(seed)
            for number in range(25):
                project = f'p{chance.choice((0, 0, 0, 1, 2, 3))}'
                self.queue(project, created_at=sqltime.utc_in(number - 60),
                           not_before=chance.choice((
                               None, None, sqltime.utc_in(number - 90),
                               sqltime.utc_in(60))))
            while True:
                expected = self._next()
                found = self.claim()
                self.assertIn(found and found.id, expected, seed)
                if found is None:
                    break
                if chance.random() < 0.7:
                    self.database.write(
                        db_operations.finish, found, states.Operation.DONE)
            self.finish_all()

    def _next(self):
        """The ids of the operations that may be next, by all of them: of
        two projects that one whose oldest operation is older, whether it
        may be claimed already or is delayed."""
        def read(conn):
            return conn.execute(sa.select(
                models.operations, (models.operations.c.not_before
                                    > sqltime.utcnow()).label('later'))).all()

        found = sorted(self.database.read(read),
                       key=lambda row: (row.created_at, row.id))
        running = collections.Counter(
            row.project_id for row in found if row.status == 'running')
        queued = [row for row in found if row.status == 'queued']
        waiting = [row for row in queued if not row.later]
        return [self._first(each, waiting, running)
                for each in (queued, waiting)]

    @staticmethod
    def _first(queued, waiting, running):
        oldest = {row.project_id: row.created_at for row in reversed(queued)}
        first = min(waiting, default=None, key=lambda row: (
            running[row.project_id], oldest[row.project_id],
            row.created_at, row.id))
        return first and first.id

    def test_expired_lease_is_taken_over(self):
        self.queue()
        first = self.claim('w1')
        self.lapse('lease_until')
        second = self.claim('w2')
        self.assertEqual((2, 1, 'w2'),
                         (second.attempt, second.failures, second.worker))
        # The first one can't do anything any more.
        for change in (
                lambda conn: db_operations.renew(conn, first, 30,
                                                 (0, 0, 0, 0)),
                lambda conn: db_operations.finish(conn, first,
                                                  states.Operation.DONE),
                lambda conn: db_operations.release(conn, first)):
            self.assertFalse(self.database.write(change))
        self.assertTrue(self.database.write(
            db_operations.finish, second, states.Operation.DONE))

    def test_renewed_lease_is_not(self):
        self.queue()
        first = self.claim('w1')
        self.lapse('lease_until')
        self.assertTrue(self.database.write(
            db_operations.renew, first, 30, (1, 2, 3, 4)))
        self.assertIsNone(self.claim('w2'))
        row = self.operation(first.id)
        self.assertEqual((1, 2, 3, 4),
                         (row.files_done, row.bytes_done, row.files_total,
                          row.bytes_total))

    def test_handed_over_at_once_and_retried_later(self):
        self.queue()
        self.database.write(db_operations.release, self.claim())
        again = self.claim()
        self.assertEqual((2, 0), (again.attempt, again.failures))
        self.database.write(db_operations.release, again, 60, True, 'why')
        self.assertIsNone(self.claim())
        self.assertLess(self.database.read(db_queue.next_event), 61)
        self.lapse('not_before')
        third = self.claim()
        self.assertEqual((3, 1, 'why'),
                         (third.attempt, third.failures, third.error))

    def test_what_is_not_known_is_left_and_keeps_nothing_waiting(self):
        able = capabilities.Capabilities({'posix': base.Driver()})
        unknown = [self.queue(driver='posix', **values) for values in [
            dict(options={'tape': 'x'})] * 30]
        unknown += [self.queue(driver='tape') for _ in range(10)]
        self.queue(not_before=sqltime.utc_in(-1), driver='tape')
        self.queue(not_before=sqltime.utc_in(-1), options={'tape': 'x'})
        known = [self.queue(driver='posix', options={'speed': 'slow'}),
                 self.queue(driver='posix')]
        # Workers have died of both: neither has anybody look all the time.
        for id_, options in (('op1', {'tape': 'x'}), ('op40', {})):
            self.database.write(statuses.put, models.operations, id_, {
                'status': 'running', 'options': options,
                'lease_until': sqltime.utc_in(-100)})

        self.assertEqual(known, self.database.read(
            db_queue.search, able))
        self.assertIsNone(self.database.read(db_queue.next_event, able))
        self.assertEqual(['op40', 'op1'], sorted(self.database.read(
            db_queue.search), reverse=True))
        # Whoever knows it gets it, as soon as it comes.
        newer = capabilities.Capabilities({'tape': base.Driver()})
        self.assertEqual(['op40'], self.database.read(
            db_queue.search, newer))
        self.assertEqual(0, self.database.read(db_queue.next_event,
                                               newer))
        self.assertEqual('op40', self.database.write(
            db_queue.claim, 'op40', 'w', 30).id)
        self.assertEqual(unknown[30:35], self.database.read(
            db_queue.search, newer))

    def test_kinds_of_another_release_are_left(self):
        able = capabilities.Capabilities({'posix': base.Driver()})
        id_ = self.queue()
        self.assertEqual([id_], self.database.read(
            db_queue.search, able))
        self.database.write(rows.update, models.operations, id_,
                            {'kind': 'backup_praise'})
        self.assertEqual([], self.database.read(
            db_queue.search, able))

    def test_called_off_while_its_worker_is_gone(self):
        id_ = self.queue(share_id='s1')
        self.claim('w1')

        def cancel(conn):
            return db_operations.cancel(
                conn, db_operations.live_of_backup(conn, 'b1'))

        self.assertFalse(self.database.write(cancel))
        blocked = self.queue(share_id='s1')
        self.assertIsNone(self.claim('w2'))
        self.lapse('lease_until')
        found = self.claim('w2')
        self.assertEqual((id_, 'cancelling'), (found.id, found.status))
        self.assertTrue(self.database.write(
            db_operations.finish, found, states.Operation.CANCELLED))
        self.assertEqual(blocked, self.claim('w2').id)

    def test_purge_keeps_what_is_not_over(self):
        self.queue()
        done = self.queue()
        self.claim()
        self.database.write(db_operations.finish, self.claim(),
                            states.Operation.DONE)
        self.assertEqual(1, self.database.write(db_operations.purge, -1))
        self.assertIsNone(self.operation(done))

    def test_claimed_without_knowing(self):
        """By a worker that lost the answer, for good."""
        self.queue()
        first = self.claim('w1')

        def again(worker, unsure):
            return self.database.write(db_queue.claim, first.id, worker,
                                       30, unsure)

        self.assertIsNone(again('w1', False))
        self.assertIsNone(again('w2', True))
        second = again('w1', True)
        self.assertEqual((2, 0, 'w1'),
                         (second.attempt, second.failures, second.worker))
        self.database.write(db_operations.finish, second,
                            states.Operation.DONE)
        self.assertIsNone(again('w1', True))
