# SPDX-License-Identifier: Apache-2.0
"""Stored content that is verified while it is restored."""

import os

from manila_backup.copying import restore
from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from manila_backup.drivers import progress

SMALL, LARGE, SPARSE, LINKED = 'd0/f1', 'd1/large', 'd2/sparse', 'd0/linked'


class VerifiedWritingTest(case.Case):

    verified = restore.Verify.WHEN_OVERWRITING

    def make_driver(self, **kwargs):
        self.repository = os.path.join(self.scratch, 'repository')
        return driver.PosixDriver(self.repository, 2, ['lost+found'],
                                  verified=self.verified)

    def stored(self, name):
        return os.path.join(self.repository, 'project', 'share-1',
                            case.place().backup_id, 'data', name)

    def at(self, name):
        return os.path.join(self.target, name)

    def store(self):
        """Back up files of every kind, and damage one of each."""
        trees.many(self.source, 3, 5)
        for name in LARGE, f'{LARGE}.too':
            with open(os.path.join(self.source, name), 'wb') as file:
                file.write(os.urandom(3 << 20))
        for name in SPARSE, f'{SPARSE}.too':
            with open(os.path.join(self.source, name), 'wb') as file:
                file.truncate(4 << 20)
                file.seek(1 << 20)
                file.write(os.urandom(1 << 16))
        with open(os.path.join(self.source, LINKED), 'wb') as file:
            file.write(b'of two names')
        os.link(os.path.join(self.source, LINKED),
                os.path.join(self.source, 'd2/name'))
        self.backup()
        self.damaged = (SMALL, LARGE, SPARSE, LINKED)
        for name in self.damaged:
            path = self.stored(name)
            st = os.stat(path)
            with open(path, 'r+b') as file:
                file.seek(1 << 20 if st.st_size > 2 << 20 else 0)
                file.write(b'?')
            os.utime(path, ns=(st.st_mtime_ns, st.st_mtime_ns))

    def refused(self):
        """Have a restore find the damage; what it says."""
        with self.assertRaises(base.DamagedBackup) as caught:
            self.restore()
        return str(caught.exception)

    def assertAllElse(self):
        """All but what is damaged is as it was."""
        left_out = {*self.damaged, 'd2/name', 'lost+found'}
        expected, found = (
            {name: each for name, each in trees.snapshot(path).items()
             if os.fsdecode(name) not in left_out}
            for path in (self.source, self.target))
        self.assertSame(expected, found)

    def test_into_an_empty_share(self):
        self.store()
        os.mkdir(self.at('lost+found'))
        said = self.refused()
        self.assertRegex(said, '4 of [0-9]+ entries')
        self.assertTrue(any(f'"{name}"' in said for name in self.damaged))
        self.assertAllElse()
        for name in self.damaged:
            self.assertFalse(os.path.exists(self.at(name)), name)

    def test_into_one_that_is_not(self):
        self.store()
        trees.many(self.target, 2, 2, seed=7)
        before = trees.snapshot(self.target)
        self.assertIn('is damaged', self.refused())
        self.assertSame(before, self.target)

    def test_without_damage(self):
        trees.everything(self.source)
        with open(os.path.join(self.source, 'large'), 'wb') as file:
            file.write(os.urandom(3 << 20))
        self.backup()
        for _ in range(2):
            counted = progress.Progress()
            self.driver.restore(case.place(), 1, self.target, counted)
            done, size, files, total = counted.read()
            self.assertEqual((files, total), (done, size))
            self.assertSame(self.source, self.target)


class AlwaysTest(VerifiedWritingTest):

    verified = restore.Verify.ALWAYS

    def test_into_an_empty_share(self):
        self.store()
        self.assertIn('is damaged', self.refused())
        self.assertEqual([], os.listdir(self.target))


class NeverTest(VerifiedWritingTest):

    verified = restore.Verify.NEVER

    def test_into_one_that_is_not(self):
        self.store()
        trees.many(self.target, 2, 2, seed=7)
        os.mkdir(self.at('d2'))
        old = {}
        for name in self.damaged:
            with open(self.at(name), 'wb') as file:
                file.write(name.encode())
            old[name] = name.encode()
        self.assertRegex(self.refused(), '4 of [0-9]+ entries')
        self.assertAllElse()
        # What could not be had stays as it was.
        for name, content in old.items():
            with open(self.at(name), 'rb') as file:
                self.assertEqual(content, file.read())
