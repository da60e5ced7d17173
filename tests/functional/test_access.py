# SPDX-License-Identifier: Apache-2.0
"""Rights of the roles, and the effect of an edit of the policy."""

import uuid

from tests.functional import base
from tests.functional import cloud


class Access(base.TestCase):

    def setUp(self):
        super().setUp()
        self.cloud.start()
        share = self.cloud.create_share()
        self.backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(self.backup['id'], 'available')
        self.path = f'/share-backups/{self.backup["id"]}'

    def test_another_projects_backup_is_not_there(self):
        stranger = {'token': 'eve:p2'}
        for method, path, body in (
                ('GET', '', None), ('DELETE', '', None),
                ('PUT', '', {'share_backup': {'name': 'mine'}}),
                ('POST', '/action', {'restore': None})):
            answer = self.cloud.request(method, self.path + path, body,
                                        **stranger)
            self.assertEqual(404, answer.status, (method, path))
        self.assertEqual([], self.cloud.ask(
            200, 'GET', '/share-backups', **stranger)['share_backups'])
        self.assertEqual(404, self.cloud.request(
            'GET', f'/share-backups/{uuid.uuid4()}').status)

    def test_member_may_not_reset_and_reader_may_only_read(self):
        reset = {'reset_status': {'status': 'error'}}
        self.assertEqual(403, self.cloud.request(
            'POST', f'{self.path}/action', reset).status)
        reader = {'token': 'reader:p1'}
        self.assertEqual(200, self.cloud.request(
            'GET', self.path, **reader).status)
        self.assertEqual(403, self.cloud.request(
            'DELETE', self.path, **reader).status)

    def test_policy_edit_takes_effect_without_restart(self):
        reset = {'reset_status': {'status': 'error'}}

        def may():
            return self.cloud.request('POST', f'{self.path}/action',
                                      reset).status == 202

        self.assertFalse(may())
        with open(self.cloud.policy, 'w') as file:
            file.write('"share_backup:reset_status": "role:member"\n')
        cloud.eventually('the edit', may)
        with open(self.cloud.policy, 'w') as file:
            file.write('"share_backup:get": "role:admin"\n')
        cloud.eventually('the second edit', lambda: not may())
        self.assertEqual(403, self.cloud.request('GET', self.path).status)
