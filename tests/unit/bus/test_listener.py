# SPDX-License-Identifier: Apache-2.0

import logging
import os
import subprocess
import sys
import threading
import types
from unittest import mock

import fixtures
import testtools

from manila_backup.bus import faults
from manila_backup.bus import listener
from manila_backup.bus import questions
from manila_backup.bus import queue_names
from manila_backup.bus import rpc


class ListenerTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(
            listener, 'FIRST_PAUSE', 0.01))
        self.useFixture(fixtures.MockPatchObject(
            listener, 'LONGEST_PAUSE', 0.01))
        self.log = self.useFixture(fixtures.MockPatchObject(
            listener, 'LOG')).mock
        self.log_in = self._patch('log_in')
        self._patch('names_queues').return_value = False
        self._patch('servers').return_value = 'here:5672'
        self.joined = threading.Event()
        self.server = self._patch('get_server').return_value
        self.useFixture(fixtures.MockPatchObject(
            questions, 'get_servers')).mock.return_value = []
        self.server.start.side_effect = self.joined.set
        worker = types.SimpleNamespace(conf=types.SimpleNamespace(
            backup=types.SimpleNamespace(scan_interval=1)))
        self.listener = listener.Listener(mock.Mock(), worker)

    def _patch(self, name):
        return self.useFixture(fixtures.MockPatchObject(rpc, name)).mock

    def test_tries_until_it_may_and_tells_changes(self):
        self.log_in.side_effect = [OSError('away'), OSError('away'),
                                   OSError('refused'), OSError('away'),
                                   OSError('refused'), None]
        self.listener.start()
        self.assertTrue(self.joined.wait(60))
        self.listener.stop()
        # Of several hosts, one may be away and the other refuse.
        self.assertEqual(['away', 'refused'], [
            each.args[-1] for each in self.log.error.call_args_list])
        self.log.info.assert_called_once_with('Connected to the message bus')
        self.server.stop.assert_called_once_with()
        self.server.wait.assert_called_once_with()

    def test_ends_without_having_joined(self):
        self.log_in.side_effect = OSError('away')
        self.listener.start()
        self.listener.stop(60)
        self.server.start.assert_not_called()

    def test_ends_while_the_bus_says_nothing(self):
        hangs = threading.Event()
        self.addCleanup(hangs.set)
        self.log_in.side_effect = lambda transport: hangs.wait()
        self.listener.start()
        self.listener.stop(0.1)
        self.log.warning.assert_called_once()


class Numbers(testtools.TestCase):

    PROGRAM = ('import sys\n'
               'from manila_backup.bus import queue_names\n'
               'held = queue_names.Number(sys.argv[1], "x")\n'
               'print(held.value, flush=True)\n'
               'sys.stdin.read()\n')

    def test_lowest_free_one(self):
        folder = os.path.join(self.useFixture(fixtures.TempDir()).path, 'l')
        first, second = self._start(folder), self._start(folder)
        self.assertEqual((1, 2), (self._number(first), self._number(second)))
        first.kill()
        first.wait()
        self.assertEqual(1, queue_names.Number(folder, 'x').value)

    def _start(self, folder):
        process = subprocess.Popen(
            [sys.executable, '-c', self.PROGRAM, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        # One after the other.
        process.number = int(process.stdout.readline())
        return process

    def _number(self, process):
        return process.number


class Faults(testtools.TestCase):

    def test_reason_is_one_line(self):
        for said, reason in (
                ('Unable to connect to AMQP server on h:5672 after inf '
                 'tries: (403) NO\nfor you', '(403) NO for you'),
                ('', 'ValueError')):
            self.assertEqual(reason, faults.reason(ValueError(said)))
        self.assertIn('Upgrades', faults.reason(ValueError(
            '(406) PRECONDITION_FAILED - inequivalent arg')))

    def test_silence_is_of_this_thread(self):
        logger = logging.getLogger('oslo.messaging._drivers.impl_rabbit')
        heard = self.useFixture(fixtures.FakeLogger(logger.name))
        with faults.Silence():
            logger.error('here')
            other = threading.Thread(target=logger.error, args=('there',))
            other.start()
            other.join()
        logger.error('after')
        self.assertEqual('there\nafter\n', heard.output)
