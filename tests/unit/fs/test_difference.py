# SPDX-License-Identifier: Apache-2.0
"""Comparison of entries with what there is of them."""

import hashlib
import os
import stat

import fixtures
import testtools

from manila_backup.fs import difference
from manila_backup.fs import dirent
from manila_backup.fs import handles

_DATA = b'content'


class DifferenceTest(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.path = self.useFixture(fixtures.TempDir()).path
        self.directory = os.open(self.path, handles.DIRECTORY)
        self.addCleanup(os.close, self.directory)
        with open(os.path.join(self.path, 'file'), 'wb') as file:
            file.write(_DATA)
        os.symlink('there', os.path.join(self.path, 'link'))
        self.file = dirent.of_stat(
            b'F', b'file', self.look(b'file'),
            hashlib.sha256(_DATA).hexdigest().encode(), size=len(_DATA))
        self.link = dirent.of_stat(b'L', b'link', self.look(b'link'),
                                   b'there')

    def look(self, name):
        return handles.look(self.directory, name)

    def in_shape(self, entry):
        return difference.in_shape(entry, self.directory, entry.name,
                                   self.look(entry.name))

    def test_shapes(self):
        self.assertIsNone(self.in_shape(self.file))
        self.assertIsNone(self.in_shape(self.link))
        self.assertEqual('missing', self.in_shape(
            self.file._replace(name=b'other')))
        self.assertEqual('of another type', self.in_shape(
            self.file._replace(name=b'link')))
        self.assertEqual('of another size', self.in_shape(
            self.file._replace(size=1)))
        self.assertEqual('a link to something else', self.in_shape(
            self.link._replace(extra=b'here')))

    def test_devices(self):
        entry = self.link._replace(kind=b'C', extra=os.makedev(1, 3))
        for number, said in (3, None), (5, 'another device'):
            st = os.stat({3: '/dev/null', 5: '/dev/zero'}[number])
            self.assertTrue(stat.S_ISCHR(st.st_mode))
            self.assertEqual(said, difference.in_shape(
                entry, self.directory, b'any', st))

    def test_contents(self):
        ticks = []
        for entry, said in (
                (self.file, None),
                (self.file._replace(size=len(_DATA) + 1), 'of another size'),
                (self.file._replace(extra=b'0' * 64),
                 'damaged: its digest is wrong')):
            fd = os.open(b'file', handles.READ, dir_fd=self.directory)
            self.addCleanup(os.close, fd)
            self.assertEqual(said, difference.in_content(entry, fd,
                                                         ticks.append))

    def test_attributes(self):
        st = self.look(b'file')
        xattrs = (('user.a', b'1'), ('user.b', b'2'))
        entry = self.file._replace(xattrs=xattrs)
        for change, had, said in (
                ({}, xattrs, []),
                ({'uid': st.st_uid + 1}, xattrs, ['owner']),
                ({'gid': st.st_gid + 1}, xattrs, ['owner']),
                ({'mode': entry.mode ^ 0o100}, xattrs, ['mode']),
                ({'mtime': 1}, xattrs, ['modification time']),
                ({}, xattrs[:1], ['extended attributes']),
                ({'mode': entry.mode ^ 0o100, 'mtime': 1}, (),
                 ['mode', 'modification time', 'extended attributes'])):
            self.assertEqual(said, difference.in_attributes(
                entry._replace(**change), st, had))
        self.assertEqual([], difference.in_attributes(
            self.link._replace(mode=0), self.look(b'link'), ()))

    def test_what_is_lost_does_not_count(self):
        st = self.look(b'file')
        xattrs = (('user.a', b'1'), ('user.b', b'2'))
        entry = self.file._replace(
            uid=st.st_uid + 1, mode=self.file.mode ^ 0o100, mtime=1,
            xattrs=xattrs)
        self.assertEqual([], difference.in_attributes(
            entry, st, xattrs[1:], (b'owner', b'mode', b'time',
                                    b'x:user.a')))
        # It is there, which is not as it was stored either.
        self.assertEqual(
            ['extended attributes'],
            difference.in_attributes(self.file._replace(xattrs=xattrs), st,
                                     xattrs, (b'x:user.a',)))

    def test_what_may_be_there_besides(self):
        st = self.look(b'file')
        had = ('btrfs.compression', b'zstd'), ('user.a', b'1')
        entry = self.file._replace(xattrs=had[1:])
        self.assertEqual(['extended attributes'],
                         difference.in_attributes(entry, st, had))
        self.assertEqual([], difference.in_attributes(
            entry, st, had, inherited=('btrfs.',)))
        self.assertEqual(['extended attributes'], difference.in_attributes(
            self.file._replace(xattrs=had), st, had[1:],
            inherited=('btrfs.',)))
