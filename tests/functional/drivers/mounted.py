# SPDX-License-Identifier: Apache-2.0
"""Shares in which other file systems are mounted, with drivers.

Among the functional tests, and of ``make fidelity``.
"""

import os
import subprocess

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import path_restores
from manila_backup.drivers.conformance import trees
from manila_backup.path_restore import selection
from tests.functional.drivers import odd


_Conflict = selection.Conflict


class _Mounting(case.Case):

    def setUp(self):
        super().setUp()
        self.inner = self.make('inner')
        trees.write(os.path.join(self.inner, 'theirs'), b'theirs')
        trees.write(os.path.join(self.source, 'own'), b'own')

    def bind(self, source, *target):
        path = os.path.join(*target)
        subprocess.run(['mount', '--bind', source, path], check=True)
        self.addCleanup(subprocess.run, ['umount', path],
                        stderr=subprocess.DEVNULL)
        return path


class Mounts(_Mounting):
    """File systems mounted in a share."""

    def test_are_not_entered_nor_emptied(self):
        for name in ('mnt', 'd/mnt'):
            os.makedirs(os.path.join(self.source, name))
            self.bind(self.inner, self.source, name)
        trees.write(os.path.join(self.source, 'd', 'file'), b'under')
        self.bind(os.path.join(self.inner, 'theirs'), self.source, 'd',
                  'file')
        theirs = trees.snapshot(self.inner)
        report = self.backup(source=self.source, still=False)
        self.assertEqual(['d/file', 'd/mnt', 'mnt'], odd.told(report))
        self.assertEqual([], self.verify())
        trees.write(os.path.join(self.source, 'own'), b'changed')
        os.makedirs(os.path.join(self.source, 'extra', 'mnt'))
        self.bind(self.inner, self.source, 'extra', 'mnt')
        report = self.restore(target=self.source)
        self.assertEqual(['d/file', 'd/mnt', 'extra/mnt', 'mnt'],
                         odd.told(report))
        self.assertEqual(0, report.missing)
        self.assertEqual(theirs, trees.snapshot(self.inner))
        with open(os.path.join(self.source, 'own')) as source:
            self.assertEqual('own', source.read())
        self.restore()
        self.assertEqual(
            {b'.', b'own', b'mnt', b'd', b'd/mnt'},
            set(trees.snapshot(self.target)))

    def test_what_is_under_one_is_not_lost(self):
        """It was not entered, so nothing in it is too much."""
        path = os.path.join(self.source, 'mnt')
        os.mkdir(path)
        trees.write(os.path.join(path, 'under'), b'x')
        self.bind(self.inner, path)
        self.backup(source=self.source)
        subprocess.run(['umount', path], check=True)
        self.restore(target=self.source)
        self.assertEqual(['under'], os.listdir(path))

    def test_their_names_are_no_patterns(self):
        names = ['m*', 'm[x]', 'm\\', 'm?', 'mx', 'my']
        for name in names:
            os.mkdir(os.path.join(self.source, name))
        for name in names[:4]:
            self.bind(self.inner, self.source, name)
        for name in names[4:]:
            trees.write(os.path.join(self.source, name, 'own'), b'own')
        os.mkdir(os.path.join(self.source, 'd'))
        trees.write(os.path.join(self.source, 'd', 'f*'), b'under')
        trees.write(os.path.join(self.source, 'd', 'fx'), b'own')
        path = self.bind(os.path.join(self.inner, 'theirs'), self.source,
                         'd', 'f*')
        self.backup(source=self.source)
        self.restore()
        self.assertEqual(
            {b'.', b'own', b'd', b'd/fx', b'mx/own', b'my/own',
             *map(os.fsencode, names)}, set(trees.snapshot(self.target)))
        # What is under a file is not lost either.
        subprocess.run(['umount', path], check=True)
        self.assertEqual(0, self.restore(target=self.source).missing)
        with open(path) as source:
            self.assertEqual('under', source.read())

    def test_a_backup_with_more_than_can_be_restored(self):
        os.mkdir(os.path.join(self.source, 'mnt'))
        trees.write(os.path.join(self.source, 'mnt', 'theirs'), b'old')
        self.backup()
        self.bind(self.inner, self.source, 'mnt')
        theirs = trees.snapshot(self.inner)
        trees.write(os.path.join(self.source, 'own'), b'changed')
        report = self.restore(target=self.source)
        self.assertEqual(['mnt', 'mnt/theirs'], odd.told(report))
        self.assertEqual(1, report.missing)
        self.assertEqual(theirs, trees.snapshot(self.inner))
        with open(os.path.join(self.source, 'own')) as source:
            self.assertEqual('own', source.read())

    def test_are_part_of_a_share_that_is_to_have_them(self):
        os.mkdir(os.path.join(self.source, 'mnt'))
        self.bind(self.inner, self.source, 'mnt')
        self.driver.include_mounts = True
        before = trees.snapshot(self.source)
        self.assertEqual((), self.backup().problems)
        trees.write(os.path.join(self.inner, 'theirs'), b'changed')
        trees.write(os.path.join(self.inner, 'extra'), b'')
        self.assertEqual((), self.restore(target=self.source).problems)
        self.assertSame(before, self.source)


