# SPDX-License-Identifier: Apache-2.0

import itertools
import threading
import time
import types
from unittest import mock

from oslo_db import exception as db_exc
import sqlalchemy as sa
import testtools

from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import rows
from manila_backup.db import sqltime
from manila_backup.db import texts
from manila_backup.drivers import base as base_driver
from manila_backup.drivers import progress
from manila_backup.engine import attempt
from manila_backup.engine import child
from manila_backup import exception
from manila_backup.path_restore import selection
from manila_backup.requests import restores
from manila_backup.telemetry import metrics
from tests import statuses
from tests.unit import base


def worker(test, name):
    """Stand-in for what a :class:`~attempt.Attempt` has of a worker."""
    return types.SimpleNamespace(
        conf=test.conf, database=test.database,
        drivers={'first': mock.Mock(LEAVES_LOCKS=False)},
        source=mock.Mock(), host=name, identity=name,
        metrics=metrics.Worker(1), notifier=mock.Mock(), caller=mock.Mock(),
        bytes_per_second=lambda: 0, operations_per_second=lambda: 0)


class HandedOver(base.TestCase):

    def test_wakes_the_others_once_it_is_theirs(self):
        self.admission.backups.create(base.MEMBER, self.share().id)
        calls = []

        def queued(context, *args):
            calls.append((context.resource_uuid, *args,
                          self.operation().status))

        first = worker(self, 'w1')
        first.caller = types.SimpleNamespace(queued=queued)
        claimed = attempt.Attempt.claim(first, self.operation().id)
        with mock.patch.object(claimed, '_work',
                               side_effect=attempt.HandedOver()):
            claimed.run()
        id_ = self.operation().id
        self.assertEqual([(id_, id_, 'create', 'first', 'queued')], calls)


class TestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.backup = self.admission.backups.create(
            base.MEMBER, self.share().id)

    def claimed(self, name):
        """Claim the operation; the :class:`~attempt.Attempt`."""
        return attempt.Attempt.claim(worker(self, name), self.operation().id)

    def lapse(self):
        """As if its worker had died long ago."""
        self.database.write(rows.update, models.operations,
                            self.operation().id,
                            {'lease_until': sqltime.utc_in(-1)})


class ShareThatIsGone(TestCase):
    """One to restore to, as releases before this one let happen."""

    def setUp(self):
        super().setUp()
        self.finish_all()
        for table in models.share_backups, models.shares:
            self.database.write(lambda conn, table=table: conn.execute(
                table.update().values(status='available')))
        other = self.share()
        self.admission.backups.restore(base.MEMBER, self.backup.id, other.id)
        self.database.write(rows.delete, models.shares, other.id)

    def run_it(self):
        attempt.Attempt.claim(worker(self, 'w2'), self.operation().id).run()

    def test_ends(self):
        self.run_it()
        self.assertEqual(('failed', 1), (self.operation().status,
                                         self.operation().attempt))
        backup = self.get_backup(self.backup.id)
        self.assertEqual('available', backup.status)
        self.assertIn('does not exist any more', backup.fail_reason)
        self.assertEqual('share_gone', backup.status_code)

    def test_called_off(self):
        self.claimed('w1')
        id_ = self.operation().id
        self.admission.backups.reset_status(base.ADMIN, self.backup.id,
                                            'available')
        self.assertEqual('cancelling', self.operation(id_).status)
        self.database.write(rows.update, models.operations, id_,
                            {'lease_until': sqltime.utc_in(-1)})
        attempt.Attempt.claim(worker(self, 'w2'), id_).run()
        self.assertEqual('cancelled', self.operation(id_).status)
        self.admission.backups.delete(base.MEMBER, self.backup.id)
        self.assertEqual('delete', self.claim().kind)


