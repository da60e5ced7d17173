# SPDX-License-Identifier: Apache-2.0
"""Entries that restic can read and the scan can't, or not any more: each is
told by name."""

import contextlib
import errno
import os
import socket
import tempfile
import unittest
from unittest import mock

from manila_backup.drivers.restic import sidecar_scan
from manila_backup.fs import attributes
from manila_backup.fs import special_files

LIMIT = 1 << 20


class SurveyTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = folder.name
        for name in 'az':
            self.write(name, 1)

    def write(self, name, size, data=b'x'):
        with open(os.path.join(self.path, name), 'wb') as file:
            file.write(data)
            file.truncate(size)

    def look(self):
        """Run one."""
        root = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, root)
        found = sidecar_scan.SidecarScan(root, frozenset(), LIMIT)
        found.finish(lambda: None)
        return found

    @contextlib.contextmanager
    def failing(self, module, name, code=errno.EIO, when=lambda *_: True):
        real = getattr(module, name)

        def fail(*args, **kwargs):
            if when(*args):
                raise OSError(code, os.strerror(code))
            return real(*args, **kwargs)

        with mock.patch.object(module, name, fail):
            yield

    def assertAbsent(self, name, found):
        """Check that one entry is left out and told, and all the rest counted.
        """
        self.assertEqual([name], found.absent)
        (path, code, said), = found.missed
        self.assertEqual((name, 'unreadable'), (path, code))
        self.assertIn(f'"{name.decode()}" is not in the backup: it could '
                      'not be read (Input/output error)', said)
        self.assertEqual(2, found.files)
        self.assertEqual(2, found.bytes)
        self.assertEqual([], found.nodes)

    def test_a_socket(self):
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(os.path.join(self.path, 'socket'))
        with self.failing(special_files, 'read'):
            self.assertAbsent(b'socket', self.look())
        with self.failing(special_files, 'read', errno.ENOENT):
            found = self.look()
        self.assertEqual(([], []), (found.absent, found.missed))
        self.assertEqual(1, len(self.look().nodes))

    def test_a_file_that_is_nothing_but_a_hole(self):
        self.write('hole', 8 * LIMIT, b'')
        # Of the others, nothing is read.
        with self.failing(attributes, 'read_xattrs'):
            found = self.look()
        self.assertAbsent(b'hole', found)
        self.assertEqual([b'hole'], found.left_out)
        found = self.look()
        self.assertEqual(([], 1), (found.absent, len(found.nodes)))

    def test_one_whose_holes_can_not_be_told(self):
        self.write('holes', 8 * LIMIT)
        with self.failing(os, 'lseek',
                          when=lambda fd, at, how: how == os.SEEK_DATA):
            found = self.look()
        # restic reads it as any other.
        self.assertEqual(([], [], []), (
            found.left_out, found.absent, found.nodes))
        self.assertEqual([b'holes'], [path for path, _ in found.doubtful])

    def test_one_with_more_segments_than_are_kept(self):
        with open(os.path.join(self.path, 'segments'), 'wb') as file:
            for number in range(4):
                file.seek(number * 2 * LIMIT)
                file.write(b'x')
            file.truncate(8 * LIMIT)
        with mock.patch.object(sidecar_scan, '_SEGMENTS', 2):
            found = self.look()
        # It is not nothing but a hole.
        self.assertEqual([], found.nodes)
        self.assertEqual([b'segments'], found.absent)
        self.assertIn('hole_limit', found.missed[0][2])

    def test_attributes_and_links(self):
        os.symlink('target', os.path.join(self.path, 'link'))
        with self.failing(special_files, 'read'):
            found = self.look()
        self.assertEqual([(b'link', 'Input/output error')], found.doubtful)
        with self.failing(os, 'listxattr'):
            found = self.look()
        self.assertEqual({b'a', b'z'}, set(found.unread))

    def test_more_than_are_kept_by_name(self):
        with mock.patch.object(sidecar_scan, '_MOST', 1), self.failing(
                attributes, 'read_xattrs'):
            found = self.look()
        self.assertEqual((1, 1), (len(found.doubtful), found.more_doubtful))

    def test_a_directory_that_can_not_be_listed(self):
        os.mkdir(os.path.join(self.path, 'd'))
        real = sidecar_scan.handles.entries
        calls = []

        def entries(fd):
            calls.append(fd)
            if len(calls) > 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(fd)

        with mock.patch.object(sidecar_scan.handles, 'entries', entries):
            found = self.look()
        self.assertEqual([(b'd', 'Input/output error')], found.doubtful)
