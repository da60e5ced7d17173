# SPDX-License-Identifier: Apache-2.0

import os

from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import parent
from tests.functional.drivers import kept
from tests.functional.drivers import mounted
from tests.functional.drivers import odd
from tests.functional.drivers import test_posix
from tests.functional.drivers import test_restic
from tests.functional import odd_files


class PosixOddTest(test_posix.PosixMixin, odd.Odd):

    def test_attributes_that_could_not_be_read_once(self):
        """The file has not changed, and is looked at again all the same."""
        self.addCleanup(setattr, parent, '_MARGIN', parent._MARGIN)
        parent._MARGIN = -60 * 10 ** 9
        self.write('d/file', 'z')
        path = os.path.join(self.shown, 'd', 'file')
        os.setxattr(path, 'user.a', b'1')
        unreadable = ['getxattr', '/d/file', 'EIO']
        self.mount([unreadable])
        for number in (1, 2):
            self.assertEqual(['d/file'], odd.told(self.backup(
                case.place(number), source=self.share)))
        self.odd.set([])
        self.assertEqual((), self.backup(
            case.place(3), source=self.share).problems)
        self.assertStored(self.shown, case.place(3))
        # Nor is it taken over from an attempt before.
        os.chmod(path, 0o640)
        self.odd.set([unreadable])
        self.source, source = self.share, self.source
        self.prepare(case.place(4), 1)
        self.source = source
        self.odd.set([])
        self.assertEqual((), self.backup(
            case.place(4), attempt=2, source=self.share).problems)
        self.assertStored(self.shown, case.place(4))


class OddRepositoryTest(test_posix.PosixMixin, case.Case):
    """A repository on a file system with a limit of whole paths."""

    def test_paths_that_are_too_long_to_be_stored(self):
        self.driver.check(create=True)
        shown = self.make('shown')
        # As where it is seen from, with the names of attempts.
        above = len(f'/{self.repository}') + 250
        self.odd = odd_files.mount(self, shown, self.make('repository-2'))
        self.driver.path = self.repository = os.path.join(
            self.scratch, 'repository-2')
        self.driver.check(create=True)
        name = 'n' * 40
        at = ''
        for _ in range(9):
            trees.write(os.path.join(self.source, f'{at}f'), b'content')
            os.symlink('x', os.path.join(self.source, f'{at}link'))
            at += name + '/'
            os.mkdir(os.path.join(self.source, at))
        before = trees.snapshot(self.source)
        self.odd.set([['longer', above, 'ENAMETOOLONG']])
        for number in (1, 2):
            report = self.backup(case.place(number))
            # A link is in the manifest all the same.
            names = [name for name in odd.told(report)
                     if not name.endswith('/link')]
            self.assertTrue(names)
            self.assertEqual([], self.verify(case.place(number)))
            target = self.make(f'target-{number}')
            self.restore(case.place(number), target=target)
            now = trees.snapshot(target)
            self.assertEqual({path for path in before if not (
                path.decode().startswith(tuple(names)))}, set(now))
            # What the share has of it stays.
            self.restore(case.place(number), target=self.source)
            self.assertSame(before, self.source)
        self.delete(case.place(1))


class PosixMountsTest(test_posix.PosixMixin, mounted.Mounts):

    pass


class ResticMountsTest(test_restic.ResticMixin, mounted.Mounts):

    pass


class PosixPathsAndMountsTest(test_posix.PosixMixin, mounted.PathsAndMounts):

    pass


class ResticPathsAndMountsTest(test_restic.ResticMixin,
                               mounted.PathsAndMounts):

    pass


class ResticOddTest(test_restic.ResticMixin, odd.Odd):

    KEEPS_UNLISTED = False
    # Each takes a second.
    READING = dict.fromkeys(odd.Odd.READING, ('ENOMEM', 'EROFS', 'ETIMEDOUT'))


load_tests = kept.load_tests
