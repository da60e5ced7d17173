# SPDX-License-Identifier: Apache-2.0
"""The resources where there is a Keystone, with a catalog."""

from tests.functional import keystone
from tests.heat import base


class Keystone(base.TestCase):

    @classmethod
    def make_service(cls):
        return keystone.KeystoneCloud()

    @classmethod
    def start_service(cls):
        cls.keystone = cls.service.keystone
        return cls.service.cloud

    def sign_in(self):
        self.keystone.add_user('demo', 'p1', 'member')
        self.token = self.keystone.sign_in('demo', 'p1')
        self.project = self.keystone.project_id('p1')
        return {'username': 'demo',
                'password': keystone.password_of('demo'),
                'project_id': self.project,
                'auth_url': self.keystone.url,
                'region_name': keystone.REGION}

    def test_catalog(self):
        """The service is found there, and asked as the user."""
        self.assertTrue(self.heat(
            'available', resource_type='OS::ManilaBackup::Backup'))
        share_id = self.create_share()
        self.stack('create', {
            'b': ('Backup', {'share': 'documents'}),
            'p': ('Policy', {'assignments': [{'share': 'documents'}]})})
        backup, = self.backups()
        policy, = self.policies()
        self.assertEqual(
            (share_id, self.project, [('share', share_id)]),
            (backup['share_id'], policy['project_id'],
             self.assignments(policy['id'])))
        self.delete()
        self.assertEqual(([], []), (self.backups(), self.policies()))
