# SPDX-License-Identifier: Apache-2.0
"""Operations that are cancelled by their owner, at each stage."""

from unittest import mock

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import sqltime
from manila_backup.drivers import base as drivers
from manila_backup.drivers import progress
from manila_backup.engine import attempt
from manila_backup import exception
from manila_backup import states
from tests import statuses
from tests.unit import base
from tests.unit.engine import test_attempt


class TestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.share_id = self.share().id
        self.backup_id = self.admission.backups.create(
            base.MEMBER, self.share_id).id
        self.operation_id = self.operation().id

    def cancel(self, context=base.MEMBER):
        self.admission.operations.cancel(context, self.operation_id)

    def claimed(self, name='w1'):
        return attempt.Attempt.claim(test_attempt.worker(self, name),
                                     self.operation_id)

    def run_(self, claimed, meanwhile, changes=False):
        """Have an attempt do its work, and something happen meanwhile."""
        def work():
            counters = progress.Progress()
            if changes:
                counters.changes()
            claimed._note(counters)
            meanwhile()
            return drivers.Result()

        with mock.patch.object(claimed, '_work', work):
            claimed.run()
        return claimed._worker.drivers['first']

    def lapse(self):
        self.database.write(rows.update, models.operations, self.operation_id,
                            {'lease_until': sqltime.utc_in(-1)})

    def assert_over(self, operation, backup, share):
        """The statuses of all three."""
        self.assertEqual(
            (operation, backup, share),
            (self.operation(self.operation_id).status,
             self.get_backup(self.backup_id).status,
             self.get_share(self.share_id).status))


class Creation(TestCase):

    def assert_cancelled(self):
        self.assert_over('cancelled', 'error', 'available')
        backup = self.get_backup(self.backup_id)
        self.assertEqual(('cancelled', 'It was cancelled.'),
                         (backup.status_code, backup.fail_reason))
        self.assertEqual('cancelled',
                         self.operation(self.operation_id).status_code)
        # There is nothing that would hold up the next one.
        self.admission.backups.delete(base.MEMBER, self.backup_id)
        self.admission.backups.create(base.MEMBER, self.share_id)

    def test_in_the_queue(self):
        calls = list(self.bus.calls)
        self.cancel()
        self.assertEqual(calls, self.bus.calls)
        self.assertIsNone(self.claim())
        self.assert_cancelled()

    def test_in_the_queue_after_an_attempt(self):
        claimed = self.claimed()
        claimed.release(0.0, True, 'no')
        self.cancel()
        self.assert_over('cancelling', 'error', 'backup_creating')
        self.claimed('w2').run()
        self.assert_cancelled()

    def test_after_an_attempt_that_tries_to_end_it_once_more(self):
        claimed = self.claimed()
        claimed.release(0.0, False, None)
        self.cancel()
        self.assertRaises(exception.LeaseLost, claimed.finish,
                          states.Operation.FAILED, claimed.task.failed, 'no')
        self.assert_over('cancelling', 'error', 'backup_creating')

    def test_claimed(self):
        claimed = self.claimed()
        self.cancel()
        self.assertEqual(('cancelled', self.operation_id), self.bus.calls[-1])
        self.assert_over('cancelling', 'error', 'backup_creating')
        claimed.run()
        self.assert_cancelled()

    def test_in_the_middle(self):
        driver = self.run_(self.claimed(), self.cancel)
        driver.publish.assert_not_called()
        driver.discard.assert_called_once()
        self.assert_cancelled()

    def test_when_it_is_published(self):
        claimed = self.claimed()

        def publish(*_args):
            error = self.assertRaises(exception.Conflict, self.cancel)
            self.assertIn('being completed', str(error))

        claimed._worker.drivers['first'].publish = publish
        self.run_(claimed, lambda: None)
        self.assert_over('done', 'available', 'available')
        self.assertIsNone(self.operation(self.operation_id).publishing)

    def test_after_its_worker_died_when_it_was_published(self):
        claimed = self.claimed()
        claimed._publishing = True
        claimed.lease.renew()
        self.lapse()
        self.assertRaises(exception.Conflict, self.cancel)
        again = self.claimed('w2')
        self.cancel()
        again.run()
        self.assert_cancelled()

    def test_worker_dies_of_it(self):
        self.claimed()
        self.cancel()
        self.lapse()
        claimed = self.claimed('w2')
        claimed.run()
        claimed._worker.drivers['first'].discard.assert_called_once()
        self.assert_cancelled()

    def test_twice(self):
        claimed = self.claimed()
        for _ in range(2):
            self.cancel()
            self.admission.operations.cancel_of_backup(base.MEMBER,
                                                       self.backup_id)
        claimed.run()
        self.cancel()
        self.assertRaises(
            exception.Conflict, self.admission.operations.cancel_of_backup,
            base.MEMBER, self.backup_id)
        self.assert_cancelled()

    def test_that_is_over(self):
        self.run_(self.claimed(), lambda: None)
        self.assertRaises(exception.Conflict, self.cancel)
        self.assert_over('done', 'available', 'available')

    def test_of_another_project(self):
        self.assertRaises(exception.NotFound, self.cancel, base.STRANGER)
        self.assertRaises(
            exception.NotFound, self.admission.operations.cancel_of_backup,
            base.STRANGER, self.backup_id)
        self.cancel(base.ADMIN)
        self.assert_cancelled()

    def test_reset_says_what_it_was(self):
        self.admission.backups.reset_status(base.ADMIN, self.backup_id,
                                            'error')
        self.assertEqual(
            ('reset', 'reset'),
            (self.operation(self.operation_id).status_code,
             self.get_backup(self.backup_id).status_code))
        self.admission.backups.reset_status(base.ADMIN, self.backup_id,
                                            'available')
        self.assertIsNone(self.get_backup(self.backup_id).status_code)