class PathsAndMounts(_Mounting, path_restores.PathRestores):
    """Restores of chosen paths, with something mounted in the share."""

    KEPT = frozenset((
        'test_paths_in_what_is_mounted_are_left_alone',
        'test_nothing_is_restored_below_what_is_mounted',
        'test_paths_in_a_share_that_is_to_have_its_mounts',
    ))

    def mounted(self):
        """Have a backup from before anything was mounted, and mount it."""
        for name in ('mnt', 'd/mnt'):
            os.makedirs(os.path.join(self.source, name))
            self.write(self.source, f'{name}/theirs', b'of the backup')
            self.write(self.source, f'{name}/in/it', b'of the backup')
        self.write(self.source, 'd/file', b'of the backup')
        self.write(self.source, 'd/other', b'of the backup')
        self.write(self.source, 'taken', b'of the backup')
        self.backup()
        # What the backup has as a file is a mounted directory.
        os.unlink(os.path.join(self.source, 'taken'))
        os.mkdir(os.path.join(self.source, 'taken'))
        self.target = self.source
        for name in ('mnt', 'd/mnt', 'taken'):
            self.bind(self.inner, self.target, name)
        self.bind(os.path.join(self.inner, 'theirs'), self.target, 'd/file')
        self.theirs = trees.snapshot(self.inner)

    @staticmethod
    def write(root, path, data):
        os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
        path_restores.PathRestores.write(root, path, data)

    def assertLeftAlone(self):
        self.assertEqual(self.theirs, trees.snapshot(self.inner))
        with open(os.path.join(self.target, 'd/file')) as file:
            self.assertEqual('theirs', file.read())

    def test_paths_in_what_is_mounted_are_left_alone(self):
        self.mounted()
        for conflict in _Conflict:
            self.write(self.target, 'own', b'changed')
            os.unlink(os.path.join(self.target, 'd/other'))
            if conflict is _Conflict.FAIL:
                with self.assertRaisesRegex(base.DriverError,
                                            '"mnt/theirs"'):
                    self.restore_paths(b'.', changes=False)
                self.write(self.target, 'd/other', b'')
                self.assertLeftAlone()
                continue
            report = self.restore_paths(b'.', conflict=conflict)
            self.assertLeftAlone()
            told = {'d/mnt', 'mnt'}
            if conflict is _Conflict.OVERWRITE:
                told |= {'d/file', 'taken'}
                self.assertEqual(b'own', self.read('own'))
            self.assertEqual(sorted(told), odd.told(report))
            self.assertEqual(len(told), report.missing)
            for text in report.problems:
                self.assertRegex(text, 'mounted|never removed')
            self.assertEqual(b'of the backup', self.read('d/other'))
        # Nor is anything written under them.
        for name in ('mnt', 'd/mnt', 'taken', 'd/file'):
            subprocess.run(['umount', os.path.join(self.target, name)],
                           check=True)
        self.assertEqual([], os.listdir(os.path.join(self.target, 'taken')))
        for path in ('mnt/theirs', 'd/mnt/in/it', 'd/file'):
            self.assertEqual(b'of the backup', self.read(path))

    def test_nothing_is_restored_below_what_is_mounted(self):
        self.mounted()
        for target in b'mnt', b'd/mnt/new':
            with self.assertRaisesRegex(base.DriverError,
                                        'Nothing was restored.*mounted'):
                self.restore_paths(b'own', target=target,
                                   conflict=_Conflict.SKIP)
            self.assertLeftAlone()
        report = self.restore_paths(b'd/mnt/in', b'mnt/theirs', b'd/other',
                                    conflict=_Conflict.OVERWRITE)
        self.assertEqual(['d/mnt', 'mnt'], odd.told(report))
        self.assertEqual(2, report.missing)
        self.assertLeftAlone()

    def test_paths_in_a_share_that_is_to_have_its_mounts(self):
        self.mounted()
        self.driver.include_mounts = True
        report = self.restore_paths(b'mnt', b'd', conflict=_Conflict.OVERWRITE)
        # That is no directory, and can't be replaced.
        self.assertEqual(['d/file'], odd.told(report))
        for path in ('mnt/theirs', 'd/mnt/in/it'):
            self.assertEqual(b'of the backup', self.read(path))
        # Where nothing can be renamed to, it is made in the directory; and
        # what a killed process has left of that goes.
        name = self.choose().workplace.decode()
        trees.many(os.path.join(self.inner, f'{name}-1'), 1, 2)
        self.write(self.inner, f'in/{name}-7', b'a part')
        self.write(self.inner, 'theirs', b'changed')
        self.write(self.inner, 'in/it', b'changed')
        self.assertEqual((), self.restore_paths(
            b'mnt', conflict=_Conflict.OVERWRITE, attempt=2).problems)
        self.assertEqual({b'.', b'theirs', b'in', b'in/it'},
                         set(trees.snapshot(self.inner)))
