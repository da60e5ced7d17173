# SPDX-License-Identifier: Apache-2.0

import os
import socket

import fixtures
import testtools

from manila_backup.cmd import systemd


class NotifierTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.settimeout(60)
        self.path = os.path.join(self.useFixture(fixtures.TempDir()).path,
                                 'notify')

    def _make(self, address=None, **more):
        self.socket.bind(address or self.path)
        shown = (address or self.path).replace('\0', '@')
        self.environ = {'NOTIFY_SOCKET': shown, 'PATH': '/bin', **more}
        return systemd.Notifier(self.environ)

    def _told(self):
        return self.socket.recv(4096).decode()

    def assertNothingTold(self):
        self.socket.setblocking(False)
        self.assertRaises(BlockingIOError, self._told)

    def test_tells(self):
        made = self._make()
        made.ready(lambda: True)
        made.stopping()
        self.assertEqual(['READY=1', 'STOPPING=1'],
                         [self._told(), self._told()])
        self.assertNothingTold()

    def test_abstract_socket(self):
        name = f'\0manila-backup-test-{os.getpid()}'
        self._make(name).ready(lambda: True)
        self.assertEqual('READY=1', self._told())

    def test_no_child_learns_of_it(self):
        self._make(WATCHDOG_USEC='1000', WATCHDOG_PID=str(os.getpid()))
        self.assertEqual({'PATH': '/bin'}, self.environ)

    def test_without_systemd(self):
        made = systemd.Notifier({})
        made.ready(lambda: True)
        made.stopping()

    def test_systemd_that_does_not_listen(self):
        made = self._make()
        os.unlink(self.path)
        made.ready(lambda: True)

    def test_watchdog(self):
        made = self._make(WATCHDOG_USEC='1000000000')
        made.ready(lambda: True)
        self.assertEqual(['READY=1', 'WATCHDOG=1'],
                         [self._told(), self._told()])
        made.look(lambda: False)
        self.assertNothingTold()

    def test_watchdog_at_the_end(self):
        """Its end has a limit of its own."""
        made = self._make()
        made.stopping()
        made.look(lambda: False)
        self.assertEqual(['STOPPING=1', 'WATCHDOG=1'],
                         [self._told(), self._told()])


class SocketsTestCase(testtools.TestCase):

    def test_none(self):
        own = str(os.getpid())
        for environ in ({}, {'LISTEN_FDS': '1'}, {'LISTEN_PID': own},
                        {'LISTEN_FDS': '1', 'LISTEN_PID': '1'},
                        {'LISTEN_FDS': 'x', 'LISTEN_PID': own},
                        {'LISTEN_FDS': '0', 'LISTEN_PID': own,
                         'LISTEN_FDNAMES': ''}):
            self.assertEqual([], systemd.sockets(environ))
            self.assertEqual({}, environ)

    def test_those_that_are_given(self):
        made = [socket.create_server(('127.0.0.1', 0)) for _ in range(2)]
        self.useFixture(fixtures.MonkeyPatch(
            'manila_backup.cmd.systemd._FIRST', self._adjacent(made)))
        ports = [each.getsockname()[1] for each in made]
        environ = {'LISTEN_FDS': '2', 'LISTEN_PID': str(os.getpid()),
                   'LISTEN_FDNAMES': 'a:b', 'PATH': '/bin'}
        found = systemd.sockets(environ)
        self.assertEqual(ports, [each.getsockname()[1] for each in found])
        self.assertFalse(any(os.get_inheritable(each.fileno())
                             for each in found))
        self.assertEqual({'PATH': '/bin'}, environ)
        for each in (*found, *made):
            each.close()

    def _adjacent(self, made):
        first = 500
        for number, each in enumerate(made):
            os.dup2(each.fileno(), first + number)
        return first


class WatchdogTestCase(testtools.TestCase):

    def test_interval(self):
        own = str(os.getpid())
        for environ, expected in (
                ({}, None),
                ({'WATCHDOG_USEC': '0'}, None),
                ({'WATCHDOG_USEC': 'often'}, None),
                ({'WATCHDOG_USEC': '3000000'}, 1.5),
                ({'WATCHDOG_USEC': '3000000', 'WATCHDOG_PID': own}, 1.5),
                ({'WATCHDOG_USEC': '3000000', 'WATCHDOG_PID': '1'}, None)):
            self.assertEqual(expected, systemd.watchdog_interval(environ))
            self.assertEqual({}, environ)
