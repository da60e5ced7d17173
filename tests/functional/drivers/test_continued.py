# SPDX-License-Identifier: Apache-2.0
"""Backups that continue the one before: each kind of change, and each reason
to look at everything instead."""

import ctypes
import os
import random
import shutil
import subprocess
import time

from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers import progress
from manila_backup.engine import child
from manila_backup.fs import btrfs
from manila_backup.fs import handles
from manila_backup.shares import base
from tests.functional import disks
from tests.functional.drivers import continued


class ContinuedTest(continued.Continued):

    def test_nothing_changed(self):
        for number in range(30):
            os.mkdir(self.at(f'd{number}'))
            self.write(f'd{number}', 'f')
        self.back_up(False)
        _, result = self.back_up(True)
        self.assertEqual((60, 30, 0),
                         (result.files, result.bytes, result.stored_bytes))
        self.write('d3', 'f', data=b'yz')
        _, result = self.back_up(True)
        self.assertEqual(2, result.stored_bytes)

    def test_each_kind_of_change(self):
        trees.everything(self.at(), huge=False)
        for name in (b'linked', b'dangling', b'dir/linked',
                     b'dir/below/linked', b'dir/dangling too'):
            os.unlink(os.path.join(os.fsencode(self.at()), name))
        for number in range(8):
            os.makedirs(self.at(f'd{number}', 'e', 'f'))
            for path in (), ('e',), ('e', 'f'):
                for name in 'abcd':
                    self.write(f'd{number}', *path, name, data=name.encode())
        self.back_up(False)
        self.back_up(True)
        for change in (
                self.files, self.attributes, self.directories, self.kinds,
                self.names, self.nothing, self.large, self.root, self.acls):
            change()
            self.back_up(True)

    def files(self):
        st = os.stat(self.at('d0', 'a'))
        self.write('d0', 'a', data=b'Z')
        os.utime(self.at('d0', 'a'), ns=(st.st_atime_ns, st.st_mtime_ns))
        self.write('d0', 'new', data=b'new')
        os.unlink(self.at('d0', 'b'))
        os.truncate(self.at('d1', 'a'), 1 << 20)

    def attributes(self):
        os.chmod(self.at('d0', 'a'), 0o4755)
        os.chown(self.at('d0', 'c'), 12, 13)
        os.setxattr(self.at('d0', 'd'), 'user.a', b'b')
        os.setxattr(self.at('d1'), 'user.a', b'b')
        os.utime(self.at('d1', 'b'), ns=(5, 6))
        os.utime(self.at('d1', 'e'), ns=(5, 6))
        os.chmod(self.at('d2'), 0o1777)
        os.removexattr(self.at('d0', 'd'), 'user.a')
        subprocess.run(['chattr', '+d', self.at('d2', 'a')], check=True)

    def directories(self):
        shutil.rmtree(self.at('d3'))
        shutil.move(self.at('d4', 'e'), self.at('d5', 'moved'))
        os.makedirs(self.at('new', 'newer', 'newest'))
        self.write('new', 'newer', 'f')
        os.rename(self.at('d6'), self.at('d6-new'))
        os.mkdir(self.at('d6'))
        self.write('d6', 'a', data=b'a')

    def kinds(self):
        os.unlink(self.at('d5', 'a'))
        os.mkdir(self.at('d5', 'a'))
        shutil.rmtree(self.at('d5', 'e'))
        self.write('d5', 'e')
        os.symlink('target', self.at('d5', 'link'))
        os.mkfifo(self.at('d5', 'fifo'))
        os.unlink(self.at('d5', 'b'))
        os.symlink('b', self.at('d5', 'b'))

    def names(self):
        os.rename(self.at('d7', 'a'), self.at('d7', 'A'))
        os.rename(self.at('d7', 'b'), self.at('d7', 'c'))
        os.rename(self.at('d7', 'e'), self.at('d7', 'swap'))
        os.rename(self.at('d6-new', 'e'), self.at('d7', 'e'))
        os.rename(self.at('d7', 'swap'), self.at('d6-new', 'e'))
        self.exchange(self.at('d0', 'c'), self.at('d1', 'c'))
        self.exchange(self.at('d0', 'e'), self.at('d1', 'b'))
        os.rename(self.at('d7'), self.at('d7 odd\n\xe9'))
        os.rename(os.fsencode(self.at('d1', 'a')),
                  os.fsencode(self.at('d1', 'x')) + b'\xff')

    @staticmethod
    def exchange(one, other):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other),
                          2):
            raise OSError(ctypes.get_errno(), one)

    def nothing(self):
        for path, _, names in os.walk(self.at()):
            for name in names:
                if os.path.isfile(os.path.join(path, name)):
                    with open(os.path.join(path, name), 'rb') as file:
                        file.read()
        self.write('d0', 'gone')
        os.unlink(self.at('d0', 'gone'))

    def large(self):
        self.write('big', data=os.urandom(6 << 20))
        _, result = self.back_up(True)
        self.assertEqual(6 << 20, result.stored_bytes)
        with open(self.at('big'), 'r+b') as file:
            file.seek(1 << 20)
            file.write(b'changed')
        _, result = self.back_up(True)
        self.assertLess(result.stored_bytes, 1 << 20)
        os.chmod(self.at('big'), 0o600)
        _, result = self.back_up(True)
        self.assertEqual(0, result.stored_bytes)
        with open(self.at('big'), 'r+b') as file:
            fallocate = 'fallocate', '-p', '-o', '1M', '-l', '2M'
            subprocess.run([*fallocate, file.name], check=True)

    def root(self):
        os.chmod(self.at(), 0o751)
        os.setxattr(self.at(), 'user.root', b'1')
        for name in os.listdir(self.at()):
            if name.startswith('d2'):
                shutil.rmtree(self.at(name))

    def acls(self):
        subprocess.run(['setfacl', '-m', 'u:5:rwx,d:u:6:rx', self.at('d0')],
                       check=True)
        self.write('d0', 'inherits')
        self.back_up(True)
        subprocess.run(['setfacl', '-b', self.at('d0')], check=True)

    # -- what is not continued

    def test_a_full_scan_now_and_then(self):
        self.driver.full_scan_every = 3
        self.write('f')
        for continues in (False, True, True, False, True):
            self.back_up(continues)
        self.driver.full_scan_every = 1
        self.back_up(False)

    def test_hard_links_that_change(self):
        for name in 'abc':
            self.write(name)
        os.mkdir(self.at('d'))
        os.link(self.at('a'), self.at('d', 'a2'))
        os.link(self.at('b'), self.at('d', 'b2'))
        self.back_up(False)
        self.back_up(True)
        self.write('c', data=b'more')
        self.back_up(True)
        self.write('d', 'a2', data=b'other')
        self.back_up(False)
        os.unlink(self.at('b'))
        self.back_up(False)
        os.link(self.at('c'), self.at('c2'))
        self.back_up(False)
        os.rename(self.at('d'), self.at('e'))
        self.back_up(False)
        os.rename(self.at('e', 'a2'), self.at('e', 'a3'))
        self.back_up(False)
        self.write('c3')
        self.back_up(True)

    def test_a_subvolume_that_was_replaced(self):
        self.write('f')
        self.back_up(False)
        fd = os.open(self.at(), handles.DIRECTORY)
        self.addCleanup(os.close, fd)
        above = os.open(self.disk.path, handles.DIRECTORY)
        self.addCleanup(os.close, above)
        btrfs.snapshot(fd, 'older', above, writable=True)
        self.write('f', data=b'y')
        self.back_up(True)
        os.rename(self.at(), os.path.join(self.disk.path, 'newer'))
        os.rename(os.path.join(self.disk.path, 'older'), self.at())
        self.back_up(False)
        self.back_up(True)

    def test_marks_that_are_missing(self):
        self.write('f')
        self.back_up(False)
        os.unlink(os.path.join(self.shares, '.marks', 'a'))
        self.back_up(False)
        self.back_up(True)

    def test_other_names_that_are_ignored(self):
        self.write('f')
        self.write('ignored')
        self.back_up(False)
        for each in (self.driver, self.beside):
            each.ignore = 'ignored',
        self.back_up(False)
        self.write('ignored', data=b'other')
        os.mkdir(self.at('d'))
        os.rename(self.at('f'), self.at('ignored'))
        self.back_up(True)
        self.write('ignored', data=b'again')
        self.write('d', 'ignored', data=b'not')
        self.back_up(True)

    def test_a_backup_that_was_changed(self):
        for name in 'abcde':
            self.write(name)
        self.back_up(False)

        def content(path):
            with open(path, 'r+b') as file:
                file.write(b'y')

        def back(path):
            st = os.stat(path)
            content(path)
            os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))

        for change in (content, os.unlink, back,
                       lambda path: os.chmod(path, 0o600),
                       lambda path: os.rename(path, path + 'x'),
                       lambda path: os.setxattr(path, 'user.a', b'b')):
            place, _ = self.back_up(True)
            change(os.path.join(self.folder(place), 'data', 'c'))
            self.driver.full_scan_every = 100
            damaged = change in (back, )
            if damaged:
                # As ever, only its digest tells.
                self.assertTrue(self.driver.verify(place,
                                                   progress.Progress()))
            self.back_up(False)

    def test_a_backup_that_was_read(self):
        for name in 'abcde':
            self.write(name)
        place, _ = self.back_up(False)
        for name in 'abcde':
            path = os.path.join(self.folder(place), 'data', name)
            os.utime(self.disk.path)
            with open(path, 'rb') as file:
                file.read()
        self.back_up(True)

    def test_a_damaged_backup(self):
        self.write('f')
        place, _ = self.back_up(False)
        with open(os.path.join(self.folder(place), 'manifest'), 'r+b') as file:
            file.seek(-300, os.SEEK_END)
            file.write(b'?')
        self.back_up(False)

    def test_an_incomplete_backup(self):
        self.write('f')
        subprocess.run(['chattr', '+i', self.at('f')], check=True)
        self.addCleanup(subprocess.run, ['chattr', '-i', self.at('f')])
        _, result = self.back_up(False)
        self.assertEqual(1, result.problem_count)
        self.back_up(False)
        subprocess.run(['chattr', '-i', self.at('f')], check=True)
        self.back_up(False)
        self.back_up(True)

    def test_the_one_before_was_deleted(self):
        self.write('f')
        first, _ = self.back_up(False)
        self.write('g')
        second, _ = self.back_up(True)
        self.write('h')
        self.driver.delete(second, progress.Progress())
        third, _ = self.back_up(True)
        self.assertEqual(first.backup_id, self.about(third)['earlier'])
        self.driver.delete(first, progress.Progress())
        self.assertSound(third)
        self.back_up(True)

    def test_a_share_in_a_subvolume_of_others(self):
        os.rmdir(self.at())
        for name in 'a', 'other':
            os.mkdir(os.path.join(self.shares, name))
        for name in 'a', 'other':
            os.makedirs(os.path.join(self.shares, name, 'd', 'e'))
            with open(os.path.join(self.shares, name, 'd', 'f'), 'w') as file:
                file.write(name)
        self.back_up(False)
        with open(os.path.join(self.shares, 'other', 'd', 'f'), 'w') as file:
            file.write('changed')
        self.back_up(True)
        os.rename(os.path.join(self.shares, 'other', 'd'),
                  self.at('d', 'from outside'))
        self.back_up(True)
        os.rename(self.at('d', 'e'), os.path.join(self.shares, 'other', 'e'))
        self.back_up(True)
        os.rename(self.at(), os.path.join(self.shares, 'was a'))
        os.rename(os.path.join(self.shares, 'other'), self.at())
        self.back_up(False)

    def test_a_repository_with_quotas(self):
        subprocess.run(['btrfs', 'quota', 'enable', self.disk.path],
                       check=True)
        self.write('f')
        self.back_up(False)
        self.back_up(False)

    # -- others stay whole

    def test_any_can_be_deleted(self):
        for number in range(40):
            self.write(f'f{number}')
        for number in range(8):
            self.write(f'f{number}', data=os.urandom(100))
            os.unlink(self.at(f'f{number + 10}'))
            self.back_up()
        left = list(self.taken)
        random.Random(1).shuffle(left)
        while left:
            self.driver.delete(left.pop(), progress.Progress())
            for place in left:
                self.assertSound(place)
        self.assertEqual(['manila-backup-repository'],
                         os.listdir(self.repository))

    def test_killed_in_the_middle(self):
        for number in range(300):
            os.mkdir(self.at(f'd{number}'))
            self.write(f'd{number}', 'f', data=b'x' * number)
        self.back_up(False)
        chance = random.Random(2)
        for round_ in range(6):
            for number in range(0, 300, 7):
                self.write(f'd{number}', 'f', data=os.urandom(5000))
                os.rename(self.at(f'd{number}'), self.at('d'))
                os.rename(self.at('d'), self.at(f'd{number}'))
                self.write(f'd{number}', f'new{round_}')
            place = case.place(self.number + 1)
            job = base.Job('op', place.backup_id, 0)
            with self.source.use(self.share, job, self.progress) as view:
                self.driver.lineage = view.lineage
                process = case.Process(self.driver.backup, place, 0,
                                       view.path, {}, None)
                time.sleep(chance.random() / 5)
                process.kill()
            self.back_up(True)


