# SPDX-License-Identifier: Apache-2.0
"""Files that a backup takes over from the one before it, by hard links and by
reflinks."""

import mmap
import os
import random
import shutil
import stat
import subprocess
import tempfile
import time

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from manila_backup.drivers.posix import layout
from manila_backup.drivers.posix import marker
from manila_backup.drivers.posix import parent
from manila_backup.drivers import progress
from manila_backup.fs import attributes
from manila_backup.fs import dirent
from tests.functional.drivers import mounts

ONE, TWO, THREE = (case.place(number) for number in (1, 2, 3))


class Incremental(case.Case):
    """Share and repository on a filesystem of some kind."""

    KIND = 'ext4'
    OPTIONS = ()
    REFLINKS = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        above = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, above)
        cls.mount = os.path.join(above, 'mount')
        mounts.loop(cls, os.path.join(above, 'image'), cls.mount, cls.KIND,
                    *cls.OPTIONS)

    def setUp(self):
        before = tempfile.tempdir
        tempfile.tempdir = self.mount
        try:
            super().setUp()
        finally:
            tempfile.tempdir = before

    def make_driver(self, **kwargs):
        self.repository = os.path.join(self.scratch, 'repository')
        return driver.PosixDriver(self.repository, 2, **kwargs)

    def folder(self, place):
        return os.path.join(self.repository, place.project_id,
                            place.share_id)

    def data(self, place, *names):
        return os.path.join(self.folder(place), place.backup_id, 'data',
                            *names)

    def at(self, *names):
        return os.path.join(self.source, *names)

    def unique(self, place):
        return self.driver.unique_bytes(place, progress.Progress())

    def assertWhole(self, places, tree):
        """All are sound, and are what the share was."""
        for place in places:
            self.assertEqual([], self.verify(place))
            self.assertSame(tree, self.data(place))
            self.restore(place)
            self.assertSame(tree, self.target)

    def inode(self, place, *names):
        # On btrfs, each backup is numbered by itself.
        st = os.stat(self.data(place, *names))
        return st.st_dev, st.st_ino


