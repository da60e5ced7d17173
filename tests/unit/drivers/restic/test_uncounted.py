# SPDX-License-Identifier: Apache-2.0

import inspect
import unittest
from unittest import mock

from manila_backup.drivers import progress
from manila_backup.drivers.restic import path_restore  # noqa: F401
from manila_backup.drivers.restic import restore


class PartTest(unittest.TestCase):
    """Stand-ins for an operation's progress."""

    def test_it_takes_what_that_takes(self):
        expected = inspect.signature(progress.Progress.advance)
        parts = [restore.Part, *restore.Part.__subclasses__()]
        self.assertLess(1, len(parts))
        for each in parts:
            self.assertEqual(expected, inspect.signature(each.advance), each)

    def test_what_gets_ready_counts_calls_only(self):
        whole = mock.create_autospec(progress.Progress, instance=True)
        whole.slots, whole.changes = 1, None
        part, = restore.Part.__subclasses__()
        part(whole).advance(1, 2, 3)
        whole.advance.assert_called_once_with(0, 0, 3)
