# SPDX-License-Identifier: Apache-2.0
"""Sentences about statuses."""

import testtools

from manila_backup.engine.tasks import refusals
from manila_backup import states


class RefusalsTestCase(testtools.TestCase):

    def test_share(self):
        self.assertEqual(
            'Share x is backup_creating: a backup of it is being made. Try '
            'again when that has ended.',
            refusals.of_share('x', 'backup_creating'))

    def test_share_after_a_failed_restore(self):
        self.assertIn('Restore a backup to it first.', refusals.of_share(
            'x', states.Share.BACKUP_RESTORING_ERROR))

    def test_share_of_another_service(self):
        """Manila has statuses that this service has not."""
        self.assertEqual(
            'Share x is ensuring: that is not possible then. It has to be '
            'available.', refusals.of_share('x', 'ensuring'))

    def test_every_status_of_a_backup_that_forbids_something(self):
        for status in states.Backup:
            if status != states.Backup.AVAILABLE:
                self.assertNotIn('not possible',
                                 refusals.of_backup('x', status))

    def test_snapshot(self):
        self.assertEqual(
            'Share snapshot x is creating: it is still being made. Try again '
            'when that has ended.',
            refusals.of_snapshot('x', states.Snapshot.CREATING))