class Cases:
    def test_everything_unchanged(self):
        trees.everything(self.source)
        before = trees.snapshot(self.source)
        self.backup(ONE)
        report = self.backup(TWO)
        self.assertEqual((0, ()), (report.stored_bytes, report.problems))
        self.assertEqual(len(before) - 1, report.files)
        self.assertEqual(self.REFLINKS, self.inode(ONE, 'large')
                         != self.inode(TWO, 'large'))
        self.assertWhole((ONE, TWO), before)

    def test_room(self):
        trees.write(self.at('one'), os.urandom(3 << 20))
        trees.write(self.at('two'), os.urandom(2 << 20))
        self.backup(ONE)
        self.assertGreaterEqual(self.unique(ONE), 5 << 20)
        os.sync()
        free = os.statvfs(self.repository).f_bfree
        self.backup(TWO)
        os.sync()
        used = free - os.statvfs(self.repository).f_bfree
        self.assertLess(used * os.statvfs(self.repository).f_bsize, 1 << 20)
        trees.write(self.at('two'), os.urandom(2 << 20))
        self.backup(THREE)
        for place, low in ((ONE, 0), (TWO, 0), (THREE, 2 << 20)):
            self.assertLessEqual(low, self.unique(place))
            self.assertLess(self.unique(place), low + (1 << 20))
        self.delete(ONE)
        self.assertComesTo(2 << 20, TWO)
        self.delete(THREE)
        self.assertComesTo(5 << 20, TWO)

    def assertComesTo(self, size, place):
        """xfs removes in the background, btrfs at its next commit."""
        for _ in range(50):
            os.sync()
            if size <= self.unique(place):
                break
            time.sleep(0.1)
        self.assertLessEqual(size, self.unique(place))
        self.assertLess(self.unique(place), size + (1 << 20))

    def test_one_of_a_hundred_changed(self):
        trees.many(self.source, 10, 20)
        before = trees.snapshot(self.source)
        self.backup(ONE)
        trees.write(self.at('d3', 'f7'), b'changed')
        os.unlink(self.at('d4', 'f4'))
        trees.write(self.at('d4', 'new'), b'new')
        os.rename(self.at('d5'), self.at('moved'))
        report = self.backup(TWO)
        moved = sum(os.path.getsize(self.at('moved', name))
                    for name in os.listdir(self.at('moved')))
        self.assertEqual(len(b'changed') + len(b'new') + moved,
                         report.stored_bytes)
        self.assertSame(before, self.data(ONE))
        self.assertEqual([], self.verify(ONE))
        self.assertWhole([TWO], trees.snapshot(self.source))

    def test_only_attributes_changed(self):
        trees.write(self.at('mode'), b'm' * 100_000)
        trees.write(self.at('owner'), b'o' * 1000)
        trees.write(self.at('attribute'), b'a' * 100)
        trees.write(self.at('time'), b't' * 10)
        trees.write(self.at('touched'), b'same')
        before = trees.snapshot(self.source)
        self.backup(ONE)
        os.chmod(self.at('mode'), 0o4711)
        os.chown(self.at('owner'), 5, 6)
        os.setxattr(self.at('attribute'), 'user.x', b'y')
        os.utime(self.at('time'), ns=(1, 1))
        st = os.stat(self.at('touched'))
        os.utime(self.at('touched'), ns=(st.st_atime_ns, st.st_mtime_ns))
        report = self.backup(TWO)
        self.assertEqual(10 if self.REFLINKS else 101_110,
                         report.stored_bytes)
        self.assertSame(before, self.data(ONE))
        self.assertEqual([], self.verify(ONE))
        self.assertWhole([TWO], trees.snapshot(self.source))

    def test_the_same_size_and_mtime_but_not_the_same(self):
        for name in ('rewritten', 'replaced', 'renamed over', 'swapped',
                     'with'):
            trees.write(self.at(name), name[0].encode() * 70_000, 10 ** 18)
        before = trees.snapshot(self.source)
        self.backup(ONE)
        with open(self.at('rewritten'), 'r+b') as target:
            target.write(b'!')
        os.utime(self.at('rewritten'), ns=(10 ** 18, 10 ** 18))
        # Likely the same inode number again.
        os.unlink(self.at('replaced'))
        trees.write(self.at('replaced'), b'!' * 70_000, 10 ** 18)
        trees.write(self.at('other'), b'?' * 70_000, 10 ** 18)
        os.rename(self.at('other'), self.at('renamed over'))
        os.rename(self.at('swapped'), self.at('away'))
        os.rename(self.at('with'), self.at('swapped'))
        os.rename(self.at('away'), self.at('with'))
        report = self.backup(TWO)
        self.assertEqual(5 * 70_000, report.stored_bytes)
        self.assertSame(before, self.data(ONE))
        self.assertEqual([], self.verify(ONE))
        self.assertWhole([TWO], trees.snapshot(self.source))

    def test_the_same_content_under_another_inode(self):
        # As in a clone of the share, or after a restore.
        trees.many(self.source, 3, 4)
        before = trees.snapshot(self.source)
        self.backup(ONE)
        copy = self.make('copy')
        subprocess.run(['cp', '-aT', self.source, copy], check=True)
        report = self.backup(TWO, source=copy)
        self.assertEqual(0, report.stored_bytes)
        self.assertWhole((ONE, TWO), before)

    def test_hard_links_within_and_between(self):
        for name in ('a', 'b', 'parted', 'grown'):
            trees.write(self.at(name), name.encode(), 10 ** 18)
            os.mkdir(self.at(f'd{name}'))
            os.link(self.at(name), self.at(f'd{name}', 'again'))
        trees.write(self.at('single'), b'single')
        before = trees.snapshot(self.source)
        self.backup(ONE)
        self.assertEqual(0, self.backup(TWO).stored_bytes)
        self.assertWhole((ONE, TWO), before)
        os.unlink(self.at('dparted', 'again'))
        subprocess.run(['cp', '-a', self.at('parted'),
                        self.at('dparted', 'again')], check=True)
        os.link(self.at('grown'), self.at('grown more'))
        os.link(self.at('single'), self.at('a single one no more'))
        self.backup(THREE)
        for place in (ONE, TWO):
            self.assertEqual([], self.verify(place))
            self.assertSame(before, self.data(place))
        self.assertWhole([THREE], trees.snapshot(self.source))

    def test_any_can_be_deleted(self):
        trees.everything(self.source)
        self.backup(ONE)
        trees.write(self.at('large'), b'changed')
        self.backup(TWO)
        os.unlink(self.at('sparse'))
        self.backup(THREE)
        states = {place: trees.snapshot(self.data(place))
                  for place in (ONE, TWO, THREE)}
        for place in (TWO, ONE, THREE):
            self.delete(place)
            del states[place]
            for other, tree in states.items():
                self.assertWhole([other], tree)
        self.assertEqual([marker.NAME], os.listdir(self.repository))

    def test_the_earlier_one_goes_away_meanwhile(self):
        trees.many(self.source, 30, 40)
        before = trees.snapshot(self.source)
        self.backup(ONE)
        process = case.Process(self.driver.backup, TWO, 1,
                               self.source, {}, None)
        process.wait_for_files(150)
        self.delete(ONE)
        process.result()
        self.driver.publish(TWO, 1)
        self.assertWhole([TWO], before)
        self.assertEqual(0, self.backup(THREE).stored_bytes)

    def test_the_earlier_one_is_gone_before_the_next_file(self):
        trees.write(self.at('f'), b'content')
        self.backup(ONE)
        target = os.open(self.target, os.O_RDONLY)
        self.addCleanup(os.close, target)
        st = os.stat(self.at('f'))
        file = (b'f', st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns)
        setter = attributes.Setter()
        # As if the file was old enough for its ctime to count.
        self.addCleanup(setattr, parent, '_MARGIN', parent._MARGIN)
        parent._MARGIN = -60 * 10 ** 9
        with layout.Repository(self.repository) as opened:
            found = parent.find(opened, TWO)
        self.addCleanup(found.close)
        ticks = []
        text, _ = found.take(b'.', file, target, setter, 1, ticks.append)
        entry = dirent.parse(text[:-1])
        os.unlink(os.path.join(self.target, 'f'))
        self.delete(ONE)
        self.assertIsNone(found.take(b'.', file, target, setter, 1,
                                     ticks.append))
        self.assertIsNone(found.share(b'.', entry, entry, target, setter, 1))
        self.assertEqual([], os.listdir(self.target))

    def test_killed_and_tried_again(self):
        trees.many(self.source, 20, 40)
        before = trees.snapshot(self.source)
        self.backup(ONE)
        for attempt in (1, 2):
            process = case.Process(self.driver.backup, TWO, attempt,
                                   self.source, {}, None)
            process.wait_for_files(200)
            process.kill()
        self.assertEqual(0, self.backup(TWO, attempt=3).stored_bytes)
        self.assertWhole((ONE, TWO), before)

    def test_what_does_not_agree_with_its_manifest_is_not_taken(self):
        for name in ('short', 'mode', 'gone', 'link', 'extra', 'good'):
            trees.write(self.at(name), name.encode() * 100)
        os.setxattr(self.at('extra'), 'user.x', b'x')
        before = trees.snapshot(self.source)
        self.backup(ONE)
        st = os.stat(self.data(ONE, 'short'))
        os.truncate(self.data(ONE, 'short'), 1)
        os.utime(self.data(ONE, 'short'), ns=(0, st.st_mtime_ns))
        os.chmod(self.data(ONE, 'mode'), 0o777)
        os.unlink(self.data(ONE, 'gone'))
        os.unlink(self.data(ONE, 'link'))
        os.symlink('good', self.data(ONE, 'link'))
        os.removexattr(self.data(ONE, 'extra'), 'user.x')
        report = self.backup(TWO)
        self.assertEqual(100 * len('shortmodegonelinkextra'),
                         report.stored_bytes)
        self.assertWhole([TWO], before)

    def damage(self, place, name):
        st = os.stat(self.data(place, name))
        with open(self.data(place, name), 'r+b') as target:
            target.write(b'!')
        os.utime(self.data(place, name), ns=(0, st.st_mtime_ns))

    def test_damage_that_was_found_does_not_spread(self):
        for name in ('a', 'b'):
            trees.write(self.at(name), name.encode() * 5000)
        before = trees.snapshot(self.source)
        self.backup(ONE)
        self.damage(ONE, 'a')
        self.backup(TWO)        # nobody knows yet
        for place in (ONE, TWO):
            self.assertIn('"a"', ' '.join(self.verify(place)))
        self.delete(ONE)
        self.assertEqual(10_000, self.backup(THREE).stored_bytes)
        self.assertWhole([THREE], before)
        four = case.place(4)
        self.assertEqual(0, self.backup(four).stored_bytes)
        for place in (TWO, THREE, four):
            self.delete(place)
        self.assertFalse(os.path.exists(self.folder(ONE)))

    def test_damage_that_a_restore_finds(self):
        trees.write(self.at('a'), b'a' * 5000)
        self.backup(ONE)
        self.damage(ONE, 'a')
        with self.assertRaises(base.DamagedBackup):
            self.restore(ONE)
        self.assertEqual(5000, self.backup(TWO).stored_bytes)

    def test_damage_that_is_gone_again(self):
        trees.write(self.at('a'), b'a' * 5000)
        self.backup(ONE)
        os.chmod(self.data(ONE, 'a'), 0)
        self.assertTrue(self.verify(ONE))
        os.chmod(self.data(ONE, 'a'), 0o644)
        self.assertEqual([], self.verify(ONE))
        self.assertEqual(0, self.backup(TWO).stored_bytes)


