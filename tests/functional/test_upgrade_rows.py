# SPDX-License-Identifier: Apache-2.0
"""Operations that a worker of the oldest release runs that may be upgraded
from, as this release's API cancels them."""

import os

from tests.functional import cloud
from tests.functional import test_dying_workers
from tests.functional import test_upgrade

EXTENSION = {'OpenStack-API-Version':
             'shared-file-system 2.91, shared-file-system-backup 1.2'}


class Upgraded(test_dying_workers.DyingWorkersTestCase):

    cloud_class = test_upgrade.Cloud
    options = {**test_dying_workers.DyingWorkersTestCase.options,
               'backup__scan_interval': 1, 'report_interval': 0.2,
               'backup__max_attempts': 1}

    def setUp(self):
        super().setUp()
        self.old_api = self.cloud.processes[-1]

    def ask(self, path, status=200, method='GET', body=None, **kwargs):
        return self.cloud.ask(status, method, path, body, headers=EXTENSION,
                              **kwargs)

    def replace_api(self):
        self.cloud.expand()
        self.assertEqual(0, self.old_api.stop())
        self.cloud.start_api()

    def backed_up(self, share):
        return self.cloud.wait_backup(
            self.cloud.create_backup(share['id'])['id'], 'available')

    def shown(self, backup):
        return self.ask(f'/share-backups/{backup["id"]}')['share_backup']

    def operation(self, backup, kind):
        found, = self.ask(
            f'/share-backup-operations?backup_id={backup["id"]}&kind={kind}')[
                'share_backup_operations']
        return found


class CancelsMySQL(Upgraded):

    def cancel(self, backup):
        self.ask(f'/share-backups/{backup["id"]}/action', 202, 'POST',
                 {'cancel': None})

    def wait_cancelled(self, backup, kind):
        def check():
            found = self.operation(backup, kind)
            return found['status'] == 'cancelled' and found

        return cloud.eventually('the operation to be cancelled', check)

    def test_creation(self):
        share, _made = self._big_share()
        backup = self._caught_backup(share['id'])
        self.replace_api()
        self.assertIsNone(self.operation(backup, 'create')[
            'bytes_per_second'])
        self.cancel(backup)
        self.wait_cancelled(backup, 'create')
        self.cloud.wait_share(share['id'], 'available')
        shown = self.shown(backup)
        self.assertEqual(('error', 'cancelled', None), (
            shown['status'], shown['status_code'], shown['result']))
        cloud.eventually('no leftovers', lambda: not any(
            backup['id'] in name for _, folders, files in os.walk(
                self.cloud.repository) for name in folders + files))

    def test_restore(self):
        share, made = self._big_share()
        path = self.cloud.share_path(share['id'])
        backup = self.backed_up(share)
        for name in made:
            os.unlink(os.path.join(path, name))
        others = self._children()
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': None})
        self.assertTrue(self._catch(backup['id'], others, 'restore'))
        self.replace_api()
        self.cancel(backup)
        # Whether anything was written, the old one does not say.
        self.assertIsNone(self.wait_cancelled(backup, 'restore')[
            'share_changed'])
        self.cloud.wait_share(share['id'], 'backup_restoring_error')
        self.assertEqual('available', self.shown(backup)['status'])
        # The owner's way back.
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': None})
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(made, self.content(path))

    def test_what_it_never_began(self):
        share = self.cloud.create_share()
        self.assertEqual(0, self.worker.stop())
        backup = self.cloud.create_backup(share['id'])
        self.replace_api()
        self.cancel(backup)
        self.assertEqual('cancelled',
                         self.operation(backup, 'create')['status'])
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual('cancelled', self.shown(backup)['status_code'])


class CancelsPostgreSQL(CancelsMySQL):

    server = 'postgresql'
