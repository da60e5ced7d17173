# SPDX-License-Identifier: Apache-2.0
"""Number of calls that a file takes: over a network, each of them is what it
costs.

The numbers stand in the administrator's guide, under "Performance".
"""

import functools
import os

from manila_backup.drivers.conformance import case
from manila_backup.drivers.posix import driver
from manila_backup.drivers.posix import parent
from tests.functional.drivers import latfs

FILES, DIRECTORIES = 400, 4

#: What is asked in all, whatever the number of files: of each kind of call
#: fewer than one for two files.
FIXED = 300

#: Microseconds: enough to be found slow.
SLOW = 1000


class CallsTestCase(case.Case):
    """Backup and restore where one side is as slow as a network.

    :cvar where: str, 'source' or 'repository'.
    :cvar nfs: bool, as for :class:`.latfs.Storage`.
    """

    where: str
    nfs = True

    def make_driver(self, **kwargs):
        self.slow = latfs.Storage(os.path.join(self.scratch, 'storage'), SLOW,
                                  nfs=self.nfs)
        self.slow.__enter__()
        self.addCleanup(self.slow.__exit__, None, None, None)
        self.repository = os.path.join(self.scratch, 'repository')
        if self.where == 'repository':
            self.repository = os.path.join(self.slow.path, 'repository')
        else:
            self.source = os.path.join(self.slow.path, 'source')
            self.target = os.path.join(self.slow.path, 'target')
            os.mkdir(self.source)
            os.mkdir(self.target)
        return driver.PosixDriver(self.repository, 2, **kwargs)

    def beneath(self, path):
        """The path of what the slow one shows, without it."""
        return path.replace(self.slow.path, self.slow.backing)

    def fill(self):
        top = self.beneath(self.source)
        for number in range(FILES):
            folder = os.path.join(top, f'd{number % DIRECTORIES}')
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f'f{number}'), 'wb') as file:
                file.write(os.urandom(4096))

    def ignore_ages(self):
        """Have files taken for unchanged although they are young."""
        self.addCleanup(setattr, parent, '_MARGIN', parent._MARGIN)
        parent._MARGIN = -600 * 10 ** 9

    def forget(self):
        """Have the kernel look at everything anew."""
        os.sync()
        with open('/proc/sys/vm/drop_caches', 'w') as file:
            file.write('2')

    def assertCalls(self, function, **expected):
        """Have something done with so many calls for each file."""
        self.forget()
        with self.slow.counted() as counted:
            function()
        # What a limit of operations goes by is no less than what is made.
        self.assertLessEqual(FILES * sum(expected.values()),
                             self.counted.calls())
        left = {name: number - FILES * expected.pop(name, 0)
                for name, number in counted.items()}
        self.assertEqual({}, expected)
        self.assertLess(max(left.values()), FILES / 2, counted)
        self.assertLess(sum(left.values()), FIXED, counted)


class SlowShareTest(CallsTestCase):

    where = 'source'

    def test_calls(self):
        self.fill()
        self.assertCalls(self.backup, open=1, read=1, getattr=1, listxattr=1)
        self.assertCalls(self.restore, create=1, write=1, setattr=1)
        for number in range(0, FILES, 100):
            folder = f'd{number % DIRECTORIES}'
            with open(os.path.join(self.beneath(self.target), folder,
                                   f'f{number}'), 'r+b') as file:
                file.write(b'damage')
        self.assertCalls(self.restore, open=1, read=1, listxattr=1)

    def test_nothing_changed(self):
        self.ignore_ages()
        self.fill()
        self.backup()
        # Listings have all of it.
        self.assertCalls(functools.partial(self.backup, case.place(2)))


class UserSpaceTest(CallsTestCase):
    """A repository on a file system that is not told what to keep."""

    where = 'repository'
    nfs = False

    def test_calls(self):
        self.fill()
        self.assertCalls(self.backup, create=1, write=1, setattr=1, fsync=1)


class SlowRepositoryTest(CallsTestCase):

    where = 'repository'

    def test_calls(self):
        self.fill()
        self.assertCalls(self.backup, create=1, write=1, setattr=1)
        self.assertCalls(self.restore, open=1, read=1)
        # Nothing differs.
        self.assertCalls(self.restore)

    def test_nothing_changed(self):
        self.ignore_ages()
        self.fill()
        self.backup()
        self.assertCalls(functools.partial(self.backup, case.place(2)),
                         link=1)