class Cancelled(TestCase):

    def test_lease_is_kept_while_leftovers_are_removed(self):
        self.conf.set_override('progress_interval', 0.1, 'backup')
        claimed = self.claimed('w1')
        id_ = claimed.operation.id
        self.admission.operations.cancel(base.MEMBER, id_)
        first = self.operation(id_).lease_until
        renewed = []

        def discard():
            end = time.monotonic() + 60
            while not renewed and time.monotonic() < end:
                if self.operation(id_).lease_until != first:
                    renewed.append(id_)
                time.sleep(0.05)

        with (mock.patch.object(claimed, '_work',
                                side_effect=attempt.CalledOff()),
              mock.patch.object(claimed.task, 'discard', discard)):
            claimed.run()
        self.assertEqual([id_], renewed)
        self.assertEqual('cancelled', self.operation(id_).status)

    def test_operation_that_was_lost_is_not_kept(self):
        claimed = self.claimed('w1')
        id_ = claimed.operation.id
        self.admission.operations.cancel(base.MEMBER, id_)
        self.database.write(rows.update, models.operations, id_,
                            {'lease_until': sqltime.utc_in(-1)})
        self.assertIsNotNone(self.claimed('w2'))
        self.assertFalse(self.database.write(
            db_operations.keep_cancelled, claimed.operation, 60.0))


class Failed(TestCase):

    def _run(self, meanwhile):
        def work():
            meanwhile()
            raise exception.WorkFailed('it could not be')

        claimed = self.claimed('w1')
        with mock.patch.object(claimed, '_work', work):
            claimed.run()
        return claimed._worker.drivers['first'].discard

    def test_removes_what_there_is_of_it(self):
        discard = self._run(lambda: None)
        self.assertEqual('failed', self.operation().status)
        discard.assert_called_once()

    def test_removes_nothing_of_who_has_taken_over(self):
        def taken_over():
            self.lapse()
            self.assertEqual(2, self.claimed('w2').operation.attempt)

        discard = self._run(taken_over)
        self.assertEqual('running', self.operation().status)
        discard.assert_not_called()

    def test_removes_nothing_if_that_could_not_be_written(self):
        with mock.patch.object(db_operations, 'finish',
                               side_effect=OSError('no database')):
            self._run(lambda: None).assert_not_called()


class Reason(TestCase):
    """Record of the reason of a failure."""

    def failed(self, exc):
        self.conf.set_override('max_attempts', 1, 'backup')
        claimed = self.claimed('w1')
        with mock.patch.object(claimed, '_work', side_effect=exc):
            claimed.run()
        self.assertEqual('failed', self.operation().status)
        (_operation, _status, told), _ = (
            claimed._worker.notifier.ended.call_args)
        self.assertEqual(self.operation().error, told)
        self.assertEqual(told, self.get_backup(self.backup.id).fail_reason)
        return told

    def test_as_much_as_every_database_holds(self):
        told = self.failed(exception.WorkFailed('備' * 30_000))
        self.assertEqual(texts.CUT, told[-1])
        self.assertLessEqual(len(told.encode()), texts.MAX_BYTES)

    def test_what_no_database_takes(self):
        self.assertEqual('of \\xff and \\x00', self.failed(
            exception.WorkFailed('of \udcff and \0')))

    def test_nothing_of_a_statement(self):
        self.assertNotIn('UPDATE', self.failed(db_exc.DBError(
            sa.exc.DataError('UPDATE share_backups', {}, Exception()))))


