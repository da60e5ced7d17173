# SPDX-License-Identifier: Apache-2.0
"""The posix driver on real filesystems, with real processes."""

import errno
import json
import os
import random
import shutil
import stat
import subprocess
from unittest import mock

from manila_backup.copying import budget
from manila_backup.copying import tree_copy
from manila_backup.drivers import base
from manila_backup.drivers.conformance import browsable
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import indexed
from manila_backup.drivers.conformance import path_restores
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from manila_backup.drivers.posix import layout
from manila_backup.drivers import progress
from manila_backup.fs import content
from manila_backup.fs import syscalls
from manila_backup.path_restore import selection
from manila_backup import status_codes
from tests.functional.drivers import casefs
from tests.functional.drivers import damage
from tests.functional.drivers import folding
from tests.functional.drivers import hostile


class PosixMixin:
    def make_driver(self, **kwargs):
        self.repository = os.path.join(self.scratch, 'repository')
        return driver.PosixDriver(self.repository, 2, ['lost+found'])

    def data(self, place):
        return os.path.join(self.repository, place.project_id,
                            place.share_id, place.backup_id, 'data')


class PosixConformanceTest(PosixMixin, browsable.Browsable):
    pass


class PosixPathsTest(PosixMixin, path_restores.PathRestores):
    """Restores of chosen paths."""

    def damage(self, path):
        browsable.flip(os.path.join(os.fsencode(self.data(case.place())),
                                    path))

    def test_damage_of_small_files(self):
        self.tree()
        self.damage(b'd0/f1')
        report = self.restore_paths(b'd0')
        self.assertEqual((1, 1), (report.missing, report.damages))
        self.assertIn('"d0/f1" is damaged', report.problems[0])
        self.assertPart(b'd0/f2')

    def test_names_that_fall_together(self):
        for name in ('A', 'a', 'd/F', 'd/f', 'D/x', 'd/x'):
            os.makedirs(os.path.join(self.source, os.path.dirname(name)),
                        exist_ok=True)
            self.write(self.source, name, name.encode())
        self.backup()
        for paths, target in (((b'.',), None), ((b'.',), b'new'),
                              ((b'A', b'D', b'a', b'd'), None)):
            self.target = casefs.mount(self)
            report = self.restore_paths(
                *paths, target=target, conflict=selection.Conflict.OVERWRITE)
            # Of the second directory, with all that is in it.
            self.assertEqual(2, report.missing, report.problems)
            self.assertIn('takes its name for', report.problems[0])
            top = os.path.join(self.target, (target or b'').decode())
            self.assertEqual(['A', 'D'], sorted(os.listdir(top)))
            with open(os.path.join(top, 'A')) as file:
                self.assertEqual('A', file.read())
            self.assertEqual(['x'], os.listdir(os.path.join(top, 'D')))

    def test_a_manifest_that_is_damaged(self):
        self.tree()
        path = os.path.join(os.path.dirname(self.data(case.place())),
                            'manifest')
        with open(path, 'r+b') as file:
            file.seek(100)
            file.write(b'????')
        with self.assertRaises(base.DamagedBackup):
            self.restore_paths(b'd0', changes=False)

    def test_a_share_without_room(self):
        self.tree()
        self.write(self.source, 'd0/large', os.urandom(3 << 20))
        self.delete()
        self.backup()
        self.target = self.loop(2 << 20)
        before = trees.snapshot(self.target, self.IGNORED)
        with self.assertRaises(base.DriverError) as caught:
            self.restore_paths(b'd0')
        self.assertEqual(status_codes.StatusCode.NO_SPACE,
                         caught.exception.code)
        self.assertSame(before, trees.snapshot(self.target, self.IGNORED))


