# SPDX-License-Identifier: Apache-2.0
"""Resumed backups on a file system whose client may have lost what was
written: what ``make test-cephfs`` has for real."""

import os
from unittest import mock

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import layout
from manila_backup.drivers import progress
from manila_backup.fs import durable
from tests.functional.drivers import test_posix


class ResumedTest(test_posix.PosixMixin, case.Case):

    def test_what_is_taken_over_is_read_again(self):
        trees.many(self.source, 3, 4)
        with (mock.patch.object(layout, 'write_metadata',
                                side_effect=base.DriverError('cut')),
              self.assertRaisesRegex(base.DriverError, 'cut')):
            self.driver.backup(case.place(), 1, self.source, {}, None,
                               progress.Progress())
        left = os.path.join(os.path.dirname(os.path.dirname(self.data(
            case.place()))), f'.partial.{case.place().backup_id}.1')
        path = os.path.join(left, 'data', 'd0', 'f0')
        st = os.stat(path)
        trees.write(path, bytes(st.st_size), st.st_mtime_ns)
        with mock.patch.object(durable, 'can_drop', return_value=True):
            report = self.backup(attempt=2)
        self.assertEqual(st.st_size, report.stored_bytes)
        self.assertEqual([], self.verify())
