# SPDX-License-Identifier: Apache-2.0
"""Removal of the locks that an operation's processes have left."""

from unittest import mock

from manila_backup.drivers import base as base_driver
from manila_backup.drivers import progress
from manila_backup.engine import attempt
from manila_backup import exception
from tests.unit import base
from tests.unit.engine import test_attempt


class Removal(test_attempt.TestCase):

    def run_it(self, name='w1', work=lambda: None, has_worked=True):
        """Make an attempt at it.

        :param work: what its work is.
        :returns: the operation's row as it was when its locks were removed,
            as a list.
        """
        claimed = self.claimed(name)
        id_ = claimed.operation.id
        driver = claimed._worker.drivers['first']
        driver.LEAVES_LOCKS = True
        found = []

        def run(function, args, settings, longest):
            self.assertEqual(driver.unlock, function)
            self.assertEqual((claimed.task.place, 'create'), args)
            # The renewal of the lease has the progress of what runs.
            claimed.lease.renew(progress.Progress())
            found.append(self.operation(id_))

        def working():
            claimed._has_worked |= has_worked
            counters = progress.Progress()
            counters.advance(3, 500)
            claimed.lease.renew(counters)
            work()
            return base_driver.Result()

        with (mock.patch.object(claimed, '_work', working),
              mock.patch.object(claimed.lease, 'run', run)):
            claimed.run()
        return found

    def fail(self, retryable=False):
        raise exception.WorkFailed('it could not be', retryable)

    def cancel(self):
        self.admission.operations.cancel(base.MEMBER, self.operation().id)
        raise attempt.CalledOff()

    def test_go_before_it_is_over(self):
        found, = self.run_it(work=self.fail)
        self.assertEqual(('running', 3, 500), (
            found.status, found.files_done, found.bytes_done))
        self.assertEqual(('failed', 3), (self.operation().status,
                                         self.operation().files_done))

    def test_go_before_another_can_begin(self):
        found, = self.run_it(work=self.cancel)
        self.assertEqual('cancelling', found.status)
        self.assertEqual('cancelled', self.operation().status)

    def test_of_none_that_has_worked(self):
        self.assertEqual([], self.run_it(work=self.fail, has_worked=False))

    def test_of_one_that_is_tried_again(self):
        self.conf.set_override('retry_delay', 0, 'backup')
        self.assertEqual([], self.run_it(work=lambda: self.fail(True)))
        self.assertEqual('queued', self.operation().status)
        # Which it may not even begin with.
        found, = self.run_it('w2', self.fail, has_worked=False)
        self.assertEqual(('running', 2), (found.status, found.attempt))

    def test_of_a_worker_that_was_killed(self):
        self.claimed('w1')
        self.lapse()
        found, = self.run_it('w2')
        self.assertEqual('running', found.status)
        self.assertEqual('done', self.operation().status)

    def test_of_one_that_was_done_at_once(self):
        self.assertEqual([], self.run_it())
        self.assertEqual('done', self.operation().status)