class ElsewhereTest(continued.Elsewhere):

    def test_it_is_continued_as_well(self):
        self.write('f')
        self.back_up(False)
        self.write('f', data=b'y')
        self.back_up(True)

    def test_as_a_worker_does_it(self):
        self.write('f')
        for number, continues in (1, False), (2, True):
            place = case.place(number)
            result = child.back_up(
                self.driver, self.source, self.share,
                base.Job('op', place.backup_id, 1), place, {},
                {'version': 1}, progress.Progress())
            self.driver.publish(place, 1)
            self.assertEqual((1, 0), (result.files, result.problem_count))
            self.assertEqual(continues, self.continues(place))
            self.assertSound(place)
        self.source.remove(self.share, self.progress)
        self.assertEqual([], os.listdir(self.shares))

    def test_a_file_system_that_was_put_back(self):
        for name in 'f', 'g', 'other':
            self.write(name)
        self.back_up(False)
        image, path = self.disk.image, self.disk.path
        subprocess.run(['umount', path], check=True)
        subprocess.run(['cp', '--sparse=always', image, image + '.before'],
                       check=True)
        subprocess.run(['mount', '-o', 'loop', image, path], check=True)
        self.write('f', data=b'y')
        place, _ = self.back_up(True)
        generation = self.about(place)['lineage']['generation']
        subprocess.run(['umount', path], check=True)
        os.rename(image + '.before', image)
        subprocess.run(['mount', '-o', 'loop', image, path], check=True)
        self.write('g', data=b'z')
        # Until it counts further than that.
        for number in range(30):
            self.write('other', data=str(number).encode())
            os.sync()
        place, _ = self.back_up(False)
        self.assertGreater(self.about(place)['lineage']['generation'],
                           generation)
        self.back_up(True)


class OtherRepositoryTest(continued.Continued):
    """The repository is on no btrfs."""

    def make_repository(self):
        self.other = self.useFixture(disks.Disk(400 * disks.MIB, 'ext4'))
        return os.path.join(self.other.path, 'repository')

    def test_everything_is_looked_at(self):
        self.write('f')
        self.back_up(False)
        self.write('f', data=b'y')
        self.back_up(False)
