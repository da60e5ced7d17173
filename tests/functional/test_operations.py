# SPDX-License-Identifier: Apache-2.0
"""Progress and outcome of an operation, as they are told while it runs."""

import datetime

from tests.functional import base
from tests.functional import cloud

OPERATIONS = '/share-backup-operations'
EXTENSION = {'OpenStack-API-Version': 'shared-file-system-backup 1.0'}


class RunningMySQL(base.TestCase):

    options = {'backup__bytes_per_second': 1 << 20,
               'backup__progress_interval': 0.2}

    def test_how_far_it_is(self):
        self.cloud.start()
        share = self.cloud.create_share()
        # A minute's work, of which as little is done as is needed.
        self.fill(self.cloud.share_path(share['id']), 30, 2 << 20)
        backup = self.cloud.create_backup(share['id'])

        def running():
            found, = self.cloud.ask(
                200, 'GET', f'{OPERATIONS}?backup_id={backup["id"]}',
                headers=EXTENSION)['share_backup_operations']
            self.assertIn(found['status'], ('queued', 'running'))
            return found['estimated_end_at'] and found

        found = cloud.eventually('an estimate', running)
        started, end = (datetime.datetime.fromisoformat(found[name])
                        for name in ('started_at', 'estimated_end_at'))
        self.assertGreater(end, started)
        self.assertGreater(found['bytes_per_second'], 0)
        self.assertEqual(60 << 20, found['bytes_total'])
        self.assertTrue(0 < found['bytes_done'] <= found['bytes_total'])
        self.cloud.ask(202, 'POST', f'{OPERATIONS}/{found["id"]}/action',
                       {'cancel': None}, headers=EXTENSION)
        self.cloud.wait_backup(backup['id'], 'error')


class RunningPostgreSQL(RunningMySQL):

    server = 'postgresql'
