# SPDX-License-Identifier: Apache-2.0

import os

from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from tests.functional.drivers import odd
from tests.functional.drivers import test_posix
from tests.functional.drivers import test_restic
from tests.functional import odd_files


class PosixOddTest(test_posix.PosixMixin, odd.Odd):

    pass


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


class PosixMountsTest(test_posix.PosixMixin, odd.Mounts):

    pass


class ResticMountsTest(test_restic.ResticMixin, odd.Mounts):

    pass


class ResticOddTest(test_restic.ResticMixin, odd.Odd):

    KEEPS_UNLISTED = False
