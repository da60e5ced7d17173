# SPDX-License-Identifier: Apache-2.0
"""Passwords, tokens, roles and projects, as a real Keystone has them."""

from tests.functional import base
from tests.functional import cloud
from tests.functional import keystone
from tests.functional import test_clients

#: Users with a project and a role there.
PEOPLE = {
    'alice': ('p1', 'member'),
    'rita': ('p1', 'reader'),
    'bob': ('p2', 'member'),
}


class Keystone(test_clients.ClientTestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        held = keystone.KeystoneCloud()
        held.setUp()
        cls.addClassCleanup(held.cleanUp)
        cls.keystone = held.keystone
        cls.shared = held.cloud
        for user, (project, role) in PEOPLE.items():
            cls.keystone.add_user(user, project, role)
        cls.credentials = cls.keystone.credentials('alice', 'p1')

    def setUp(self):
        # The class has the cloud.
        super(base.TestCase, self).setUp()
        self.cloud = self.shared

    def endpoint(self):
        # It is in the catalog.
        return {}

    def token(self, user, url=None):
        project = PEOPLE[user][0] if user in PEOPLE else 'admin'
        return self.keystone.sign_in(user, project, url)

    def test_life_cycle(self):
        self.life_cycle()

    def test_wrong_password(self):
        self.assertIn('401', self.openstack(
            'share', 'backup', 'list', fails=True, OS_PASSWORD='guess'))

    def test_roles_and_projects(self):
        alice, rita, bob, admin = map(self.token,
                                      ['alice', 'rita', 'bob', 'admin'])
        ask = self.cloud.ask
        share = self.cloud.create_share(token=alice)
        backup = self.cloud.create_backup(share['id'], token=alice)
        self.cloud.wait_backup(backup['id'], 'available', token=alice)
        path = f'/share-backups/{backup["id"]}'
        create = {'share_backup': {'share_id': share['id']}}
        restore = {'restore': None}
        reset = {'reset_status': {'status': 'available'}}
        changes = (('PUT', path, {'share_backup': {'name': 'n'}}),
                   ('POST', f'{path}/action', restore),
                   ('DELETE', path, None))

        # A reader of the project looks, and changes nothing.
        shown = ask(200, 'GET', path, token=rita)['share_backup']
        self.assertEqual(share['id'], shown['share_id'])
        self.assertEqual([backup['id']], self._listed(rita))
        ask(403, 'POST', '/share-backups', create, token=rita)
        for change in changes:
            ask(403, *change, token=rita)

        # Someone else's project has nothing to do with it.
        ask(404, 'GET', path, token=bob)
        ask(404, 'GET', f'/shares/{share["id"]}', token=bob)
        self.assertEqual([], self._listed(bob))
        ask(400, 'POST', '/share-backups', create, token=bob)
        for change in changes:
            ask(404, *change, token=bob)

        # A member can't do what is an administrator's.
        ask(403, 'POST', f'{path}/action', reset, token=alice)
        self.assertNotIn('host', shown)

        shown = ask(200, 'GET', path, token=admin)['share_backup']
        self.assertIn('here', shown['host'])
        self.assertEqual([], self._listed(admin))
        self.assertIn(backup['id'], self._listed(admin, '?all_tenants=1'))
        ask(202, 'POST', f'{path}/action', reset, token=admin)

        ask(202, 'DELETE', path, token=alice)
        self.cloud.wait_backup(backup['id'], None, token=alice)

    def _listed(self, token, query=''):
        return [each['id'] for each in self.cloud.ask(
            200, 'GET', f'/share-backups{query}', token=token)[
                'share_backups']]

    def test_project_in_the_path(self):
        alice = self.token('alice')
        p1, p2 = map(self.keystone.project_id, ['p1', 'p2'])
        self.cloud.ask(200, 'GET', f'/{p1}/share-backups', token=alice)
        self.cloud.ask(400, 'GET', f'/{p2}/share-backups', token=alice)

    def test_tokens_that_do_not_count(self):
        revoked = self.token('alice')
        self.keystone.revoke(revoked)
        for token in ('', 'no such token', revoked, revoked[:-9]):
            self._refused(self._get(token))

    def test_token_expires(self):
        url = self.keystone.serve_short_lived(10)
        token = self.token('alice', url)
        self.assertEqual(200, self._get(token).status)
        self._refused(cloud.eventually(
            'the end of the token',
            lambda: (answer := self._get(token)).status != 200 and answer,
            pause=0.2))

    def _get(self, token):
        return self.cloud.request('GET', '/share-backups', token=token)

    def _refused(self, answer):
        self.assertEqual(401, answer.status)
        self.assertEqual(f'Keystone uri="{self.keystone.url}"',
                         answer.headers['WWW-Authenticate'])
        self.assertEqual('application/json',
                         answer.headers.get_content_type())
        self.assertEqual(401, answer.body['error']['code'])
        self.assertIn('x-compute-request-id', answer.headers)
