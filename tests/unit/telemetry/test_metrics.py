# SPDX-License-Identifier: Apache-2.0
"""Metrics of the rows in the database."""

import datetime

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup import states
from manila_backup.telemetry import metrics
from tests import statuses
from tests.unit import base

NOON = datetime.datetime(2026, 1, 2, 12)


class RecordsTestCase(base.TestCase):

    def backup(self, status, context_=base.MEMBER, **values):
        share = self.share(context_=context_)
        backup = self.admission.backups.create(context_, share.id)
        self.finish_all()
        self.database.write(statuses.put, models.share_backups, backup.id,
                            {'status': status})
        self.database.write(rows.update, models.share_backups, backup.id,
                            values or {'name': 'x'})

    def told(self, max_projects=9):
        """Dict of name to dict of a label's value to a number."""
        return {family.name.removeprefix('manila_backup_'): {
            ''.join(sample.labels.values()): sample.value
            for sample in family.samples}
            for family in metrics.Records(self.database,
                                          max_projects).collect()}

    def test_nothing(self):
        told = self.told()
        self.assertEqual({'': 0}, told['projects'])
        self.assertEqual({}, told['backups'])
        self.assertEqual({}, told['last_verification_timestamp_seconds'])

    def test_content(self):
        available, error = states.Backup.AVAILABLE, states.Backup.ERROR
        self.backup(available, result='complete', stored_bytes=5 << 40,
                    verified_at=NOON, verified_result='sound')
        self.backup(available, result='incomplete', stored_bytes=7,
                    verified_at=NOON - datetime.timedelta(1),
                    verified_result='damaged')
        self.backup(error)
        told = self.told()
        self.assertEqual({'available': 2, 'error': 1}, told['backups'])
        self.assertEqual({'available': 2, 'error': 1},
                         told['backup_gigabytes'])
        self.assertEqual({'complete': 1, 'incomplete': 1, 'unknown': 1},
                         told['backup_results'])
        self.assertEqual({'first': (5 << 40) + 7}, told['stored_bytes'])
        self.assertEqual({'sound': 1, 'damaged': 1, 'never': 1},
                         told['verifications'])
        noon = NOON.replace(tzinfo=datetime.timezone.utc).timestamp()
        self.assertEqual({'': noon},
                         told['last_verification_timestamp_seconds'])

    def test_projects(self):
        early = NOON - datetime.timedelta(1)
        self.backup(states.Backup.AVAILABLE, completed_at=early)
        self.backup(states.Backup.AVAILABLE, completed_at=NOON)
        self.backup(states.Backup.ERROR, created_at=NOON
                    + datetime.timedelta(1))
        # Of an earlier release.
        self.backup(states.Backup.RESTORING, base.STRANGER, created_at=early)
        noon = NOON.replace(tzinfo=datetime.timezone.utc).timestamp()
        told = self.told()
        self.assertEqual({'p1': noon, 'p2': noon - 86400},
                         told['last_success_timestamp_seconds'])
        told = self.told(1)
        self.assertEqual({'p2': noon - 86400},
                         told['last_success_timestamp_seconds'])
        self.assertEqual({'': 2}, told['projects'])
        told = self.told(0)
        self.assertEqual({}, told['last_success_timestamp_seconds'])
