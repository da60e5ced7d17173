# SPDX-License-Identifier: Apache-2.0
"""Removing trees: what is followed, what stays, what it takes."""

import errno
import os
from unittest import mock

from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import removal
from tests.unit.fs import base


class RemovalTest(base.TestCase):

    def test_removing_does_not_follow_links(self):
        os.symlink(self.path('outside'), self.path('root/a/b/link'))
        ticks = []
        removal.remove('a', self.root, lambda: ticks.append(1))
        self.assertEqual([], os.listdir(self.path('root')))
        self.assertEqual(['b'], os.listdir(self.path('outside')))
        removal.remove('a', self.root)
        self.assertTrue(ticks)

    def _deep(self, levels):
        fd = os.open('a', handles.DIRECTORY, dir_fd=self.root)
        for _ in range(levels):
            for name in ('d', 'e'):
                os.mkdir(name, dir_fd=fd)
            os.symlink(self.path('outside'), 'link', dir_fd=fd)
            below = os.open('d', handles.DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(fd)

    def test_removing_takes_steps_by_the_level(self):
        levels = 1500
        self._deep(levels)
        with mock.patch.object(os, 'open', wraps=os.open) as opened:
            removal.remove('a', self.root)
        self.assertEqual([], os.listdir(self.path('root')))
        self.assertEqual(['b'], os.listdir(self.path('outside')))
        self.assertLess(opened.call_count, 10 * levels)

    def _stuck(self, code, **kwargs):
        """The error of removing the top while a file below stays."""
        open(self.path('root/a/b/c/file'), 'w').close()
        unlink = os.unlink

        def unless(name, *args, **kwargs):
            if name == b'file':
                raise OSError(code, os.strerror(code))
            unlink(name, *args, **kwargs)

        with mock.patch.object(os, 'unlink', unless):
            return self.assertRaises(OSError, removal.remove, b'a',
                                     self.root, **kwargs)

    def test_what_stays_is_called_by_its_path(self):
        # One of a single entry, and one that ends it at once.
        for code in errno.EPERM, errno.EROFS:
            exc = self._stuck(code, above=b'up/here')
            self.assertEqual((code, b'a/b/c/file', b'up/here/a/b/c/file'),
                             (exc.errno, exc.filename, exc.path))
            self.assertIn('"up/here/a/b/c/file"', str(errors.failed(
                'remove', b'up/here/a', exc)))
            self.assertEqual(b'a/b/c/file', self._stuck(code).path)

    def test_removing_what_can_not_be_moved(self):
        self._deep(200)
        with mock.patch.object(os, 'rename', side_effect=PermissionError):
            removal.remove('a', self.root)
        self.assertEqual([], os.listdir(self.path('root')))
