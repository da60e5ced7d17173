# SPDX-License-Identifier: Apache-2.0

import errno
import os
from unittest import mock

import fixtures
from oslotest import base

from manila_backup.fs import syscalls
from manila_backup.path_restore import renaming


class Renaming(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.path = self.useFixture(fixtures.TempDir()).path
        self.fds = []
        for name in ('aside', 'share'):
            os.mkdir(os.path.join(self.path, name))
            fd = os.open(os.path.join(self.path, name), os.O_RDONLY)
            self.addCleanup(os.close, fd)
            self.fds.append(fd)

    def _make(self, *paths):
        for path in paths:
            if path.endswith('/'):
                os.mkdir(os.path.join(self.path, path))
            else:
                with open(os.path.join(self.path, path), 'w') as file:
                    file.write(path)

    def _is_directory(self, path):
        return os.path.isdir(os.path.join(self.path, path))

    def _without(self, function):
        """Have the system not know a call."""
        return mock.patch.object(syscalls, function, side_effect=OSError(
            errno.EINVAL, 'no such flag'))

    def test_a_directory_instead_of_a_file(self):
        self._make('aside/1/', 'share/x')
        renaming.exchange(b'1', b'x', *self.fds)
        self.assertTrue(self._is_directory('share/x'))
        self.assertEqual([], os.listdir(self.fds[0]))

    def test_where_two_can_not_change_places(self):
        self._make('aside/1/', 'share/x')
        with self._without('exchange'):
            renaming.exchange(b'1', b'x', *self.fds)
        self.assertTrue(self._is_directory('share/x'))
        self.assertEqual([], os.listdir(self.fds[0]))

    def test_ended_in_the_middle(self):
        """The name always has one of the two."""
        self._make('aside/1/', 'share/x')
        with mock.patch.object(renaming.handles, 'unlink',
                               side_effect=KeyboardInterrupt):
            self.assertRaises(KeyboardInterrupt, renaming.exchange, b'1',
                              b'x', *self.fds)
        self.assertTrue(self._is_directory('share/x'))
        with open(os.path.join(self.path, 'aside/1')) as file:
            self.assertEqual('share/x', file.read())

    def test_nothing_is_replaced_by_what_is_new(self):
        self._make('aside/1', 'share/x')
        self.assertRaises(FileExistsError, renaming.put, b'1', b'x',
                          *self.fds)
        with self._without('rename_new'):
            self.assertRaises(FileExistsError, renaming.put, b'1', b'x',
                              *self.fds)
        with open(os.path.join(self.path, 'share/x')) as file:
            self.assertEqual('share/x', file.read())

    def test_nothing_is_replaced_that_comes_meanwhile(self):
        self._make('aside/1', 'share/x')
        # As it is looked at, it is not there yet.
        with self._without('rename_new'), mock.patch.object(
                renaming.handles, 'look', return_value=None):
            self.assertRaises(FileExistsError, renaming.put, b'1', b'x',
                              *self.fds)
        with open(os.path.join(self.path, 'share/x')) as file:
            self.assertEqual('share/x', file.read())

    def test_new_names_where_none_can_be_asked_for(self):
        self._make('aside/1', 'aside/2/')
        os.symlink('nowhere', os.path.join(self.path, 'aside/3'))
        with self._without('rename_new'):
            for name in (b'1', b'2', b'3'):
                renaming.put(name, name, *self.fds)
        self.assertEqual([], os.listdir(self.fds[0]))
        self.assertTrue(self._is_directory('share/2'))
        self.assertEqual('nowhere',
                         os.readlink(os.path.join(self.path, 'share/3')))
        self.assertEqual(1, os.stat('1', dir_fd=self.fds[1]).st_nlink)

    def test_a_file_over_another(self):
        self._make('aside/1', 'share/x')
        before = os.fstat(self.fds[1]).st_mtime_ns
        renaming.replace(b'1', b'x', *self.fds)
        with open(os.path.join(self.path, 'share/x')) as file:
            self.assertEqual('aside/1', file.read())
        self.assertEqual(before, os.fstat(self.fds[1]).st_mtime_ns)
