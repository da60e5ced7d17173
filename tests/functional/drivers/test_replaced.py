# SPDX-License-Identifier: Apache-2.0
"""Files that others replace each time they are read, as programs do that write
a new one and rename it: none of them ever holds still, and each is whole."""

import os
from unittest import mock

from manila_backup.copying import stable_read
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from tests.functional.drivers import test_posix

MIB = 1 << 20


class ReplacedTest(test_posix.PosixMixin, case.Case):

    def setUp(self):
        super().setUp()
        self.number = 0
        self.path = os.path.join(self.source, 'f')

    def _write(self, path, size, hole):
        """Write a file of one byte, another one each time."""
        self.number += 1
        with open(path, 'wb') as file:
            if hole:
                file.seek(hole)
            file.write(bytes([self.number % 256]) * (size - hole))

    def _back_up(self, size, hole=0):
        """Back up one file that is replaced as soon as it is being read.

        :param size: int, bytes.
        :param hole: int, how many of them are a hole.
        :returns: the :class:`~manila_backup.drivers.base.BackupResult`.
        """
        settle = stable_read.settle

        def replace(fd):
            st = settle(fd)
            self._write(f'{self.path}.new', size, hole)
            os.rename(f'{self.path}.new', self.path)
            return st

        self._write(self.path, size, hole)
        with mock.patch.object(stable_read, 'settle', replace):
            result = self.backup()
        with open(os.path.join(self.data(case.place()), 'f'), 'rb') as file:
            self.assertEqual(b'\0' * hole, file.read(hole))
            stored = file.read()
        self.assertEqual(stored[:1] * (size - hole), stored)
        self.assertEqual((), result.problems)
        self.assertEqual([], self.verify())
        return result

    def test_small(self):
        self._back_up(10)

    def test_large(self):
        self._back_up(20 * MIB)

    def test_with_a_hole(self):
        self._back_up(20 * MIB, 18 * MIB)

    def test_replaced_and_written_to(self):
        """A file written to by who has it open, once it is replaced."""
        trees.write(self.path, b'a' * 10)
        writer = os.open(self.path, os.O_WRONLY)
        self.addCleanup(os.close, writer)
        read = stable_read.content.read_small

        def write_on(fd, size):
            data = read(fd, size)
            before = os.fstat(fd)
            if os.path.samestat(before, os.fstat(writer)):
                trees.write(f'{self.path}.new', b'c' * 10)
                os.rename(f'{self.path}.new', self.path)
                os.pwrite(writer, b'b' * 10, 0)
                os.utime(writer, ns=(0, before.st_mtime_ns))
            return data

        # Or files as young as this one were read twice in any case.
        sure = mock.patch.object(stable_read, 'surely_from',
                                 lambda synced: 1 << 62)
        with sure, mock.patch.object(stable_read.content, 'read_small',
                                     write_on):
            self.assertEqual((), self.backup().problems)
        with open(os.path.join(self.data(case.place()), 'f'), 'rb') as file:
            self.assertEqual(b'c' * 10, file.read())
