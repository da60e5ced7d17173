# SPDX-License-Identifier: Apache-2.0

import os
import signal
import subprocess
import sys
from unittest import mock

from oslo_db import exception as db_exc
import testtools

from manila_backup.cmd import common
from manila_backup import conf as config
from manila_backup import exception

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


class EndsTestCase(testtools.TestCase):
    """A process that would not end by itself."""

    PROGRAM = '''
import signal, threading
from manila_backup.cmd import common
signals = common.Signals(print, lambda: 0.2)
threading.Thread(target=threading.Event().wait, name='stuck').start()
print(flush=True)
while True:
    signal.pause()
'''

    def test_ends_all_the_same(self):
        process = subprocess.Popen(
            [sys.executable, '-c', self.PROGRAM], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.stdout.readline()
        process.terminate()
        _, said = process.communicate(timeout=60)
        self.assertEqual(0, process.returncode)
        self.assertIn('stuck', said)

    STILL = '''
import logging, os, signal, threading, time
from manila_backup.cmd import common
slept, end = [], os._exit
time.sleep = slept.append
os._exit = lambda status: print(*slept, flush=True) or end(status)
class Blocked(logging.Handler):
    def emit(self, record):
        threading.Event().wait()
common.LOG.addHandler(Blocked())
signals = common.Signals(print, lambda: 30.0)
print(signals.left_for_work(), flush=True)
signals.wait()
print(signals.left_for_work() <= 15, flush=True)
while True:
    signal.pause()
'''

    def test_ends_in_time_whatever_the_log_does(self):
        process = subprocess.Popen(
            [sys.executable, '-c', self.STILL], stdout=subprocess.PIPE,
            text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual('15.0\n', process.stdout.readline())
        process.terminate()
        said, _ = process.communicate(timeout=60)
        self.assertEqual(0, process.returncode)
        self.assertEqual('True', said.split()[0])
        # A second is for the log.
        self.assertLessEqual(float(said.split()[1]), 29)


class PatienceTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.conf = config.load(['--config-file', os.devnull], 'test')
        self.conf.set_override('retry_interval', 0, 'database')
        self.conf.set_override('max_retries', 3, 'database')
        self.away = mock.Mock(side_effect=db_exc.DBConnectionError('away'))

    def test_as_often_as_is_configured(self):
        said = str(self.assertRaises(
            exception.ConfigurationError, common.patiently, self.conf,
            self.away))
        self.assertIn('away', said)
        self.assertEqual(3, self.away.call_count)

    def test_once_it_is_there(self):
        self.away.side_effect = [db_exc.DBConnectionError('away'), None]
        self.assertTrue(common.patiently(self.conf, self.away))

    def test_no_longer_than_the_process_is_wanted(self):
        self.conf.set_override('max_retries', -1, 'database')
        signals = mock.Mock()
        signals.wait.side_effect = [False, False, False, True, True]
        self.assertFalse(common.patiently(self.conf, self.away, signals))

    def test_what_is_not_its_being_away(self):
        self.away.side_effect = exception.ConfigurationError('too old')
        self.assertRaises(exception.ConfigurationError, common.patiently,
                          self.conf, self.away)
        self.assertEqual(1, self.away.call_count)
