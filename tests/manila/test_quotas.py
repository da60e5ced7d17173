# SPDX-License-Identifier: Apache-2.0
"""Quotas of share backups beside a Manila, which has none of its own for
them."""

from tests.manila import base

EXTENSION = {'OpenStack-API-Version': 'shared-file-system 2.91, '
                                      'shared-file-system-backup 1.0'}


class TestQuotas(base.TestCase):

    def ask(self, status, method, path, body=None, user='admin'):
        answer = self.request(method, path, body, user, headers=EXTENSION)
        self.assertEqual(status, answer.status, answer.body)
        return answer.body

    def test_of_a_project(self):
        share = self.manila.create_share()
        path = f'/share-backup-quotas/{share["project_id"]}'
        kept = self.backed_up(share['id'])
        in_use = self.ask(200, 'GET', f'{path}/detail')[
            'share_backup_quota']['backups']['in_use']
        self.ask(200, 'PUT', path, {'share_backup_quota': {
            'backups': in_use}})
        self.addCleanup(self.request, 'DELETE', path, user='admin',
                        headers=EXTENSION)
        self.assertEqual(in_use, self.ask(200, 'GET', path, user='alice')[
            'share_backup_quota']['backups'])
        body = {'share_backup': {'share_id': share['id']}}
        refused = self.ask(403, 'POST', '/share-backups', body, 'alice')
        self.assertIn('Quota exceeded', refused['forbidden']['message'])
        # Whoever it is about can't change it.
        self.ask(403, 'PUT', path, {'share_backup_quota': {'backups': 9}},
                 'alice')
        self.ask(202, 'DELETE', f'/share-backups/{kept["id"]}', user='alice')
        self.wait_backup(kept['id'], None)
        self.backed_up(share['id'])
        self.ask(204, 'DELETE', path)
        self.assertEqual(
            self.ask(200, 'GET', f'{path}/defaults')['share_backup_quota'][
                'backups'],
            self.ask(200, 'GET', path)['share_backup_quota']['backups'])
