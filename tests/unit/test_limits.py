# SPDX-License-Identifier: Apache-2.0
"""Limits of the time that a test may take."""

import os
import subprocess
import sys

import testtools

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    *[os.pardir] * 2)

TEST = '''
import signal
import sys
import testtools
import testtools.run
from tests import limits

class Test(testtools.TestCase):

    def test(self):
        {}

limits.begin(1)
testtools.run.main(['test', '__main__.Test'], sys.stdout)
'''


class LimitsTestCase(testtools.TestCase):

    def run_test(self, body):
        """Run a test of which this is the body, a line of Python.

        :returns: subprocess.CompletedProcess.
        """
        return subprocess.run(
            [sys.executable, '-c', TEST.format(body)], cwd=ROOT,
            capture_output=True, text=True)

    def test_in_time(self):
        done = self.run_test('self.assertTrue(True)')
        self.assertEqual(0, done.returncode, done.stderr)

    def test_too_long(self):
        done = self.run_test('signal.pause()')
        self.assertEqual(1, done.returncode)
        self.assertIn('the test takes longer than 1 s', done.stdout)
        self.assertIn('Ran 1 test', done.stdout)

    def test_that_can_not_be_told(self):
        done = self.run_test(
            'signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM]); '
            'signal.pause()')
        self.assertEqual(1, done.returncode)
        self.assertIn('Nothing has happened for 2 s', done.stderr)
        self.assertIn('in test', done.stderr)
