# SPDX-License-Identifier: Apache-2.0
"""More for drivers that keep a backup as a tree that a person can browse."""

import os
import shutil

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import suite
from manila_backup.drivers.conformance import trees


class Browsable(suite.Conformance):
    """Conformance tests of drivers whose repository has the share's tree as it
    is.
    """

    def data(self, place):
        """Return the path of the tree of a published backup."""
        raise NotImplementedError

    def assertStored(self, expected, what=None):
        super().assertStored(expected, what)
        self.assertSame(expected, self.data(what or case.place()))

    def damages(self):
        def on(function, *names):
            return lambda place: function(os.path.join(self.data(place),
                                                       *names))
        return {'a bit flipped': on(flip, 'd1', 'f3'),
                'a file truncated': on(_cut, 'd0', 'f1'),
                'a file removed': on(os.unlink, 'd2', 'f0'),
                'a file added': on(_add, 'd2', 'stowaway'),
                'a directory removed': on(shutil.rmtree, 'd2'),
                'all removed': on(shutil.rmtree)}

    def damaged(self, damage):
        """Do a damage to the stored tree; both must see it."""
        trees.many(self.source, 3, 5)
        os.symlink('somewhere', os.path.join(self.source, 'd0', 'link'))
        self.backup()
        damage(self.data(case.place()))
        said = self.verify()
        self.assertTrue(said)
        trees.many(self.target, 2, 2, seed=7)
        before = trees.snapshot(self.target)
        with self.assertRaises(base.DamagedBackup):
            self.restore()
        self.assertSame(before, self.target)
        return ' '.join(said)

    def test_a_bit_flipped(self):
        self.assertIn('"d1/f3"', self.damaged(
            lambda data: flip(os.path.join(data, 'd1', 'f3'))))

    def test_a_file_truncated(self):
        self.assertIn('"d0/f1"', self.damaged(
            lambda data: _cut(os.path.join(data, 'd0', 'f1'))))

    def test_a_file_for_another(self):
        def change(data):
            os.unlink(os.path.join(data, 'd2', 'f0'))
            _add(os.path.join(data, 'd2', 'stowaway'))
        said = self.damaged(change)
        self.assertIn('"d2/f0"', said)
        self.assertIn('"d2/stowaway"', said)

    def test_names_of_any_bytes_are_told(self):
        def change(data):
            os.unlink(os.path.join(os.fsencode(data),
                                   b'\xff"\\\n\x1b[31m\xe2\x80\xae'))
        trees.write(os.path.join(os.fsencode(self.source),
                                 b'\xff"\\\n\x1b[31m\xe2\x80\xae'), b'x')
        said = self.damaged(change)
        self.assertIn(r'"\xff\"\\\n\x1b[31m\u202e" is missing', said)

    def test_a_file_removed(self):
        self.assertIn('"d2/f0"', self.damaged(
            lambda data: os.unlink(os.path.join(data, 'd2', 'f0'))))

    def test_a_directory_removed(self):
        self.assertIn('"d2"', self.damaged(
            lambda data: shutil.rmtree(os.path.join(data, 'd2'))))

    def test_a_file_added(self):
        self.assertIn('"d2/stowaway"', self.damaged(
            lambda data: _add(os.path.join(data, 'd2', 'stowaway'))))

    def test_two_files_swapped(self):
        def swap(data):
            one, two = (os.path.join(data, 'd1', name)
                        for name in ('f0', 'f1'))
            os.rename(one, one + '.')
            os.rename(two, one)
            os.rename(one + '.', two)
        self.damaged(swap)

    def test_a_link_that_points_elsewhere(self):
        def turn(data):
            path = os.path.join(data, 'd0', 'link')
            os.unlink(path)
            os.symlink('/etc', path)
        self.assertIn('"d0/link"', self.damaged(turn))

    def test_attributes_changed(self):
        self.everything()
        self.backup()
        data = self.data(case.place())
        os.chmod(os.path.join(data, 'mode4'), 0o666)
        os.utime(os.path.join(data, 'dir'), ns=(1, 1))
        os.removexattr(os.path.join(data, 'dir', 'plain'), 'user.comment')
        said = self.verify()
        self.assertEqual(3, len(said), said)


def flip(path):
    """Change a bit of a file, and not its time."""
    st = os.stat(path)
    with open(path, 'r+b') as target:
        byte = target.read(1)
        target.seek(0)
        target.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(st.st_mtime_ns, st.st_mtime_ns))


def _cut(path):
    os.truncate(path, 1)


def _add(path):
    trees.write(path, b'')