class Restore(TestCase):

    def setUp(self):
        super().setUp()
        self.finish_all()
        for table, id_ in ((models.share_backups, self.backup_id),
                           (models.shares, self.share_id)):
            self.database.write(statuses.put, table, id_,
                                {'status': 'available'})
        self.admission.backups.restore(base.MEMBER, self.backup_id)
        self.operation_id = self.operation().id

    def test_in_the_queue(self):
        self.cancel()
        self.assert_over('cancelled', 'available', 'available')
        self.assertIs(False, self.operation(self.operation_id).share_changed)

    def test_in_the_middle(self):
        for changes, share in ((False, 'available'),
                               (True, 'backup_restoring_error')):
            self.run_(self.claimed(), self.cancel, changes)
            self.assert_over('cancelled', 'available', share)
            self.assertIs(
                changes, self.operation(self.operation_id).share_changed)
            self.assertEqual('cancelled', self.get_backup(
                self.backup_id).status_code)
            self.admission.backups.restore(base.MEMBER, self.backup_id)
            self.operation_id = self.operation().id
            self.assertIsNone(self.get_backup(self.backup_id).status_code)

    def test_worker_dies_of_it(self):
        self.claimed()
        self.cancel()
        self.lapse()
        self.claimed('w2').run()
        # Nobody knows.
        self.assert_over('cancelled', 'available', 'backup_restoring_error')
        self.assertIs(True, self.operation(self.operation_id).share_changed)

    def test_that_failed(self):
        for changes, share in ((False, 'available'),
                               (True, 'backup_restoring_error')):
            def fail():
                raise drivers.DamagedBackup('no')

            self.run_(self.claimed(), fail, changes)
            self.assert_over('failed', 'available', share)
            operation = self.operation(self.operation_id)
            self.assertEqual((changes, 'damaged'), (operation.share_changed,
                                                    operation.status_code))
            self.admission.backups.restore(base.MEMBER, self.backup_id)
            self.operation_id = self.operation().id


class Deletion(TestCase):

    def test_at_any_stage(self):
        self.run_(self.claimed(), lambda: None)
        self.admission.backups.delete(base.MEMBER, self.backup_id)
        self.operation_id = self.operation().id
        for _ in range(2):
            error = self.assertRaises(exception.Conflict, self.cancel)
            self.assertIn('deletes', str(error))
            self.claimed()
