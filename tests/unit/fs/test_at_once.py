# SPDX-License-Identifier: Apache-2.0

import errno
import os
import threading
from unittest import mock

import fixtures
from oslotest import base

from manila_backup.fs import at_once


class AtOnce(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(self._slow(True))

    def _slow(self, slow):
        return fixtures.MonkeyPatch(
            'manila_backup.fs.at_once.SLOW_NS', 0 if slow else 1 << 60)

    def test_each_of_them_once(self):
        for number in (0, 1, 4, 5, 6, 100):
            done = []
            at_once.each(done.append, list(range(number)))
            self.assertEqual(list(range(number)), sorted(done))
            with self._slow(False):
                at_once.each(done.append, list(range(number)))
            self.assertEqual(2 * number, len(done))

    def test_many_at_once(self):
        """None goes on before eight are there."""
        together = threading.Barrier(8)
        at_once.each(lambda number: number < 4 or together.wait(),
                     list(range(4 + 8 * 9)))

    def test_opened_in_order(self):
        names = [f'/proc/self/fd/{number % 3}' for number in range(50)]
        opened = at_once.opened(lambda name: os.open(name, os.O_PATH), names)
        self.addCleanup(lambda: [os.close(fd) for fd in opened])
        self.assertEqual(
            [os.stat(name).st_ino for name in names],
            [os.fstat(fd).st_ino for fd in opened])

    def test_none_stays_open_if_one_can_not_be(self):
        def open_(number):
            if number == 20:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return number

        with mock.patch.object(os, 'close') as close:
            error = self.assertRaises(OSError, at_once.opened, open_,
                                      list(range(30)))
        self.assertEqual(errno.EIO, error.errno)
        self.assertEqual(
            sorted(set(range(30)) - {20}),
            sorted(call.args[0] for call in close.call_args_list))
