# SPDX-License-Identifier: Apache-2.0
"""Passwords, tokens, roles and projects, as a real Keystone has them."""

import os

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

    def test_quotas(self):
        """All that the client can say about quotas, with what it finds in
        the versions it asks for."""
        def quota(*args, **kwargs):
            return self.openstack('share', 'quota', *args, **{
                **self.keystone.credentials('admin', 'admin'), **kwargs})

        limits = {name: number for number, name in enumerate(
            ('shares', 'snapshots', 'gigabytes', 'snapshot-gigabytes',
             'share-networks', 'share-groups', 'share-group-snapshots',
             'share-replicas', 'replica-gigabytes', 'per-share-gigabytes',
             'encryption-keys'), start=20)}
        quota('set', 'p2', '--force', *_options(limits))
        shown = quota('show', 'p2')
        self.assertEqual(self.keystone.project_id('p2'), shown['id'])
        self.assertEqual(limits, {name: shown[name.replace('-', '_')]
                                  for name in limits})
        self.assertEqual((50, 1000),
                         (shown['backups'], shown['backup_gigabytes']))
        shown = quota('show', 'p2', '--detail')
        self.assertEqual('in_use = 0\nlimit = 20\nreserved = 0',
                         shown['shares'])

        # What the client has no option for in classes stays as it is.
        del limits['encryption-keys']
        defaults = {name: limit + 50 for name, limit in limits.items()}
        quota('set', 'default', '--class', *_options(defaults))
        self.addCleanup(quota, 'set', 'default', '--class',
                        *_options(dict.fromkeys(defaults, -1)))
        shown = quota('show', 'p2', '--defaults')
        self.assertEqual(defaults, {name: shown[name.replace('-', '_')]
                                    for name in defaults})
        self.assertEqual(20, quota('show', 'p2')['shares'])
        quota('delete', 'p2')
        self.assertEqual(70, quota('show', 'p2')['shares'])

        # Anyone sees those of the own project, and changes none.
        alice = self.credentials
        p1 = self.keystone.project_id('p1')
        self.assertEqual(70, quota('show', p1, **alice)['shares'])
        self.assertIn('403', quota('set', p1, '--shares', '1', fails=True,
                                   **alice))

        # Quotas of a part of a project are not taken for the project's.
        for part in (('--user', 'alice'), ('--share-type', 'default')):
            self.assertIn('400', quota('set', 'p1', '--shares', '1', *part,
                                       fails=True))
        self.assertEqual(70, quota('show', 'p1')['shares'])

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

    def test_application_credentials_with_access_rules(self):
        alice = self.token('alice')
        share = self.cloud.create_share(token=alice)
        path = '/v2/share-backups'
        confined = self.keystone.application_credential(
            'alice', alice, 'looks and creates', [
                ('GET', path), ('GET', f'{path}/*'), ('POST', path)])
        ask = self.cloud.ask
        backup = ask(202, 'POST', '/share-backups', {
            'share_backup': {'share_id': share['id']}},
            token=confined)['share_backup']
        self.cloud.wait_backup(backup['id'], 'available', token=confined)
        self.assertIn(backup['id'], self._listed(confined))
        path = f'/share-backups/{backup["id"]}'
        # What its rules do not have, though its user may do that.
        for method, other, body in (
                ('DELETE', path, None),
                ('POST', f'{path}/action', {'restore': None}),
                ('GET', '/share-backups/x/y', None),
                ('GET', f'/shares/{share["id"]}', None)):
            answer = self.cloud.request(method, other, body, token=confined)
            self._refused(answer)
        nothing = self.keystone.application_credential(
            'alice', alice, 'nothing', [('GET', '/v2/shares')])
        self._refused(self._get(nothing))
        ask(202, 'DELETE', path, token=alice)

    def test_token_revoked_after_use(self):
        # As the administrator's guide says of token_cache_time.
        asking = os.path.join(self.cloud.root, 'asking.conf')
        with open(asking, 'w') as file:
            file.write('[keystone_authtoken]\ntoken_cache_time = -1\n')
        port = cloud.free_port()
        self.cloud.start_api(port, asking)
        token = self.token('alice')
        for each in (None, port):
            self.assertEqual(200, self._get(token, each).status)
        self.keystone.revoke(token)
        self.assertEqual(200, self._get(token).status)
        self._refused(self._get(token, port))

    def test_token_expires(self):
        url = self.keystone.serve_short_lived(10)
        token = self.token('alice', url)
        self.assertEqual(200, self._get(token).status)
        self._refused(cloud.eventually(
            'the end of the token',
            lambda: (answer := self._get(token)).status != 200 and answer,
            pause=0.2))

    def _get(self, token, port=None):
        return self.cloud.request('GET', '/share-backups', token=token,
                                  port=port)

    def _refused(self, answer):
        self.assertEqual(401, answer.status)
        self.assertEqual(f'Keystone uri="{self.keystone.url}"',
                         answer.headers['WWW-Authenticate'])
        self.assertEqual('application/json',
                         answer.headers.get_content_type())
        self.assertEqual(401, answer.body['error']['code'])
        self.assertIn('x-compute-request-id', answer.headers)


def _options(limits):
    """Limits as ``openstack share quota set`` takes them."""
    return [word for name, limit in limits.items()
            for word in (f'--{name}', str(limit))]
