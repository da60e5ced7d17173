# SPDX-License-Identifier: Apache-2.0
"""Lanes that are threads of one process: all that they share has to be such
that they can."""

import os
from unittest import mock

from manila_backup.copying import growth
from manila_backup.copying import pool
from manila_backup.drivers.conformance import browsable
from manila_backup.drivers.conformance import case
from manila_backup.drivers.posix import driver
from tests.functional.drivers import damage
from tests.functional.drivers import test_incremental

LANES = 8


class LanesMixin:
    """As many lanes as may be, from the first batches on."""

    def setUp(self):
        for module, name, value in (
                (growth, 'processors', 1), (growth.Growth, 'more', 1),
                (pool, 'waiting', True)):
            patched = mock.patch.object(module, name, return_value=value)
            patched.start()
            self.addCleanup(patched.stop)
        super().setUp()

    def make_driver(self, **kwargs):
        self.repository = os.path.join(self.scratch, 'repository')
        return driver.PosixDriver(self.repository, LANES, ['lost+found'],
                                  **kwargs)

    def data(self, place, *names):
        return os.path.join(self.repository, place.project_id, place.share_id,
                            place.backup_id, 'data', *names)


class LanesTest(LanesMixin, case.Case):

    def fill(self):
        for number in range(2000):
            folder = os.path.join(self.source, f'd{number % 40}')
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f'f{number}'), 'wb') as file:
                file.write(b'%d' % number * (number % 100))

    def test_all_of_them_work(self):
        self.fill()
        for number in 1, 2:
            self.backup(case.place(number))
            self.assertEqual(LANES, self.counted.lanes())
            self.assertEqual([], self.verify(case.place(number)))
        self.restore(case.place(2))
        self.assertEqual(LANES, self.counted.lanes())
        self.assertSame(self.source, self.target)
        report = self.restore(case.place(1))
        self.assertEqual(0, report.stored_bytes)


class LanesConformanceTest(LanesMixin, browsable.Browsable):
    pass


class LanesDamageTest(LanesMixin, damage.Damage):
    pass


class LanesIncrementalTest(LanesMixin, test_incremental.HardLinkTest):
    pass


class LanesBtrfsTest(LanesMixin, test_incremental.BtrfsTest):
    pass
