# SPDX-License-Identifier: Apache-2.0
"""The posix driver on real filesystems, with real processes."""

import os

from manila_backup.drivers.posix import driver
from tests.functional.drivers import conformance


class PosixMixin:
    def make_driver(self, **kwargs):
        self.repository = os.path.join(self.scratch, 'repository')
        return driver.PosixDriver(self.repository, 2, ['lost+found'])

    def data(self, place):
        return os.path.join(self.repository, place.project_id,
                            place.share_id, place.backup_id, 'data')


class PosixConformanceTest(PosixMixin, conformance.Conformance):
    pass
