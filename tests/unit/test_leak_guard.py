# SPDX-License-Identifier: Apache-2.0
"""Ends of a process of tests."""

import os
import subprocess
import sys

import testtools

from tests import leak_guard

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    *[os.pardir] * 2)


class LeakGuardTestCase(testtools.TestCase):

    def end(self, *statements, patience=leak_guard.PATIENCE):
        """Run a process until nobody holds its output; what it complained
        of."""
        done = subprocess.run(
            [sys.executable, '-c', '\n'.join((
                'import multiprocessing, subprocess, threading, time',
                'from tests import leak_guard',
                f'leak_guard.PATIENCE = {patience}',
                'leak_guard.begin()', *statements))],
            cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stderr

    def test_nothing_left(self):
        self.assertEqual('', self.end())

    def test_a_process(self):
        said = self.end("subprocess.Popen(['sleep', '1000'])")
        self.assertRegex(said, r"Left by tests: \d+ \w+ \['sleep', '1000'\]")
        self.assertNotIn('does not end', said)

    def test_a_child(self):
        self.assertIn('Left by tests', self.end(
            "multiprocessing.get_context('fork').Process("
            'target=time.sleep, args=(1000,)).start()', patience=0.2))

    def test_a_thread(self):
        said = self.end('threading.Thread(target=time.sleep, '
                        'args=(1000,)).start()', patience=0.2)
        self.assertIn('does not end', said)
        self.assertIn('_shutdown', said)