class Restore(TestCase):
    """State of the share if a restore comes to nothing."""

    def restoring(self, was='available', paths=None):
        self.finish_all()
        for table, id_, status in (
                (models.share_backups, self.backup.id, 'available'),
                (models.shares, self.backup.share_id, was)):
            self.database.write(statuses.put, table, id_, {'status': status})
        self.admission.backups.restore(base.MEMBER, self.backup.id,
                                       paths=paths)
        return self.operation().id

    def attempt(self, name, changes, ends):
        """An attempt whose driver has changed the share or not.

        :param ends: what it raises in the end; None if its worker dies.
        """
        claimed = self.claimed(name)
        counters = progress.Progress()

        def work():
            if changes:
                counters.changes()
            claimed._note(counters)
            if isinstance(ends, attempt.CalledOff):
                self.admission.backups.reset_status(
                    base.ADMIN, self.backup.id, 'available')
            raise ends

        if ends is None:
            self.lapse()
        else:
            with mock.patch.object(claimed, '_work', work):
                claimed.run()

    def status(self):
        return self.get_share(self.backup.share_id).status

    def test_that_has_changed_nothing(self):
        for was in ('available', 'backup_restoring_error'):
            self.restoring(was)
            self.attempt('w1', False, exception.WorkFailed('no'))
            self.assertEqual(was, self.status())
            self.assertEqual('no', self.operation().error)

    def test_that_has_changed_something(self):
        for was in ('available', 'backup_restoring_error'):
            self.restoring(was)
            self.attempt('w1', True, exception.WorkFailed('no'))
            self.assertEqual('backup_restoring_error', self.status())

    def test_of_paths(self):
        for was, changes, ends in itertools.product(
                ('available', 'backup_restoring_error'), (False, True),
                (exception.WorkFailed('no'), attempt.CalledOff())):
            id_ = self.restoring(was, restores.Paths(['db']))
            with mock.patch.object(attempt.Attempt, '_run_child') as run:
                self.attempt('w1', changes, ends)
            self.assertEqual(was, self.status())
            self.assertEqual(changes, self.operation(id_).share_changed)
            # What a killed process may have left is looked for.
            self.assertEqual([child.clean_share] * changes, [
                call[0][0] for call in run.call_args_list])

    def test_of_paths_that_is_done(self):
        for was in 'available', 'backup_restoring_error':
            id_ = self.restoring(was, restores.Paths(['db', 'a%FF'], 'new',
                                                     'skip'))
            claimed = self.claimed('w1')
            self.assertEqual(
                selection.Selection((b'db', b'a\xff'), b'new',
                                    selection.Conflict.SKIP, id_),
                claimed.task.chosen)
            done = base_driver.Result(restored={'created': 2})
            with mock.patch.object(claimed, '_work', return_value=done):
                claimed.run()
            self.assertEqual(was, self.status())
            self.assertEqual({'created': 2}, self.operation(
                id_).options['restored'])

    def test_called_off(self):
        for changes, was, status in (
                (False, 'available', 'available'),
                (False, 'backup_restoring_error', 'backup_restoring_error'),
                (True, 'available', 'backup_restoring_error')):
            id_ = self.restoring(was)
            self.attempt('w1', changes, attempt.CalledOff())
            self.assertEqual('cancelled', self.operation(id_).status)
            self.assertEqual(status, self.status())

    def test_over_several_attempts(self):
        passing = exception.WorkFailed('no', True)
        for attempts, status in (
                ([(False, passing), (False, passing)], 'available'),
                ([(True, passing), (False, passing)],
                 'backup_restoring_error'),
                # It may have, or not.
                ([(False, None), (False, passing)],
                 'backup_restoring_error'),
                ([(False, passing), (False, attempt.HandedOver()),
                  (False, passing)], 'available'),
                ([(False, passing), (False, None), (False, passing)],
                 'backup_restoring_error')):
            self.conf.set_override('max_attempts', len(attempts) - sum(
                isinstance(each, attempt.HandedOver) for _, each in attempts),
                'backup')
            self.conf.set_override('retry_delay', 0, 'backup')
            self.restoring()
            for number, each in enumerate(attempts):
                self.assertEqual('backup_restoring', self.status())
                self.attempt(f'w{number}', *each)
            self.assertEqual('failed', self.operation().status)
            self.assertEqual(status, self.status(), attempts)


class ShareSetAvailable(base.TestCase):

    def test_is_not_removed(self):
        share = self.share()
        self.admission.shares.delete(base.MEMBER, share.id)
        # As an API of the last release lets an administrator do.
        self.database.write(statuses.put, models.shares, share.id,
                            {'status': 'available'})
        removing = worker(self, 'w1')
        attempt.Attempt.claim(removing, self.operation().id).run()
        self.assertEqual('failed', self.operation().status)
        removing.source.remove.assert_not_called()
        self.assertEqual('available', self.get_share(share.id).status)


