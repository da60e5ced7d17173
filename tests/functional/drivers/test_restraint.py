# SPDX-License-Identifier: Apache-2.0
"""A share whose server answers more slowly while it is backed up."""

import os
from unittest import mock

from manila_backup.copying import growth
from manila_backup.copying import restraint
from manila_backup.drivers.conformance import case
from manila_backup.drivers.posix import driver
from tests.functional.drivers import latfs

LANES = 8
FILES = 2000


class RestraintTest(case.Case):

    def make_driver(self, **kwargs):
        return driver.PosixDriver(os.path.join(self.scratch, 'repository'),
                                  LANES, **kwargs)

    def test_fewer_lanes_while_it_is_slow(self):
        share = self.enterContext(latfs.Storage(
            self.make('share'), microseconds=500))
        for number in range(FILES):
            with open(os.path.join(share.backing, f'f{number}'), 'wb') as file:
                file.write(b'%d' % number)
        allowed = []

        class Watched(restraint.Restraint):
            """One that changes the server when it has decided."""

            def _decide(self, started):
                super()._decide(started)
                allowed.append(self.lanes)
                # Busy, until there are as few lanes as there ever are.
                share.sleep(500 if min(allowed) == restraint.FEWEST
                            else 40_000)

        with (mock.patch.object(restraint, 'Restraint', Watched),
              mock.patch.object(growth.Growth, 'more', return_value=1)):
            self.source = share.path
            report = self.backup(case.place(1))
        self.assertEqual((FILES, LANES), (report.files,
                                          self.counted.lanes()))
        self.assertEqual(LANES, allowed[0])
        self.assertIn(restraint.FEWEST, allowed)
        self.assertEqual([], self.verify(case.place(1)))
