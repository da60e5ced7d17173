# SPDX-License-Identifier: Apache-2.0
"""Checks that are made once for all who ask."""

import threading
from unittest import mock

from oslotest import base

from manila_backup.api import probe

#: Longer than anything here takes; it only ends a test that has failed.
PATIENCE = 60


class Clock:
    """Time that goes on when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class TestProbe(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.clock = Clock()
        patcher = mock.patch('manila_backup.api.probe.time.monotonic',
                             self.clock)
        patcher.start()
        self.addCleanup(patcher.stop)
        self.made = 0
        self.error = None
        self.go_on = threading.Event()
        self.go_on.set()
        # A thread that is left behind would stay until the end.
        self.addCleanup(self.go_on.set)
        self.ended = threading.Semaphore(0)
        self.probe = probe.Probe('thing', self._check)
        self._end = self.probe._end
        self.probe._end = self._noticed

    def _check(self):
        self.made += 1
        self.go_on.wait(PATIENCE)
        if self.error:
            raise self.error

    def _noticed(self, error):
        self._end(error)
        self.ended.release()

    def _wait_for_its_end(self):
        self.assertTrue(self.ended.acquire(timeout=PATIENCE))

    def test_the_first_waits_for_the_result(self):
        self.assertIsNone(self.probe.ask())

    def test_one_check_for_many(self):
        for _number in range(5):
            self.assertIsNone(self.probe.ask())
        self.assertEqual(1, self.made)

    def test_made_again_after_a_while(self):
        self.probe.ask()
        self._wait_for_its_end()
        self.error = OSError('gone')
        self.clock.now += probe.INTERVAL + 1
        # Still the last result: nobody waits for the next one.
        self.probe.ask()
        self._wait_for_its_end()
        self.assertIs(self.error, self.probe.ask())
        self.assertEqual(2, self.made)

    def test_an_old_result_is_not_given(self):
        self.probe.ask()
        self._wait_for_its_end()
        self.error = OSError('gone')
        self.clock.now += probe.FRESH + 1
        self.assertIs(self.error, self.probe.ask())

    def test_hangs(self):
        self.probe.ask()
        self._wait_for_its_end()
        self.go_on.clear()
        self.clock.now += probe.INTERVAL + 1
        self.assertIsNone(self.probe.ask())
        for _number in range(3):
            self.clock.now += probe.TIME_LIMIT
            self.assertIsInstance(self.probe.ask(), TimeoutError)
        self.go_on.set()
        self._wait_for_its_end()
        self.assertIsNone(self.probe.ask())
        self.assertEqual(2, self.made)

    def test_nobody_waits_for_what_failed_before(self):
        self.error = OSError('gone')
        self.assertIs(self.error, self.probe.ask())
        self._wait_for_its_end()
        self.go_on.clear()
        self.clock.now += probe.FRESH + 1
        self.assertIs(self.error, self.probe.ask())

    def test_no_thread_can_be_had(self):
        with mock.patch.object(threading.Thread, 'start',
                               side_effect=RuntimeError('no more')):
            self.assertIsInstance(self.probe.ask(), RuntimeError)
        self.clock.now += probe.INTERVAL + 1
        self.probe.ask()
        self._wait_for_its_end()
        self._wait_for_its_end()
        self.assertIsNone(self.probe.ask())
