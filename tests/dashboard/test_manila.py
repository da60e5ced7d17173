# SPDX-License-Identifier: Apache-2.0
"""The panels in a cloud with a real Manila: in one region with this service
beside it, in another one without."""

import os

from tests.dashboard import base
from tests.dashboard import horizon
from tests.dashboard import visitor
from tests.functional import cloud as functional
from tests.functional import keystone
from tests.manila import base as manila

_PLAIN = 'Plain'


class ManilaTest(manila.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        ask = cls.manila.keystone.ask
        known, = ask('GET', '/services?type=shared-file-system')['services']
        ask('POST', '/regions', {'region': {'id': _PLAIN}})
        ask('POST', '/endpoints', {'endpoint': {
            'service_id': known['id'], 'interface': 'public',
            'region_id': _PLAIN, 'url': cls.manila.url}})
        cls.horizon = horizon.Horizon(cls.manila.keystone.url)
        cls.horizon.setUp()
        cls.addClassCleanup(cls.horizon.cleanUp)

    def signed_in(self, user, region):
        """A visitor who has signed in to Horizon, in a region."""
        found = visitor.Visitor(self.horizon.url)
        found.sign_in(user, keystone.password_of(user), base.BACKUPS)
        found.get(f'/auth/switch_services_region/{region}/',
                  next=base.BACKUPS)
        return found

    def test_without_the_service(self):
        """Manila's own share backups: what it lacks is not shown."""
        share = self.manila.create_share()
        alice = self.signed_in('alice', _PLAIN)
        page = alice.get(base.BACKUPS)
        self.assertEqual(200, page.status)
        self.assertNotIn('Result', page.text)
        for panel in ('Backup Policies', 'Protected Shares', 'Backup Usage'):
            self.assertNotIn(panel, page.links)
        page = alice.get(base.BACKUPS + 'create/')
        page = alice.submit(page, '/create/', share=share['id'],
                            name='monday')
        self.assertIn('Creating share backup monday.', page.text)
        page = alice.get(base.BACKUPS)
        for action in ('Cancel Operation', 'Edit Metadata', 'Browse Files'):
            self.assertNotIn(action, page.text)
        where = page.links['monday']
        backup_id = where.split('/')[-2]
        page = alice.get(where)
        self.assertIn(share['id'], page.text)
        for text in ('Stored for it', 'Warnings', 'Operations', 'Metadata'):
            self.assertNotIn(text, page.text)
        for panel in (base.POLICIES, base.COVERAGE, base.USAGE):
            self.assertIn('You are not authorized to access this page',
                          alice.get(panel).text)

        # Nothing is there that makes it.
        admin = self.signed_in('admin', _PLAIN)
        self.assertIn('monday', admin.get(base.ADMIN).text)
        page = admin.get(f'{base.ADMIN}{backup_id}/reset_status/')
        page = admin.submit(page, '/reset_status/', status='available')
        self.assertIn('The status is reset.', page.text)
        page = alice.get(where + 'update/')
        page = alice.submit(page, '/update/', name='tuesday')
        self.assertIn('tuesday', page.text)
        page = alice.get(where + 'restore/')
        for text in ('it is shown what', 'a new share'):
            self.assertNotIn(text, page.text)
        page = alice.submit(page, '/restore/')
        self.assertIn('confirm it', page.text)

    def test_with_the_service(self):
        """Back up and restore a share of Manila's."""
        share = self.manila.create_share()
        path = os.path.join(self.manila.share_path(share['id']), 'a')
        with open(path, 'w') as file:
            file.write('first')
        alice = self.signed_in('alice', keystone.REGION)
        page = alice.get(base.BACKUPS + 'create/')
        alice.submit(page, '/create/', share=share['id'], name='monday')
        functional.eventually('the backup', lambda: 'complete' in alice.get(
            base.BACKUPS).text, pause=0.5)
        page = alice.get(base.BACKUPS)
        for panel in ('Backup Policies', 'Protected Shares', 'Backup Usage'):
            self.assertIn(panel, page.links)
        where = page.links['monday']
        page = alice.get(where)
        self.assertIn('Stored for it', page.text)
        with open(path, 'w') as file:
            file.write('changed')
        page = alice.get(where + 'restore/')
        page = alice.submit(page, '/restore/')
        if 'Looking at the share takes longer' in page.text:
            # That is an operation, which has to be over first.
            functional.eventually(
                'the look', lambda: 'restore done' in alice.get(
                    where, tab='share_backup__operations').text, pause=0.5)
        else:
            self.assertIn('have something else in their place /a', page.text)
        page = alice.submit(page, '/restore/', confirm='on')
        self.assertIn('Restoring share backup monday.', page.text)

        def restored():
            with open(path) as file:
                return file.read() == 'first'

        functional.eventually('the content', restored, pause=0.5)