class HardLinkTest(Cases, Incremental):

    def fill(self, path, leave):
        """Give a file all the links it can have, but for some."""
        away = self.make('links')
        number = 0
        while True:
            try:
                os.link(path, os.path.join(away, str(number)))
            except OSError:
                break
            number += 1
        for each in range(leave):
            os.unlink(os.path.join(away, str(each)))

    def test_stores_through_a_memory_map(self):
        # Elsewhere, or a backup would save the share's pages in passing.
        above = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, above)
        self.repository = os.path.join(above, 'repository')
        self.driver = driver.PosixDriver(self.repository, 2)
        self.driver.check(create=True)
        # Its ctime is to count although it is young.
        self.addCleanup(setattr, parent, '_MARGIN', parent._MARGIN)
        parent._MARGIN = 0
        path = self.at('mapped')
        trees.write(path, bytes(8192))
        with open(path, 'r+b') as file, mmap.mmap(file.fileno(), 0) as there:
            there[0] = 1
            st = os.stat(path)
            self.backup(ONE)
            self.backup(TWO)
            # Of a page that waits to be saved, this would not show.
            there[0] = 2
            self.assertNotEqual(st.st_ctime_ns, os.stat(path).st_ctime_ns)
            self.backup(THREE)
        self.assertEqual([1, 1, 2], [
            self._first(self.data(place, 'mapped'))
            for place in (ONE, TWO, THREE)])

    @staticmethod
    def _first(path):
        with open(path, 'rb') as file:
            return file.read(1)[0]

    def test_as_many_links_as_there_can_be(self):
        trees.write(self.at('single'), b'single')
        before = trees.snapshot(self.source)
        self.backup(ONE)
        self.fill(self.data(ONE, 'single'), 0)
        self.assertEqual(6, self.backup(TWO).stored_bytes)
        self.assertEqual(0, self.backup(THREE).stored_bytes)
        self.assertWhole((ONE, TWO, THREE), before)

    def test_a_group_is_not_parted_for_want_of_links(self):
        trees.write(self.at('a'), b'group')
        for name in ('b', 'c'):
            os.link(self.at('a'), self.at(name))
        before = trees.snapshot(self.source)
        self.backup(ONE)
        self.fill(self.data(ONE, 'a'), 2)
        self.assertEqual(5, self.backup(TWO).stored_bytes)
        self.assertWhole((ONE, TWO), before)

    def test_turned_off(self):
        trees.many(self.source, 2, 3)
        self.backup(ONE)
        self.driver = self.make_driver(incremental=False)
        report = self.backup(TWO)
        self.assertEqual(report.bytes, report.stored_bytes)

    def test_only_what_is_finished_and_whole_is_taken_from(self):
        trees.write(self.at('f'), b'content')
        self.driver.backup(ONE, 1, self.source, {}, None,
                           progress.Progress())
        self.assertEqual(7, self.backup(TWO).stored_bytes)
        self.driver.discard(ONE, 1)
        self.assertEqual(0, self.backup(ONE).stored_bytes)
        with open(os.path.join(self.folder(ONE), ONE.backup_id,
                               'manifest'), 'r+b') as target:
            target.seek(300)
            target.write(b'~')
        with layout.Repository(self.repository) as opened:
            found = parent.find(opened, THREE)
            self.assertEqual(TWO.backup_id, found.name)
            found.close()
        os.unlink(os.path.join(self.folder(TWO), TWO.backup_id,
                               'metadata.json'))
        self.assertEqual(7, self.backup(THREE).stored_bytes)

    def test_another_share_is_another_matter(self):
        trees.write(self.at('f'), b'content')
        self.backup(ONE)
        other = base.BackupReference(ONE.project_id, 'share-2', TWO.backup_id)
        self.assertEqual(7, self.backup(other).stored_bytes)

    def test_attributes_of_what_is_shared_are_left_alone(self):
        trees.write(self.at('f'), b'content')
        os.chmod(self.at('f'), 0o4755)
        self.backup(ONE)
        self.backup(TWO)
        self.backup(THREE)
        st = os.stat(self.data(ONE, 'f'))
        self.assertEqual((3, 0o4755), (st.st_nlink, stat.S_IMODE(
            st.st_mode)))
        changed = st.st_ctime_ns
        self.verify(TWO)
        self.restore(TWO)
        self.assertEqual(changed, os.stat(self.data(ONE, 'f')).st_ctime_ns)


class CoarseTimesTest(Incremental):
    """Timestamps of whole seconds."""

    OPTIONS = ('-I', '128')

    def test_a_second_change_within_the_second(self):
        numbers = random.Random(4)
        for number in range(200, 0, -1):
            trees.write(self.at(f'f{number}'), numbers.randbytes(20))
        trees.write(self.at('last'), b'one')
        self.assertFalse(os.stat(self.at('last')).st_ctime_ns % 10 ** 9)
        self.backup(ONE)
        trees.write(self.at('last'), b'two')
        # Read, but not stored.
        self.assertEqual(3, self.backup(TWO).stored_bytes)
        self.assertWhole([TWO], trees.snapshot(self.source))


class BtrfsTest(Cases, Incremental):
    KIND = 'btrfs'
    REFLINKS = True


class XfsTest(Cases, Incremental):
    KIND = 'xfs'
    REFLINKS = True
