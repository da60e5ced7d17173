# SPDX-License-Identifier: Apache-2.0
"""Repository of the posix driver: its marker, manifests and metadata."""

import json
import os
import random
import stat
from unittest import mock

from manila_backup.copying import budget
from manila_backup.copying import tree_copy
from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from manila_backup.drivers.posix import marker
from manila_backup.drivers import progress
from tests.functional.drivers import test_posix


class PosixRepositoryTest(test_posix.OwnCase):

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
        with open(os.path.join(self.repository, marker.NAME), 'w') as out:
            json.dump({'format': 3}, out)
        with self.assertRaisesRegex(base.RepositoryUnavailable, 'format 3'):
            self.driver.check(create=True)

    def set_format(self, number):
        path = os.path.join(self.repository, marker.NAME)
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
        with open(os.path.join(self.repository, marker.NAME)) as source:
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