class Lease(TestCase):
    """While something runs in the worker itself."""

    def setUp(self):
        super().setUp()
        self.conf.set_override('progress_interval', 0.1, 'backup')
        self.attempt = self.claimed('w1')

    def lease(self):
        return self.operation().lease_until

    def test_is_renewed(self):
        first = self.lease()

        def work():
            while self.lease() == first:
                pass
            return 'done'

        self.assertEqual('done', self.attempt.lease.run_here(work))

    def test_lost(self):
        over = threading.Event()

        def work():
            other = None
            while other is None:
                # Until it is not renewed in between.
                self.lapse()
                other = self.claimed('w2')
            self.assertEqual(2, other.operation.attempt)
            over.wait(0.3)
            over.set()

        self.assertRaises(exception.LeaseLost, self.attempt.lease.run_here,
                          work)
        # It is never left running by itself.
        self.assertTrue(over.is_set())

    def test_what_it_raises(self):
        def work():
            raise exception.WorkFailed('it could not be')

        self.assertRaises(exception.WorkFailed, self.attempt.lease.run_here,
                          work)


class Amount(testtools.TestCase):

    def test_of_a_backup(self):
        self.assertEqual('16.8 s: 20 entries, 3.0 MiB, 182.9 KiB/s',
                         attempt.amount(16.8, 20, 3 << 20))
        self.assertEqual(
            '16.8 s: 20 entries, 3.0 MiB, 182.9 KiB/s, 8 lanes',
            attempt.amount(16.8, 20, 3 << 20, 8))

    def test_of_nothing(self):
        self.assertEqual('0.0 s', attempt.amount(0.01, 0, 0))

    def test_units(self):
        for size, text in ((1023, '1023 B'), (1024, '1.0 KiB'),
                           (5 << 30, '5.0 GiB'), (3 << 40, '3.0 TiB'),
                           (3 << 50, '3072.0 TiB')):
            self.assertIn(f' {text}, ', attempt.amount(1, 1, size))


class Progress(TestCase):
    """Progress that callers see, over the attempts of one operation."""

    def attempt(self, worker):
        """Claim the operation; a function that says how far it is."""
        claimed = self.claimed(worker)
        counters = progress.Progress()
        counters.expect(0, 100)

        def advance(size):
            counters.advance(0, size)
            claimed.lease.renew(counters)
            return self.shown()
        return advance

    def shown(self):
        row = self.get_backup(self.backup.id)
        return row.progress, row.restore_progress, row.host

    def test_never_goes_back(self):
        first = self.attempt('w1')
        self.assertEqual((0, 0, 'w1'), first(0))
        self.assertEqual((60, 0, 'w1'), first(60))
        self.lapse()
        second = self.attempt('w2')
        self.assertEqual((60, 0, 'w1'), second(10))
        self.assertEqual((60, 0, 'w2'), second(50))
        self.assertEqual((70, 0, 'w2'), second(10))

    def test_its_child_is_told_how_much_it_may_move(self):
        claimed = self.claimed('w1')
        claimed._worker.bytes_per_second = lambda: 7000
        claimed._worker.operations_per_second = lambda: 80
        child = mock.Mock(read=lambda: (0, 0, 0, 0), lanes=lambda: 0)
        claimed.lease.renew(child)
        child.limit.assert_called_once_with(7000, 80)

    def test_of_a_restore_begins_anew(self):
        first = self.attempt('w1')
        first(80)
        self.finish_all()
        for table, id_ in ((models.share_backups, self.backup.id),
                           (models.shares, self.backup.share_id)):
            self.database.write(statuses.put, table, id_,
                                {'status': 'available'})
        self.admission.backups.restore(base.MEMBER, self.backup.id)
        first = self.attempt('w1')
        self.assertEqual((80, 20, 'w1'), first(20))
        self.lapse()
        second = self.attempt('w2')
        self.assertEqual((80, 20, 'w1'), second(5))
        self.assertEqual((80, 30, 'w1'), second(25))

    def test_of_a_lost_attempt_is_not_shown(self):
        first = self.attempt('w1')
        self.lapse()
        self.attempt('w2')(30)
        with self.assertRaises(exception.LeaseLost):
            first(90)
        self.assertEqual((30, 0, 'w2'), self.shown())
        self.assertEqual(2, self.database.read(
            db_operations.get, self.operation().id).attempt)
