# SPDX-License-Identifier: Apache-2.0

import os
from unittest import mock

import fixtures
import testtools

from manila_backup.fs import attributes
from manila_backup.fs import dirent
from manila_backup.fs import durable
from manila_backup.fs import syscalls

_FUSE, _EXT4 = 0x65735546, 0xef53


class Durable(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.useFixture(fixtures.TempDir()).path,
                                 'file')
        with open(self.path, 'wb'):
            pass
        self.fd = os.open(self.path, os.O_RDWR)
        self.addCleanup(os.close, self.fd)
        self.type = self._patch(syscalls, 'system_type', return_value=_EXT4)
        self.synced = self._patch(os, 'fsync')

    def _patch(self, *what, **how):
        patch = mock.patch.object(*what, **how)
        self.addCleanup(patch.stop)
        return patch.start()

    def _apply(self):
        st = os.fstat(self.fd)
        entry = dirent.of_stat(b'F', b'file', st, b'', (), 0)
        attributes.Setter().apply(self.fd, entry._replace(mtime=5), st)

    def test_what_is_reached_by_syncfs_is_left_to_it(self):
        durable.keep(self.fd)
        self._apply()
        self.synced.assert_not_called()

    def test_what_is_not_is_synced_once_all_is_set(self):
        self.type.return_value = _FUSE
        self.synced.side_effect = lambda fd: self.assertEqual(
            5, os.fstat(fd).st_mtime_ns)
        self._apply()
        self.synced.assert_called_once_with(self.fd)
        durable.keep(self.fd)
        self.assertEqual(2, self.synced.call_count)

    def test_a_link_can_not_be_synced(self):
        self.type.return_value = _FUSE
        link = self.path + '-link'
        os.symlink('nowhere', link)
        attributes.Setter().set_time(link, 5, follow=False)
        self.synced.assert_not_called()

    def test_clients_that_drop_what_they_have_not_sent(self):
        for kind, can in ((_EXT4, False), (0x6969, False), (_FUSE, True),
                          (0x00c36400, True), (0xfe534d42, True)):
            self.type.return_value = kind
            self.assertEqual(can, durable.can_drop(self.fd))


class SystemType(testtools.TestCase):

    def test_one_that_every_system_has(self):
        with open('/proc/self/stat') as file:
            self.assertEqual(0x9fa0, syscalls.system_type(file.fileno()))

    def test_no_descriptor(self):
        self.assertRaises(OSError, syscalls.system_type, -1)
