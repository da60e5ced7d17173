# SPDX-License-Identifier: Apache-2.0
"""Files that are written to while they are read: tried again in the end, and
read from a clone where there can be one."""

import os
import subprocess
from unittest import mock

from manila_backup.copying import frozen_copy
from manila_backup.copying import manifest
from manila_backup.copying import stable_read
from manila_backup.copying import store
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from manila_backup.drivers.posix import layout
from manila_backup.fs import dirent
from manila_backup.fs import inode_flags
from tests.functional.drivers import flags

ONE, TWO, THREE = (case.place(number) for number in (1, 2, 3))

#: How often a file is read before it is put off.
TRIES = len(store._BACKOFF) + 1

#: Of a file in one read, of one in chunks, and of one with holes.
SIZES = {'small': 10_000, 'large': 300_000, 'sparse': 2 << 20}


def _of_all(st):
    """Return what tells a file from those of other subvolumes, too."""
    return st.st_dev, st.st_ino


class Still(case.Case):
    """Share and repository on one file system."""

    filesystem = 'ext4'
    #: Whether it has clones.
    CLONES = False

    def make_driver(self):
        self.mount = self.loop(512 << 20, self.filesystem)
        self.source = os.path.join(self.mount, 'source')
        os.mkdir(self.source)
        self.repository = os.path.join(self.mount, 'repository')
        return driver.PosixDriver(self.repository, 2)

    def at(self, *names):
        return os.path.join(self.source, *names)

    def data(self, place, *names):
        return os.path.join(self.repository, place.project_id,
                            place.share_id, place.backup_id, 'data', *names)

    def fill(self):
        for name, size in SIZES.items():
            with open(self.at(name), 'wb') as target:
                target.write(os.urandom(5000))
                target.seek(size - 5000)
                target.write(os.urandom(5000))
        trees.write(self.at('other'), b'left alone')

    def written_to(self, times=None):
        """Have every file but ``other`` grow by a byte each time that it is
        read, when the reader has just looked at its state.

        :param times: int, how often; None for always.
        """
        settle = stable_read.settle
        sizes = {_of_all(os.stat(self.at(name))): (name, size)
                 for name, size in SIZES.items()}

        def settle_and_write(fd):
            st = settle(fd)
            name, size = sizes.get(_of_all(st), (None, 0))
            if name and (times is None or st.st_size - size < times):
                with open(self.at(name), 'ab') as target:
                    target.write(b'+')
            return st

        return mock.patch.object(stable_read, 'settle', settle_and_write)

    def sizes(self, path):
        return {name: os.path.getsize(os.path.join(path, name))
                for name in os.listdir(path)}

    def assertGrown(self, path, by):
        self.assertEqual({'other': 10, **{
            name: size + by for name, size in SIZES.items()}},
            self.sizes(path))

    def without_clones(self):
        return mock.patch.object(frozen_copy, 'of', lambda *args: None)

    def test_one_that_holds_still_in_the_end(self):
        self.fill()
        with self.written_to(TRIES), self.without_clones():
            report = self.backup(ONE, still=False)
        self.assertEqual((), report.problems)
        self.assertEqual(4, report.files)
        # It was written to whenever it was read, but for the last time.
        self.assertGrown(self.source, TRIES)
        self.assertSame(self.source, self.data(ONE))
        self.assertStored(self.source, ONE)

    def test_names_that_hold_still_in_the_end(self):
        self.fill()
        os.mkdir(self.at('d'))
        for name in SIZES:
            os.link(self.at(name), self.at('d', name))
        # Each of the names is tried.
        with self.written_to(2 * TRIES), self.without_clones():
            report = self.backup(ONE, still=False)
        self.assertEqual((), report.problems)
        self.assertEqual(8, report.files)
        self.assertSame(self.source, self.data(ONE))
        self.assertStored(self.source, ONE)

    def test_one_that_never_does(self):
        self.fill()
        with self.written_to(), self.without_clones():
            report = self.backup(ONE, still=False)
        self.assertEqual((3, 3), (report.problem_count, report.missing))
        self.assertEqual(3, self.driver.describe(ONE).missing)
        self._assertWarned(report, ONE)
        for name in SIZES:
            self.assertIn(f'"{name}" was being written to all the time: it '
                          'is not in the backup.', report.problems)
        self.assertGrown(self.source, 2 * TRIES)
        self.assertEqual({'other': 10}, self.sizes(self.data(ONE)))
        self.assertEqual([], self.verify(ONE))
        # What the backup lacks, a restore leaves as it is.
        self.restore(ONE, target=self.source)
        self.assertGrown(self.source, 2 * TRIES)

    def assertCloned(self, place, by):
        """Check that a backup has all files as they were after so many writes.
        """
        self.assertGrown(self.data(place), by)
        self.assertEqual([], self.verify(place))
        self.restore(place)
        self.assertGrown(self.target, by)

    def read_from_clones(self):
        """Read from clones, where they can be made at all."""
        self.fill()
        if not self.CLONES:
            return
        with self.written_to():
            report = self.backup(ONE, still=False)
        self.assertEqual((), report.problems)
        # The clone is made for the last try, and nobody writes to it.
        self.assertGrown(self.source, TRIES - 1)
        self.assertCloned(ONE, TRIES - 1)
        # Nothing of it is left, nor taken for the file itself.
        self.assertEqual(sorted((*SIZES, 'other')),
                         sorted(os.listdir(self.source)))
        self.assertEqual((), self.backup(TWO).problems)
        self.assertStored(self.source, TWO)

    def test_a_clone_in_the_share(self):
        self.read_from_clones()

    def test_a_clone_beside_the_repository(self):
        readable = os.path.join(self.scratch, 'readable')
        os.mkdir(readable)
        subprocess.run(['mount', '--bind', '-o', 'ro', self.source,
                        readable], check=True)
        self.addCleanup(subprocess.run, ['umount', readable], check=True)
        with self.assertRaises(OSError):
            open(os.path.join(readable, 'new'), 'w')
        backup = self.driver.backup

        def from_there(place, attempt, source, *args):
            return backup(place, attempt, readable, *args)

        with mock.patch.object(self.driver, 'backup', from_there):
            self.read_from_clones()

    # -- the same file, copied and cloned

    def attributed(self):
        """A file of each kind of attribute."""
        self.fill()
        made = {'owned': (0o640, 5, 6), 'setuid': (0o4755, 0, 0),
                'both': (0o6711, 1234, 4321), 'sticky': (0o1644, 7, 7),
                'locked': (0o0, 8, 8), 'attributes': (0o600, 0, 9),
                'acl': (0o640, 1, 1), 'capable': (0o755, 0, 0),
                'flags': (0o644, 3, 3), 'appended': (0o644, 0, 0),
                'fixed': (0o4750, 2, 2), 'room': (0o644, 0, 0)}
        for number, (name, (mode, uid, gid)) in enumerate(made.items()):
            path = self.at(name)
            trees.write(path, name.encode() * 20_000)
            os.chown(path, uid, gid)
            os.chmod(path, mode)
            if name == 'attributes':
                os.setxattr(path, 'user.x', b'y' * 300)
                os.setxattr(path, 'trusted.t', b'\0\xff')
            elif name == 'acl':
                os.setxattr(path, trees.ACL_ACCESS, trees.AN_ACL)
            elif name == 'capable':
                subprocess.run(['setcap', 'cap_net_raw+ep', path],
                               check=True)
            elif name == 'room':
                subprocess.run(['fallocate', '-n', '-l', '4M', path],
                               check=True)
            os.utime(path, ns=(5, 10 ** 18 + 1_000_000_007 * number))
        self.set('flags', flags.NO_DUMP | flags.NO_ATIME)
        if self.filesystem == 'btrfs':
            path = self.at('no copies')
            trees.write(path, b'')
            self.set('no copies', flags.NO_COW)
            trees.write(path, b'n' * 200_000, 10 ** 18)
            made['no copies'] = None
        for name, letter in (('appended', 'a'), ('fixed', 'i')):
            subprocess.run(['chattr', f'+{letter}', self.at(name)],
                           check=True)
            self.addCleanup(subprocess.run, [
                'chattr', f'-{letter}', self.at(name)], check=True)
        return made

    def set(self, name, value):
        fd = os.open(self.at(name), os.O_RDONLY)
        self.assertTrue(inode_flags.put(fd, inode_flags.FLAGS, b'%x' % value))
        os.close(fd)

    def lines(self, place):
        """A manifest's lines of files by name, less what no two copies
        share."""
        found = {}
        with open(os.path.join(self.data(place), '..',
                               manifest.NAME), 'rb') as source:
            for text in source:
                if text.startswith(b'F '):
                    entry = dirent.parse(text[:-1])
                    found[entry.name] = entry._replace(ctime=0, inode=0)
        return found

    def test_a_clone_is_stored_as_a_copy_is(self):
        names = self.attributed()
        self.driver = driver.PosixDriver(self.repository, 2,
                                         incremental=False)
        copied = self.backup(ONE)
        self.assertFalse(any('"no copies"' in text
                             for text in copied.problems))
        made = []
        of = frozen_copy.of

        def counted(*args):
            found = of(*args)
            os.write(told, b'+' if found else b'-')
            return found

        reader, told = os.pipe()
        # Now the first try is the last one.
        with mock.patch.object(store, '_BACKOFF', ()), (
                mock.patch.object(frozen_copy, 'of', counted)):
            cloned = self.backup(TWO)
        os.close(told)
        with open(reader, 'rb') as pipe:
            made = pipe.read()
        self.assertEqual((b'+' if self.CLONES else b'-')
                         * (len(names) + 4), made)
        self.assertEqual(sorted(copied.problems), sorted(cloned.problems))
        self.assertEqual(self.lines(ONE), self.lines(TWO))
        self.assertSame(self.source, self.data(ONE))
        self.assertSame(self.data(ONE), self.data(TWO))
        for place in (ONE, TWO):
            self.assertEqual([], self.verify(place))
        # And what is taken over from either is the same again.
        self.driver = driver.PosixDriver(self.repository, 2)
        self.assertEqual(sorted(copied.problems),
                         sorted(self.backup(THREE).problems))
        self.assertEqual(self.lines(ONE), self.lines(THREE))
        self.assertStored(self.source, THREE)
        with layout.Repository(self.repository) as repository:
            self.assertEqual(3, len(list(repository.contents())))


class StillClones(Still):

    CLONES = True


class StillXfs(StillClones):

    filesystem = 'xfs'


class StillBtrfs(StillClones):

    filesystem = 'btrfs'
