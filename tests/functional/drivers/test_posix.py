# SPDX-License-Identifier: Apache-2.0
"""The posix driver on real filesystems, with real processes."""

import os
import shutil

from manila_backup.drivers import base
from manila_backup.drivers.conformance import browsable
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import indexed
from manila_backup.drivers.conformance import path_restores
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from manila_backup.drivers.posix import marker
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
        with open(os.path.join(self.repository, marker.NAME), 'r+') as file:
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
            if name != marker.NAME])

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


class OwnCase(PosixMixin, case.Case):
    """Case of what this driver alone promises."""

    def what(self, path):
        """Return what a link or a file has."""
        if os.path.islink(path):
            return os.readlink(path)
        with open(path, 'rb') as file:
            return file.read()

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
