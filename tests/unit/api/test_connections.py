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
