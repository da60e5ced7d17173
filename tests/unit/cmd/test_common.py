# SPDX-License-Identifier: Apache-2.0

import os
import signal
import subprocess
import sys

import testtools

PROGRAM = '''
import threading
from manila_backup.cmd import common
signals = common.Signals(lambda: print('reload', flush=True))
threading.Thread(target=threading.Event().wait, daemon=True).start()
for each in threading.enumerate():
    print(each.native_id, flush=True)
signals.wait()
'''


class SignalsTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.process = subprocess.Popen(
            [sys.executable, '-c', PROGRAM], stdout=subprocess.PIPE)
        self.addCleanup(self.process.stdout.close)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        self.threads = [int(self.process.stdout.readline())
                        for _ in range(3)]
        # It may or may not wait by now: neither makes a difference.

    def assertStops(self, number, thread):
        # kill(2) with the number of a thread has that one get it first.
        os.kill(thread, number)
        self.assertEqual(0, self.process.wait(60))

    def test_stop(self):
        self.assertStops(signal.SIGTERM, self.threads[0])

    def test_stop_told_to_another_thread(self):
        self.assertStops(signal.SIGINT, self.threads[1])

    def test_reload_told_to_another_thread(self):
        for _ in range(3):
            os.kill(self.threads[1], signal.SIGHUP)
            self.assertEqual(b'reload\n', self.process.stdout.readline())
        self.assertStops(signal.SIGTERM, self.threads[1])
