# SPDX-License-Identifier: Apache-2.0

import os
import tempfile
import time
from unittest import mock

from oslotest import base

from manila_backup.drivers import pacing
from manila_backup.drivers import progress

SECOND = 10 ** 9


class Clock:
    """A clock that goes on while somebody sleeps, and an account of what this
    process has moved."""

    def __init__(self, test):
        self.now = 7 * SECOND
        self.moved = 100
        for module, name, function in (
                (progress, 'now', lambda: self.now),
                (pacing.time, 'sleep', self._sleep),
                (pacing, 'moved', lambda: (self.moved, 0))):
            patched = mock.patch.object(module, name, function)
            patched.start()
            test.addCleanup(patched.stop)

    def _sleep(self, seconds):
        self.now += round(seconds * SECOND)


class Limit(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.progress = progress.Progress(slots=3)
        self.clock = Clock(self)

    def _move(self, size, took=0.0):
        self.clock.moved += size
        self.clock.now += round(took * SECOND)
        self.progress.advance(0, size)

    def _passed(self):
        return self.clock.now / SECOND - 7

    def test_none(self):
        for _ in range(10):
            self._move(1 << 30)
        self.assertEqual(0, self._passed())

    def test_what_is_moved_takes_its_time(self):
        self.progress.limit(1000)
        self._move(0)
        for _ in range(10):
            self._move(500, took=0.1)
        # What may be caught up with: a tenth of a second.
        self.assertAlmostEqual(5, self._passed(), delta=0.15)

    def test_slower_storage_is_not_slowed_down(self):
        self.progress.limit(1000)
        self._move(0)
        for _ in range(10):
            self._move(100, took=1)
        self.assertEqual(10, self._passed())

    def test_what_was_not_used_is_not_caught_up_with(self):
        self.progress.limit(1000)
        self._move(0)
        self._move(0, took=3600)
        self._move(2000, took=0.1)
        self.assertAlmostEqual(3602, self._passed(), delta=0.15)

    def test_several_processes_have_a_part_each(self):
        self.progress.limit(1000)
        self._move(0)
        self.progress.use_slot(1)
        self._move(0)
        before = self._passed()
        self._move(500, took=0.1)
        self.assertAlmostEqual(before + 1, self._passed(), delta=0.15)

    def _call(self, calls, took=0.0):
        self.clock.now += round(took * SECOND)
        self.progress.advance(1, 5, calls)

    def test_calls_take_their_time(self):
        self.progress.limit(0, 100)
        self._call(0)
        for _ in range(50):
            self._call(4, took=0.02)
        self.assertEqual(200, self.progress.calls())
        self.assertAlmostEqual(2, self._passed(), delta=0.15)

    def test_both_limits_hold(self):
        for limits in (1000, 10 ** 6), (10 ** 6, 1000):
            before = self._passed()
            self.progress.limit(*limits)
            self._move(0, took=0.1)
            for _ in range(10):
                self.clock.moved += 500
                self._call(500, took=0.1)
            self.assertAlmostEqual(before + 5, self._passed(), delta=0.3)

    def test_lane_that_ends_before_the_next_look(self):
        self.progress.limit(1000)
        before = self._passed()
        self.progress.use_slot(1)
        for _ in range(2):
            self.clock.moved += 500
            self.progress.advance(1, 500)
        self.assertAlmostEqual(before + 1, self._passed(), delta=0.15)

    def test_lanes(self):
        self.assertEqual(0, self.progress.lanes())
        for count in 1, 5, 2:
            self.progress.use_lanes(count)
        self.assertEqual(5, self.progress.lanes())

    def test_nobody_pauses_beyond_the_lease(self):
        self.progress.limit(1)
        self._move(0)
        self.progress.extend(3)
        with mock.patch.object(progress.os, '_exit',
                               side_effect=SystemExit) as ended:
            self.assertRaises(SystemExit, self._move, 10 ** 6, 0.1)
        ended.assert_called_once_with(progress.FENCED_EXIT)
        self.assertAlmostEqual(3, self._passed(), delta=0.25)

    def test_counts_are_told_apart(self):
        self.progress.limit(10 ** 9)
        self._move(5)
        self.progress.use_slot(2)
        self.progress.advance(3, 7)
        self.progress.expect(4, 20)
        self.assertEqual((3, 12, 4, 20), self.progress.read())


class Account(base.BaseTestCase):

    def test_of_the_kernel(self):
        """No faster than that, however fast the storage is."""
        with tempfile.TemporaryFile() as file:
            # More than it reads then, which is no reason not to count that.
            file.write(bytes(1 << 24))
            file.flush()
            counted = progress.Progress()
            counted.limit(1 << 20)
            counted.advance(0, 0)
            start = time.monotonic()
            for _ in range(16):
                os.pread(file.fileno(), 1 << 16, 0)
                time.sleep(0.025)
                counted.advance(0, 0)
        # A second's worth, less what may be caught up with.
        self.assertLess(0.85, time.monotonic() - start)
