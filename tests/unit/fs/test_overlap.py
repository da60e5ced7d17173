# SPDX-License-Identifier: Apache-2.0
"""Large files, which several threads read and write."""

import errno
import hashlib
import os
import tempfile
import threading

from oslotest import base

from manila_backup.fs import content
from manila_backup.fs import overlap

SIZE = overlap.FROM + 123_457


class OverlapTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.data = os.urandom(SIZE)
        self.source, self.target = self._file(self.data), self._file(b'')

    def _file(self, data):
        file = tempfile.TemporaryFile()
        self.addCleanup(file.close)
        file.write(data)
        file.flush()
        return file.fileno()

    def _copy(self, st=None):
        return content.copy(self.source, self.target,
                            st or os.fstat(self.source), lambda count: None)

    def test_all_of_it(self):
        before = overlap.moved()
        digest, written = self._copy()
        self.assertEqual(hashlib.sha256(self.data).hexdigest(),
                         digest.decode())
        self.assertEqual(SIZE, written)
        self.assertEqual(self.data, os.pread(self.target, SIZE + 1, 0))
        self.assertEqual(SIZE, overlap.moved() - before)

    def test_only_its_digest(self):
        self.assertEqual(hashlib.sha256(self.data).hexdigest().encode(),
                         content.digest(self.source, SIZE, b'',
                                        lambda count: None))

    def test_several_calls_at_once(self):
        """None of the first three goes on before all are there."""
        together = threading.Barrier(3, timeout=60)
        first = iter(range(3))

        def write(part, offset):
            if next(first, None) is not None:
                together.wait()
            content.pwrite(self.target, part, offset)

        for _ in overlap.chunks(self.source, SIZE, write):
            pass
        self.assertEqual(self.data, os.pread(self.target, SIZE + 1, 0))

    def test_another_size(self):
        for size in (overlap.FROM, SIZE - 1, SIZE + 1, 2 * SIZE):
            self.assertRaises(content.Changed, content.digest, self.source,
                              size, b'', lambda count: None)

    def test_a_failing_write(self):
        for last in False, True:
            def write(part, offset, last=last):
                if offset + len(part) == SIZE or not last:
                    raise content.WriteFailed(errno.ENOSPC, 'full')

            failed = self.assertRaises(
                content.WriteFailed, list,
                overlap.chunks(self.source, SIZE, write))
            self.assertEqual(errno.ENOSPC, failed.errno)

    def test_a_file_that_changes(self):
        st = os.fstat(self.source)
        os.pwrite(self.source, b'other', 0)
        os.utime(self.source, ns=(0, 0))
        self.assertRaises(content.Changed, self._copy, st)

    def test_nobody_is_left_where_the_reader_gives_up(self):
        before = set(threading.enumerate())
        parts = overlap.chunks(self.source, SIZE, lambda part, offset: None)
        next(parts)
        self.assertLess(before, set(threading.enumerate()))
        parts.close()
        self.assertEqual(set(), set(threading.enumerate()) - before)
