# SPDX-License-Identifier: Apache-2.0
"""Common parts of the tests that get between the service and Manila."""

import os
import re

from manila_backup.engine import attempt
from manila_backup.requests import external_shares
from tests.functional import cloud as functional
from tests.functional import rabbit
from tests.manila import base
from tests.manila import cloud
from tests.manila import fault_proxy

CHANGES = ('POST', 'PUT', 'DELETE')


class TestCase(base.TestCase):
    """A test with a :class:`~tests.manila.fault_proxy.FaultProxy`.

    :cvar proxy: it.
    """

    more = {}

    @classmethod
    def setUpClass(cls):
        cls.proxy = fault_proxy.FaultProxy(cloud.shared().port)
        cls.proxy.setUp()
        cls.addClassCleanup(cls.proxy.cleanUp)
        cls.options = {
            'transport_url': cls._bus(),
            'manila_shares__endpoint_override': cls.proxy.url,
            'manila_shares__wait_interval': 0.1,
            'backup__sweep_interval': 1,
            'backup__max_attempts': 3,
            **cls.more}
        super().setUpClass()
        # What goes wrong is what is tested.
        cls.service.cloud.tolerate = '|'.join(
            re.escape(f'ERROR {module.__name__} ')
            for module in (attempt, external_shares))

    @classmethod
    def _bus(cls):
        # Wake-up calls go to the workers of all tests on one bus.
        found = rabbit.VirtualHost()
        found.setUp()
        cls.addClassCleanup(found.cleanUp)
        return found.url

    def setUp(self):
        super().setUp()
        self.proxy.reset()
        self.addCleanup(self.proxy.reset)
        self.cloud = self.service.cloud
        self.alice = self.manila.token('alice')
        self.admin = self.manila.token('admin')

    def make_share(self, share_type='plain', **kwargs):
        """A share with something in it; its id."""
        share = self.manila.create_share(share_type=share_type, **kwargs)
        path = self.manila.share_path(share['id'])
        os.makedirs(os.path.join(path, 'sub'))
        for name in ('file', 'sub/file'):
            with open(os.path.join(path, name), 'w') as file:
                file.write(share['id'] + name)
        return share['id']

    def assertContent(self, share_id):
        """Check that it is what :meth:`make_share` put there."""
        path = self.manila.share_path(share_id)
        self.assertEqual(['file', 'sub'], sorted(os.listdir(path)))
        for name in ('file', 'sub/file'):
            with open(os.path.join(path, name)) as file:
                self.assertEqual(share_id + name, file.read())

    def back_up(self, share_id):
        """Begin a backup; its id."""
        return self.cloud.create_backup(share_id, token=self.alice)['id']

    def restore(self, backup_id, target=None):
        """Begin a restore."""
        self.cloud.ask(202, 'POST', f'/share-backups/{backup_id}/action',
                       {'restore': target}, token=self.alice)

    def wait_backup(self, backup_id, status):
        """Wait for a status; the backup as an administrator sees it."""
        return self.cloud.wait_backup(backup_id, status, token=self.admin)

    def left(self, share_id):
        """List what there is of the service's with a share."""
        share = self.manila.show('shares', share_id)
        return [
            *(self.manila.rules(share_id) if share else ()),
            *(lock for lock in self.manila.locks()
              if lock['resource_id'] == share_id),
            *(each for each in self.manila.request(
                'GET', '/snapshots/detail?all_tenants=1')['snapshots']
              if each['share_id'] == share_id),
            *(each for each in self.manila.request(
                'GET', '/shares/detail?all_tenants=1')['shares']
              if (each['name'] or '').startswith('manila-backup:')),
            *(share['metadata'] if share else ())]

    def assertNothingLeft(self, share_id):
        """Wait until it is so: some of it is the sweep's."""
        functional.eventually(f'nothing of {share_id} to be left',
                              lambda: not self.left(share_id), pause=0.2)
        functional.eventually(
            'it to be known', lambda: not self.cloud.rows(
                'SELECT id FROM operations WHERE share_id = :id '
                'AND holds IS NOT NULL', id=share_id), pause=0.2)
        mounts = os.path.join(self.cloud.state, 'mounts')
        # But for where secrets are, which all mounts share, and never here.
        functional.eventually('mount points to go', lambda: not (
            os.path.exists(mounts)
            and {*os.listdir(mounts)} - {'.secret'}), pause=0.2)
        secrets = os.path.join(mounts, '.secret')
        self.assertFalse(os.path.exists(secrets) and os.listdir(secrets))

    def share_status(self, share_id):
        """A share's status as this service has it."""
        (status,), = self.cloud.rows('SELECT status FROM shares WHERE '
                                     'id = :id', id=share_id)
        return status