class PosixIndexedTest(PosixMixin, indexed.Indexed):
    """Backups with an index beside them."""

    def _path(self):
        return os.path.join(
            os.path.dirname(os.path.dirname(self.data(case.place()))),
            '.contents.' + case.place().backup_id)

    def _broken(self, damage):
        trees.many(self.source, 3, 5)
        self.backup()
        damage(self._path())
        self.assertListed(self.index())
        self.assertEqual([], self.verify())

    def test_an_index_that_is_not_there(self):
        self._broken(os.unlink)

    def test_an_index_that_is_none(self):
        self._broken(lambda path: os.truncate(path, 100))

    def test_an_index_of_another_backup(self):
        self.backup(case.place(2))
        other = self._path().replace(case.place().backup_id,
                                     case.place(2).backup_id)
        self._broken(lambda path: shutil.copyfile(other, path))

    def test_a_repository_of_the_first_format(self):
        with open(os.path.join(self.repository, layout.MARKER), 'r+') as file:
            text = file.read().replace('"format": 2', '"format": 1')
            file.seek(0)
            file.write(text)
            file.truncate()
        self.everything()
        self.backup()
        self.assertListed(self.index())

    def test_a_damaged_manifest_is_not_indexed(self):
        trees.many(self.source, 3, 5)
        self.backup()
        os.unlink(self._path())
        path = os.path.join(os.path.dirname(self.data(case.place())),
                            'manifest')
        with open(path, 'r+b') as file:
            file.seek(-3, os.SEEK_END)
            file.write(b'x')
        with self.assertRaises(base.DamagedBackup):
            self.index()

    def test_nothing_stays_of_what_is_deleted(self):
        self.backup()
        self.backup(case.place(2))
        # As an earlier release leaves it.
        shutil.rmtree(os.path.dirname(self.data(case.place())))
        self.assertTrue(os.path.exists(self._path()))
        self.delete(case.place(2))
        self.assertEqual([], [
            name for name in os.listdir(self.repository)
            if name != layout.MARKER])

    def test_an_attempt_that_is_given_up(self):
        self.prepare(case.place(), 1)
        self.assertTrue(os.path.exists(self._path()))
        self.driver.discard(case.place(), 1)
        self.assertFalse(os.path.exists(self._path()))


class PosixHostileTest(PosixMixin, hostile.Hostile):
    pass


class PosixDamageTest(PosixMixin, damage.Damage):
    pass


class PosixFoldingTest(PosixMixin, folding.Folding):
    pass


class PosixStillFoldingTest(PosixMixin, folding.StillFolding):
    pass


