# SPDX-License-Identifier: Apache-2.0
"""Connections of the API's own server."""

import socket
import types

from oslotest import base as test_base

from manila_backup.api import connections


class Reading(test_base.BaseTestCase):

    def setUp(self):
        super().setUp()
        here, self.there = socket.socketpair()
        self.addCleanup(here.close)
        self.addCleanup(self.there.close)
        here.setblocking(False)
        # As much of one as reading needs: no server is listening.
        self.channel = object.__new__(connections.Channel)
        self.channel.socket = here
        self.channel.adj = types.SimpleNamespace(recv_bytes=10,
                                                 log_socket_errors=False)
        self.closed, self.received = [], []
        self.channel.handle_close = lambda: self.closed.append(True)
        self.channel.received = self.received.append

    def test_nothing_has_come(self):
        """The loop may take a new connection for one it has just closed."""
        self.channel.handle_read()
        self.assertEqual(([], []), (self.closed, self.received))
        self.there.sendall(b'GET /')
        self.channel.handle_read()
        self.assertEqual(([], [b'GET /']), (self.closed, self.received))

    def test_the_client_has_gone(self):
        self.there.close()
        self.channel.handle_read()
        self.assertEqual(([True], []), (self.closed, self.received))


class Taking(test_base.BaseTestCase):
    """Time that a client may take to read its answer."""

    def setUp(self):
        super().setUp()
        self.channel = channel = object.__new__(connections.Channel)
        channel._answered = channel._sent = channel._seen = 0
        channel._phase = channel.request = None
        channel._opened = channel._since = channel._begun = 0.0
        channel.requests, channel.total_outbufs_len = ['one'], 0
        self.closed = []
        channel.handle_close = lambda: self.closed.append(True)

    def look(self, now, sent=0, left=1):
        self.channel._sent += sent
        self.channel.total_outbufs_len = left
        self.channel.look(now, 60)
        return bool(self.closed)

    def test_a_client_that_reads_nothing(self):
        self.assertFalse(self.look(0))
        self.assertFalse(self.look(59))
        self.assertTrue(self.look(61))

    def test_a_client_that_reads_next_to_nothing(self):
        self.assertFalse(self.look(0))
        self.assertFalse(self.look(50, 100))
        self.assertTrue(self.look(61, 100))

    def test_a_client_that_reads_slowly(self):
        for now in range(0, 600, 50):
            self.assertFalse(self.look(now, connections.LEAST))
        self.channel.requests = []
        for now in range(600, 1200, 50):
            self.assertFalse(self.look(now, connections.LEAST))
        self.assertTrue(self.look(1300))

    def test_a_worker_that_is_slow(self):
        for now in range(0, 600, 50):
            self.assertFalse(self.look(now, 0, 0))
