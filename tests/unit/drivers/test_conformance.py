# SPDX-License-Identifier: Apache-2.0
"""Code of the conformance suite's own."""

import signal
import time

import testtools

from manila_backup.drivers.conformance import case


class ProcessTestCase(testtools.TestCase):

    def test_what_a_test_left_is_ended(self):
        left = case.Process(lambda progress: time.sleep(1000))
        while not left.left():
            time.sleep(0.01)
        left.signal(signal.SIGSTOP)
        case.Process.end_all()
        self.assertEqual(-signal.SIGKILL, left.exitcode)
        self.assertFalse(left.left())