class PosixTest(PosixMixin, case.Case):
    """Promises of this driver alone."""

    # -- what is in shares

    def test_names_and_targets_that_look_like_notes(self):
        trees.write(os.path.join(self.source, 'file'), b'x')
        os.link(os.path.join(self.source, 'file'),
                os.path.join(self.source, 'lost=node'))
        os.symlink('lost=node', os.path.join(self.source, 'link'))
        os.mkfifo(os.path.join(self.source, 'lost=a,node,b'))
        self.backup()
        self.assertStored(self.source)

    def _replaced_while_it_is_copied(self, replace):
        """Two names of one file; the first of them becomes another file
        while the first is read."""
        for name in 'ab':
            os.mkdir(os.path.join(self.source, name))
        first = os.path.join(self.source, 'a', 'first')
        other = os.path.join(self.source, 'b', 'other')
        trees.write(first, b'old' * 100)
        os.link(first, other)
        inode, read = os.stat(first).st_ino, content.read_small

        def read_small(source, size):
            if os.fstat(source).st_ino == inode and os.stat(
                    other).st_nlink == 2:
                os.unlink(first)
                replace(first)
            return read(source, size)

        with mock.patch.object(content, 'read_small', read_small):
            self.backup(still=False)
        self.assertEqual(1, os.stat(other).st_nlink)
        self.assertEqual([], self.verify())
        self.restore()
        for path in (first, other):
            self.assertEqual(self._what(path), self._what(os.path.join(
                self.target, os.path.relpath(path, self.source))))

    def _what(self, path):
        if os.path.islink(path):
            return os.readlink(path)
        with open(path, 'rb') as file:
            return file.read()

    def test_a_name_of_a_group_saved_anew_while_it_is_copied(self):
        self._replaced_while_it_is_copied(
            lambda path: trees.write(path, b'new'))

    def test_a_name_of_a_group_that_turns_into_a_link(self):
        self._replaced_while_it_is_copied(
            lambda path: os.symlink('nowhere', path))

    def _group(self):
        """A file with eleven names in two directories."""
        for name in 'ab':
            os.mkdir(os.path.join(self.source, name))
        first = os.path.join(self.source, 'a', 'first')
        trees.write(first, b'shared')
        for number in range(5):
            for name in 'ab':
                os.link(first, os.path.join(self.source, name, f'{number}'))

    def _few_links(self):
        """A file system that allows three names of a file."""
        link = os.link

        def some(source, *args, src_dir_fd, **kwargs):
            if os.stat(source, dir_fd=src_dir_fd).st_nlink == 3:
                raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))
            link(source, *args, src_dir_fd=src_dir_fd, **kwargs)

        return mock.patch.object(os, 'link', some)

    def _assert_parted(self, report, where):
        """Check that all names are there, with their content, and that it is
        told which are names of another file than the first."""
        found = {}
        for path, _, names in os.walk(self.target):
            for name in names:
                path_ = os.path.join(path, name)
                self.assertEqual(b'shared', self._what(path_))
                found.setdefault(os.stat(path_).st_ino, set()).add(
                    os.path.relpath(path_, self.target))
        self.assertEqual(11, sum(map(len, found.values())))
        told = {name for names in found.values() for name in names
                if any(text.startswith(f'"{name}" is a copy in the {where}')
                       for text in report.problems)}
        self.assertEqual(len(told), report.problem_count, report.problems)
        self.assertEqual([3], [len(names) for names in found.values()
                               if not names & told])

    def test_more_links_than_the_repository_can_have(self):
        self._group()
        with self._few_links():
            report = self.backup()
        self.assertEqual([], self.verify())
        self.assertEqual((), self.restore().problems)
        self._assert_parted(report, 'backup')

    def test_more_links_than_the_share_can_have(self):
        self._group()
        self.backup()
        for _ in range(2):
            with self._few_links():
                report = self.restore()
            self._assert_parted(report, 'share')
        self.assertEqual((), self.restore().problems)
        self.assertSame(self.source, self.target)

    # -- holes

    def _with_holes(self, name, size, data):
        path = os.path.join(self.source, name)
        with open(path, 'wb') as target:
            for start, end in data:
                target.seek(start)
                target.write(os.urandom(end - start))
            target.truncate(size)
        os.utime(path, ns=(5, 5))
        return path

    def test_holes_that_were_filled_and_made(self):
        sizes = {'small': (40_000, [(0, 4096), (12_288, 16_384)]),
                 'large': (5 << 20, [(1 << 20, 2 << 20)]),
                 'end': (3 << 20, [((3 << 20) - 4096, 3 << 20)]),
                 'only': (2 << 20, [])}
        for name, (size, data) in sizes.items():
            self._with_holes(name, size, data)
            trees.write(os.path.join(self.source, f'{name} full'),
                        bytes(size))
            os.chmod(os.path.join(self.source, f'{name} full'), 0o4755)
            trees.write(os.path.join(self.source, f'{name} plain'),
                        bytes(size), 7)
        before = trees.snapshot(self.source)
        blocks = self._blocks()
        self.backup()
        for name, (size, _) in sizes.items():
            path = os.path.join(self.source, name)
            content = self._what(path)
            with open(path, 'r+b') as target:
                target.write(content)
            os.utime(path, ns=(5, 5))
            for other in (f'{name} full', f'{name} plain'):
                path = os.path.join(self.source, other)
                st = os.stat(path)
                fd = os.open(path, os.O_RDWR)
                syscalls.punch(fd, 0, size)
                os.close(fd)
                os.utime(path, ns=(st.st_mtime_ns, st.st_mtime_ns))
        self.assertNotEqual(blocks, self._blocks())
        self.assertEqual((), self.restore(target=self.source).problems)
        self.assertSame(before, self.source)
        self.assertEqual(blocks, self._blocks())
        # What is as it should be stays as it is.
        inodes = [os.stat(path).st_ctime_ns for path in self._files()]
        self.assertEqual((), self.restore(target=self.source).problems)
        self.assertEqual(inodes, [os.stat(path).st_ctime_ns
                                  for path in self._files()])

    def _files(self):
        return [os.path.join(self.source, name)
                for name in sorted(os.listdir(self.source))]

    def _blocks(self):
        subprocess.run(['sync', '-f', self.source], check=True)
        return {path: os.stat(path).st_blocks for path in self._files()}

    # -- the repository

    def test_a_directory_that_is_no_repository(self):
        other = self.make('other')
        trees.write(os.path.join(other, 'file'), b'')
        with self.assertRaisesRegex(base.RepositoryUnavailable, 'neither'):
            driver.PosixDriver(other).check(create=True)
        self.assertEqual(['file'], os.listdir(other))

    def test_an_empty_directory_is_only_used_by_the_check(self):
        other = self.make('other')
        os.mkdir(os.path.join(other, 'lost+found'))
        fresh = driver.PosixDriver(other)
        for run in (lambda: fresh.backup(case.place(), 1, self.source,
                                         {}, None, progress.Progress()),
                    lambda: fresh.publish(case.place(), 1),
                    lambda: fresh.discard(case.place(), 1),
                    lambda: list(fresh.contents())):
            with self.assertRaisesRegex(base.RepositoryUnavailable,
                                        'not mounted'):
                run()
        self.assertEqual(['lost+found'], os.listdir(other))
        fresh.check(create=True)
        fresh.check(create=True)
        self.assertEqual([], list(fresh.contents()))

    def test_a_repository_of_a_later_release(self):
        with open(os.path.join(self.repository, layout.MARKER), 'w') as out:
            json.dump({'format': 3}, out)
        with self.assertRaisesRegex(base.RepositoryUnavailable, 'format 3'):
            self.driver.check(create=True)

    def set_format(self, number):
        path = os.path.join(self.repository, layout.MARKER)
        with open(path) as source:
            said = json.load(source)
        with open(path, 'w') as target:
            json.dump({**said, 'format': number}, target)
        return said

    def manifest(self, place):
        return open(os.path.join(os.path.dirname(self.data(place)),
                                 'manifest'), 'rb').read()

    def test_a_repository_of_the_first_format(self):
        said = self.set_format(1)
        trees.everything(self.source)
        before = trees.snapshot(self.source)
        one, two, three = (case.place(number) for number in (1, 2, 3))
        self.backup(one)
        self.backup(two)
        self.assertTrue(self.driver.upgrade())
        self.assertFalse(self.driver.upgrade())
        with open(os.path.join(self.repository, layout.MARKER)) as source:
            self.assertEqual({**said, 'format': 2}, json.load(source))
        report = self.backup(three)
        # Across formats too, what did not change is not stored again.
        self.assertEqual(0, report.stored_bytes)
        for place, head in ((one, b'1\nabout'), (two, b'1\nabout'),
                            (three, b'2\nabout')):
            self.assertEqual(head, self.manifest(place).split(b' ', 2)[1])
            self.assertEqual([], self.verify(place))
            self.restore(place)
            self.assertSame(before, self.target)
            stranger = os.path.join(self.data(place), 'stranger')
            open(stranger, 'w').close()
            self.assertIn('"stranger" is not in the manifest.',
                          self.verify(place))

    def test_long_paths_cost_little(self):
        fd = os.open(self.source, os.O_RDONLY)
        for name in [b'x' * 250] * 400:
            os.mkdir(name, dir_fd=fd)
            below = os.open(name, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        for number in range(400):
            os.mkdir(b'd%d' % number, dir_fd=fd)
        os.close(fd)
        self.backup()
        self.assertLess(len(self.manifest(case.place())), 300_000)
        self.assertEqual([], self.verify())
        self.restore()
        self.assertSame(self.source, self.target)
        # In the first format it is another 60 MB.
        self.set_format(1)
        self.driver.bytes_per_entry = 1000
        with mock.patch.object(budget, 'FREE', 1 << 20):
            with self.assertRaisesRegex(base.DriverError,
                                        'bytes_per_entry.*repository up'):
                self.backup(case.place(2))
            self.assertEqual(
                [case.place()], [each.place for each in self.driver.contents()
                                 if each.state is base.ItemState.PUBLISHED])

    def test_a_repository_that_inherits_is_not_inherited_from(self):
        os.setxattr(self.repository, trees.ACL_DEFAULT, trees.AN_ACL)
        os.chown(self.repository, 0, 77)
        os.chmod(self.repository, 0o2775)
        trees.many(self.source, 2, 3)
        self.backup()
        self.assertSame(self.source, self.data(case.place()))
        path = os.path.dirname(self.data(case.place()))
        self.assertEqual(0o700, stat.S_IMODE(os.stat(path).st_mode))

    # -- the manifest

    def test_damage_to_the_manifest_or_metadata(self):
        trees.many(self.source, 2, 3)
        self.backup()
        above = os.path.dirname(self.data(case.place()))
        for name in ('manifest', 'metadata.json'):
            path = os.path.join(above, name)
            with open(path, 'rb') as source:
                good = source.read()
            numbers = random.Random(name)
            for _ in range(20):
                bad = bytearray(good)
                bad[numbers.randrange(len(bad))] ^= 1 << numbers.randrange(8)
                trees.write(path, bad)
                self.assertTrue(self.verify())
                if name == 'manifest':
                    with self.assertRaises(base.DamagedBackup):
                        self.restore()
            for cut in (0, 10, len(good) // 2, len(good) - 1):
                trees.write(path, good[:cut])
                self.assertTrue(self.verify(), cut)
            os.unlink(path)
            self.assertTrue(self.verify())
            trees.write(path, good)
            self.assertEqual([], self.verify())

    def test_the_metadata_tell_what_the_backup_is(self):
        trees.many(self.source, 2, 3)
        report = self.backup(options={'share_name': 'mine', 'x': '1'})
        above = os.path.dirname(self.data(case.place()))
        with open(os.path.join(above, 'metadata.json')) as source:
            found = json.load(source)
        self.assertEqual('project', found['project_id'])
        self.assertEqual('share-1', found['share_id'])
        self.assertEqual(case.place().backup_id, found['backup_id'])
        self.assertEqual({'share_name': 'mine', 'x': '1'}, found['options'])
        self.assertEqual(report.bytes, found['bytes'])

    def test_backups_that_changed_places(self):
        trees.many(self.source, 2, 3)
        for number in (1, 2):
            self.backup(case.place(number))
        one, two = (os.path.dirname(self.data(case.place(number)))
                    for number in (1, 2))
        os.rename(one, one + '.')
        os.rename(two, one)
        os.rename(one + '.', two)
        for number in (1, 2):
            place = case.place(number)
            self.assertIn('backup_id',
                          ' '.join(self.verify(place)))
            for function in (self.restore, self.driver.describe):
                with self.assertRaises(base.DamagedBackup):
                    function(place)

    def test_what_is_beside_the_data(self):
        self.backup()
        trees.write(os.path.join(os.path.dirname(
            self.data(case.place())), 'x'), b'')
        self.assertIn('"x"', ' '.join(self.verify()))

    def test_a_manifest_without_a_record(self):
        trees.many(self.source, 2, 3)
        write = tree_copy.TreeCopy.write_manifest

        def unrecorded(copy, name, about, *args):
            # As it was before there were records.
            del about['record']
            return write(copy, name, about, *args)

        with mock.patch.object(tree_copy.TreeCopy, 'write_manifest',
                               unrecorded):
            self.backup()
        self.assertEqual([], self.verify())
        self.assertIsNone(self.driver.describe(case.place()).record)
        self.restore()
        self.assertSame(self.source, self.target)

    def test_what_can_not_be_read_now_is_no_damage(self):
        mine = self.unprivileged()
        trees.many(self.source, 1, 1)
        place = case.place()
        self.as_user(mine.backup, place, 1, self.source, {}, None)
        mine.publish(place, 1)
        self.assertEqual([], self.as_user(mine.verify, place))
        above = os.path.join(mine.path, 'project', 'share-1',
                             place.backup_id)
        for name in ('data/d0/f0', 'data/d0', 'data', 'manifest',
                     'metadata.json', '.'):
            path = os.path.join(above, name)
            os.chown(path, 0, 0)
            os.chmod(path, 0o700)
            with self.assertRaisesRegex(base.DriverError,
                                        'Permission') as caught:
                self.as_user(mine.verify, place)
            self.assertNotIsInstance(caught.exception, base.DamagedBackup)
            os.chown(path, 4711, 4711)

    def test_room_shared_with_other_backups_is_not_its_own(self):
        trees.write(os.path.join(self.source, 'f'), os.urandom(1 << 20))
        for number in (1, 2):
            self.backup(case.place(number))
        one, two = (os.path.join(self.data(case.place(number)), 'f')
                    for number in (1, 2))
        os.unlink(two)
        os.link(one, two)
        for number in (1, 2):
            self.assertLess(self.driver.unique_bytes(
                case.place(number), progress.Progress()), 1 << 18)
        self.delete(case.place(1))
        self.assertGreater(self.driver.unique_bytes(
            case.place(2), progress.Progress()), 1 << 20)

    # -- errors

    def test_a_full_repository(self):
        trees.many(self.source, 4, 50, size=400_000)
        full = driver.PosixDriver(self.loop(16 << 20))
        full.check(create=True)
        # By the time that a file's error is seen, another process may have
        # stumbled over its list of them.
        with self.assertRaisesRegex(
                base.DriverError,
                '"(d.*|manifest)".*No space left') as caught:
            full.backup(case.place(), 1, self.source, {}, None,
                        progress.Progress())
        self.assertFalse(caught.exception.retryable)
        full.discard(case.place(), 1)
        self.assertEqual([], list(full.contents()))

    def test_a_full_share(self):
        trees.many(self.source, 4, 50, size=400_000)
        self.backup()
        full = self.loop(16 << 20)
        with self.assertRaisesRegex(base.DriverError, 'No space left'):
            self.restore(target=full)

    def test_attributes_that_do_not_fit(self):
        trees.write(os.path.join(self.source, 'f'), b'')
        large = os.urandom(3000)
        os.setxattr(os.path.join(self.source, 'f'), 'user.large', large)
        small = driver.PosixDriver(self.loop(16 << 20))
        small.check(create=True)
        path = os.path.join(self.source, 'f')
        try:
            os.setxattr(path, 'user.larger', os.urandom(900))
        except OSError:
            pass
        report = small.backup(case.place(), 1, self.source, {}, None,
                              progress.Progress())
        small.publish(case.place(), 1)
        self.assertEqual(1, report.problem_count, report)
        self.assertIn('user.large', report.problems[0])
        # The manifest has what the repository's filesystem can't hold.
        self.assertEqual([], small.verify(case.place(),
                                          progress.Progress()))
        small.restore(case.place(), 1, self.target,
                      progress.Progress())
        self.assertSame(self.source, self.target)

    def test_an_immutable_file(self):
        for root in (self.source, self.target):
            trees.write(os.path.join(root, 'fixed'), root.encode())
        self.backup()
        path = os.path.join(self.target, 'fixed')
        subprocess.run(['chattr', '+i', path], check=True)
        self.addCleanup(subprocess.run, ['chattr', '-i', path], check=True)
        trees.write(os.path.join(self.source, 'other'), b'')
        report = self.restore()
        self.assertEqual(1, report.problem_count, report)
        self.assertRegex(report.problems[0], '"fixed".*immutable')
        with open(path, 'rb') as one:
            self.assertEqual(self.target.encode(), one.read())

    # -- attempts that are not dead yet

    def test_a_later_attempt_takes_over(self):
        trees.many(self.source, 20, 40)
        process = case.Process(self.driver.backup, case.place(), 1,
                               self.source, {}, None)
        process.wait_for_files(500)
        process.kill()
        report = self.backup(attempt=2)
        self.assertEqual(820, report.files)
        size = sum(os.path.getsize(os.path.join(where, name))
                   for where, _, names in os.walk(self.source)
                   for name in names)
        self.assertEqual(size, report.bytes)
        self.assertLess(report.stored_bytes, size * 0.8)
        self.assertEqual([], self.verify())
        self.assertSame(self.source, self.data(case.place()))

    def test_what_changed_since_is_not_taken_over(self):
        trees.many(self.source, 3, 4)
        path = os.path.join(self.source, 'd1', 'f1')
        self.driver.backup(case.place(), 1, self.source, {}, None,
                           progress.Progress())
        st = os.stat(path)
        trees.write(path, b'!' * st.st_size, st.st_mtime_ns)
        os.unlink(os.path.join(self.source, 'd1', 'f2'))
        report = self.backup(attempt=2)
        self.assertEqual(st.st_size, report.stored_bytes)
        self.assertSame(self.source, self.data(case.place()))

    def test_after_a_power_cut_what_is_taken_over_is_read_again(self):
        trees.many(self.source, 3, 4)
        with (mock.patch.object(syscalls, 'boot_id', lambda: 'another'),
              mock.patch.object(layout, 'write_metadata',
                                side_effect=base.DriverError('cut')),
              self.assertRaisesRegex(base.DriverError, 'cut')):
            self.driver.backup(case.place(), 2, self.source, {}, None,
                               progress.Progress())
        left = os.path.join(os.path.dirname(os.path.dirname(self.data(
            case.place()))),
            f'.partial.{case.place().backup_id}.2')
        path = os.path.join(left, 'data', 'd0', 'f0')
        st = os.stat(path)
        trees.write(path, bytes(st.st_size), st.st_mtime_ns)
        report = self.backup(attempt=3)
        self.assertEqual(st.st_size, report.stored_bytes)
        self.assertEqual([], self.verify())

    def test_an_attempt_taken_over_can_not_be_published(self):
        # Not even if its worker was frozen just before it would have been,
        # and whoever took it over died.
        trees.many(self.source, 20, 40)
        self.driver.backup(case.place(), 1, self.source, {}, None,
                           progress.Progress())
        process = case.Process(self.driver.backup, case.place(), 2,
                               self.source, {}, None)
        process.wait_for_files(200)
        process.kill()
        with self.assertRaises(base.DriverError):
            self.driver.publish(case.place(), 1)
        report = self.backup(attempt=3)
        self.assertLess(report.stored_bytes, report.bytes / 2)
        self.assertEqual([('published', None)], self.states())
        self.assertEqual([], self.verify())

    # -- without privileges

    def as_user(self, function, *args):
        """Run something as an ordinary user."""
        def run(*args):
            os.setgroups([])
            os.setgid(4711)
            os.setuid(4711)
            return function(*args)
        return case.Process(run, *args).result()

    def unprivileged(self):
        """A driver whose repository belongs to the ordinary user."""
        os.chmod(self.scratch, 0o755)
        path = self.make('unprivileged')
        for one in (path, self.source, self.target):
            os.chown(one, 4711, 4711)
        mine = driver.PosixDriver(path, 2)
        self.as_user(lambda _: mine.check(create=True))
        return mine

    def test_as_an_ordinary_user(self):
        mine = self.unprivileged()
        trees.many(self.source, 3, 4)
        for where, names, files in os.walk(self.source):
            for name in names + files:
                os.chown(os.path.join(where, name), 4711, 4711)
        os.chmod(os.path.join(self.source, 'd0', 'f0'), 0o400)
        os.chmod(os.path.join(self.source, 'd0'), 0o500)
        os.setxattr(os.path.join(self.source, 'd1', 'f0'), 'user.x', b'x')
        os.chmod(os.path.join(self.source, 'd1', 'f0'), 0o444)
        place = case.place()
        report = self.as_user(mine.backup, place, 1, self.source, {}, None)
        self.assertEqual((), report.problems)
        mine.publish(place, 1)
        self.assertEqual([], self.as_user(mine.verify, place))
        for _ in range(2):
            self.as_user(mine.restore, place, 1, self.target)
            self.assertSame(self.source, self.target)
            os.chmod(os.path.join(self.target, 'd0'), 0)
            trees.write(os.path.join(self.target, 'd2', 'f1'), b'')
        self.as_user(mine.delete, place)
        self.assertEqual([], list(mine.contents()))

    def test_what_an_ordinary_user_can_not_keep_is_told(self):
        mine = self.unprivileged()
        at = os.path.join(self.source, '')
        trees.write(at + 'owned', b'by root')
        os.chmod(at + 'owned', 0o4755)
        os.mknod(at + 'device', stat.S_IFBLK | 0o600, os.makedev(7, 9))
        os.link(at + 'device', at + 'same device')
        os.symlink('x', at + 'link')
        place = case.place()
        report = self.as_user(mine.backup, place, 1, self.source, {}, None)
        mine.publish(place, 1)
        said = ' '.join(report.problems)
        self.assertEqual(3, report.problem_count, said)
        for name in ('"owned"', '"device"', '"link"'):
            self.assertIn(name, said)
        self.assertEqual([], self.as_user(mine.verify, place))
        kept = os.stat(os.path.join(
            mine.path, 'project', 'share-1', place.backup_id, 'data/owned'))
        self.assertEqual(0o755, stat.S_IMODE(kept.st_mode))
        report = self.as_user(mine.restore, place, 1, self.target)
        self.assertIn('"owned"', ' '.join(report.problems))
        # Who has the privileges gets everything back.
        report = mine.restore(place, 1, self.target, progress.Progress())
        self.assertEqual((), report.problems)
        self.assertSame(self.source, self.target)

    def test_a_file_that_may_not_be_read(self):
        mine = self.unprivileged()
        trees.write(os.path.join(self.source, 'secret'), b'')
        os.chmod(os.path.join(self.source, 'secret'), 0o600)
        trees.write(os.path.join(self.source, 'open'), b'x')
        report = self.as_user(mine.backup, case.place(), 1, self.source,
                              {}, None)
        self.assertIn('"secret" is not in the backup: it could not be read '
                      '(Permission denied).', report.problems)
        self.assertEqual(1, report.files)
