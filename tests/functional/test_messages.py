# SPDX-License-Identifier: Apache-2.0
"""Messages that users get about what went wrong."""

import os

import sqlalchemy as sa

from tests.functional import base
from tests.functional import cloud


class MessagesMySQL(base.TestCase):

    def setUp(self):
        super().setUp()
        self.cloud.tolerate = 'attempt [0-9]+ failed'
        self.cloud.start()

    def messages(self, backup_id):
        """(Action, detail) of the messages about a backup, newest first."""
        found = self.cloud.request(
            'GET', f'/messages?resource_id={backup_id}').body['messages']
        return [(each['action_id'], each['detail_id']) for each in found]

    def test_what_fails(self):
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        self.fill(path, 3, 10)
        good = self.cloud.create_backup(share['id'])['id']
        self.cloud.wait_backup(good, 'available')
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual([], self.messages(good))

        os.rename(path, path + '.away')
        bad = self.cloud.create_backup(share['id'])['id']
        self.cloud.wait_backup(bad, 'error')
        self.assertEqual([('002', '901')], self.messages(bad))
        self.assertEqual('share_unavailable', self.cloud.ask(
            200, 'GET', f'/share-backups/{bad}', headers={
                'OpenStack-API-Version': 'shared-file-system-backup 1.0'})[
                    'share_backup']['status_code'])
        self.cloud.wait_share(share['id'], 'available')

        self.cloud.request('POST', f'/share-backups/{good}/action',
                           {'restore': None})
        cloud.eventually('the message', lambda: self.messages(good))
        self.assertEqual([('028', '903')], self.messages(good))


class MessagesPostgreSQL(MessagesMySQL):

    server = 'postgresql'


class ShortLived(base.TestCase):

    options = {'backup__message_ttl': 60}

    def test_an_expired_one_is_not_there(self):
        self.cloud.tolerate = 'attempt [0-9]+ failed'
        self.cloud.start()
        share = self.cloud.create_share()
        os.rmdir(self.cloud.share_path(share['id']))
        backup = self.cloud.create_backup(share['id'])['id']
        self.cloud.wait_backup(backup, 'error')
        message, = self.cloud.ask(200, 'GET', '/messages')['messages']
        (made, ends), = self.cloud.rows(
            'SELECT created_at, expires_at FROM messages')
        self.assertEqual(60, round((ends - made).total_seconds()))
        with self.cloud.engine.begin() as conn:
            conn.execute(sa.text(
                'UPDATE messages SET expires_at = created_at'))
        self.assertEqual([], self.cloud.ask(200, 'GET', '/messages')[
            'messages'])
        self.cloud.ask(404, 'GET', f'/messages/{message["id"]}')
