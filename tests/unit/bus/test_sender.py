# SPDX-License-Identifier: Apache-2.0

import threading
from unittest import mock

import testtools

from manila_backup.bus import sender


class OutboxTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.outbox = sender.AsyncSender('test')

    def test_what_waits_is_sent_at_the_end(self):
        sent = []
        for number in range(50):
            self.outbox.send('it', sent.append, number)
        self.outbox.close(60)
        self.assertEqual(list(range(50)), sent)

    def test_goes_on_after_its_end(self):
        sent = []
        for number in range(3):
            self.outbox.send('it', sent.append, number)
            self.outbox.close(60)
        self.assertEqual([0, 1, 2], sent)

    def test_end_waits_for_no_bus(self):
        hangs = threading.Event()
        self.addCleanup(hangs.set)
        self.outbox.send('it', hangs.wait)
        with mock.patch.object(sender.LOG, 'warning') as said:
            self.outbox.close(0.1)
        self.assertIn('accepts no messages', said.call_args[0][0])

    def test_too_many(self):
        hangs, begun = threading.Event(), threading.Event()
        self.addCleanup(hangs.set)

        def hang():
            begun.set()
            hangs.wait()

        self.outbox.send('it', hang)
        begun.wait()
        with mock.patch.object(sender.LOG, 'warning') as said:
            for _ in range(sender.MAX_WAITING):
                self.outbox.send('it', print)
            said.assert_not_called()
            self.outbox.send('it', print)
            said.assert_called_once()
            self.outbox.close(0)

    def test_failures_are_told_when_they_change(self):
        def fail(reason):
            raise ValueError(reason)

        with mock.patch.object(sender, 'LOG') as log:
            for reason in ('a', 'a', 'b'):
                self.outbox.send('it', fail, reason)
            self.outbox.send('it', str)
            self.outbox.send('it', str)
            self.outbox.close(60)
        self.assertEqual(2, log.warning.call_count)
        log.info.assert_called_once_with(mock.ANY, 3)
