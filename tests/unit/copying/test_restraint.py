# SPDX-License-Identifier: Apache-2.0
"""Fewer lanes where the share answers more slowly, with a clock and a server
that are made up."""

from oslotest import base

from manila_backup.copying import restraint

MS = 10 ** 6
MOST = 32


class Server:
    """A server, whose clock only goes on while it answers or is left alone.

    :param at_once: int, calls that it does at once; others wait.
    :ivar others: int, lanes of others.
    """

    def __init__(self, at_once, milliseconds=0.5):
        self.at_once = at_once
        self._takes = int(milliseconds * MS)
        self.now = 0
        self.lanes = self.others = 0

    def call(self):
        """Wait like any other caller."""
        waiting = (self.lanes + self.others + 1) / self.at_once
        self.now += int(self._takes * max(1, waiting))

    def clock(self):
        return self.now


class TestRestraint(base.BaseTestCase):

    def _made(self, server, most=MOST):
        return restraint.Restraint(most, server.call, server.clock)

    def _go(self, made, server, seconds, most=MOST):
        """Let lanes work for a while; what there may be at the end."""
        end = server.now + seconds * 1000 * MS
        while server.now < end:
            server.lanes = min(made.lanes, most)
            made.look(most)
            server.now += MS
        return made.lanes

    def test_all_where_the_server_has_room(self):
        server = Server(at_once=300)
        self.assertEqual(MOST, self._go(self._made(server), server, 60))

    def test_all_where_there_is_no_server(self):
        """A call that takes a microsecond may take a hundred."""
        server = Server(at_once=1, milliseconds=0.001)
        self.assertEqual(MOST, self._go(self._made(server), server, 60))

    def test_fewer_where_they_wait_for_each_other(self):
        server = Server(at_once=4)
        made = self._made(server)
        left = self._go(made, server, 60)
        self.assertGreater(left, restraint.FEWEST)
        self.assertLess(left, MOST // 2 + 1)
        # No less than what it does at once.
        self.assertGreaterEqual(left, server.at_once)

    def test_fewer_at_noon_and_more_again(self):
        server = Server(at_once=40)
        made = self._made(server)
        self.assertEqual(MOST, self._go(made, server, 10))
        server.others = 400
        self.assertEqual(restraint.FEWEST, self._go(made, server, 10))
        self.assertEqual(restraint.FEWEST, self._go(made, server, 600))
        server.others = 0
        self.assertGreater(self._go(made, server, 2), restraint.FEWEST)
        self.assertEqual(MOST, self._go(made, server, 30))

    def test_what_stays_slow_is_usual_in_the_end(self):
        server = Server(at_once=40)
        made = self._made(server)
        server.others = 160
        self.assertEqual(restraint.FEWEST, self._go(made, server, 10))
        self.assertEqual(MOST, self._go(made, server, 3 * 3600))

    def test_few_are_left_alone(self):
        """Nor is anything asked for them."""
        server = Server(at_once=1)
        made = self._made(server, restraint.FEWEST)
        before = server.now
        made.look(restraint.FEWEST)
        self.assertEqual((restraint.FEWEST, before), (made.lanes, server.now))

    def test_nothing_to_watch(self):
        made = restraint.Restraint(MOST)
        made.look(MOST)
        self.assertEqual(MOST, made.lanes)

    def test_a_call_that_fails(self):
        server = Server(at_once=4)
        made = self._made(server)
        self._go(made, server, 10)

        def fail():
            raise OSError

        made._call = fail
        self.assertEqual(MOST, self._go(made, server, 1))
