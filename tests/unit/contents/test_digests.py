# SPDX-License-Identifier: Apache-2.0

import os
import tempfile
import unittest

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies

from manila_backup.contents import digests
from manila_backup.contents import stored_file
from manila_backup import exception
from manila_backup.fs import content

_BLOCK = 1 << 16


class TestDigests(unittest.TestCase):

    @settings(max_examples=30, deadline=None)
    @given(strategies.lists(strategies.tuples(
        strategies.sampled_from((b'\0', b'x')),
        strategies.sampled_from((0, 1, 7, _BLOCK - 1, _BLOCK, 3 * _BLOCK))),
        max_size=6), strategies.integers(1, 2 * _BLOCK))
    def test_pieces_of_any_size(self, runs, size):
        """It is what the file-system library makes of the file."""
        data = b''.join(byte * count for byte, count in runs)
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            for prefix, like in (('sha256:', b''),
                                 ('sha256-holes:', b'holes:')):
                file.seek(0)
                made = content.digest(file.fileno(), len(data), like,
                                      lambda count: None)
                running = digests.Running(prefix)
                for start in range(0, len(data), size):
                    running.update(data[start:start + size])
                self.assertEqual(
                    prefix + made.decode().rpartition(':')[2],
                    running.text())

    def test_of_another_kind(self):
        with self.assertRaises(ValueError):
            digests.Running('md5:x')
        self.assertIsNone(digests.sha256(None))
        self.assertIsNone(digests.sha256('sha256-holes:00'))
        self.assertEqual(b'\0', digests.sha256('sha256:00'))


class TestStoredFile(unittest.TestCase):

    def open(self, data, size=None, like=None):
        running = digests.Running()
        running.update(data if like is None else like)
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            found = stored_file.StoredFile(
                os.dup(file.fileno()), b'a\xff',
                len(data) if size is None else size, running.text())
        self.addCleanup(found.__exit__)
        return found

    def test_pieces(self):
        found = self.open(b'0123456789')
        self.assertEqual(b'012', found.read(0, 3))
        self.assertEqual(b'89', found.read(8, 100))
        self.assertEqual(b'', found.read(10, 1))
        self.assertEqual(b'', found.read(99, 1))
        found.check()
        self.assertTrue(found.is_checked)

    def test_damage(self):
        for found in (self.open(b'01', 3), self.open(b'01', like=b'02')):
            with self.assertRaisesRegex(exception.DamagedBackup, r'a\\xff'):
                found.check()
