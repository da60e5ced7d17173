# SPDX-License-Identifier: Apache-2.0
"""Share backups by way of openstacksdk, with the resources in ``clients/``."""

import os

import openstack
from openstack import exceptions

from manila_backup_client import sdk
from tests.functional import base
from tests.functional import cloud

HOOK = 'manila_backup_client.sdk:attach'

#: Seconds between two looks.
OFTEN = 0.1


class SdkCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.worker = self.cloud.start()
        self.shares = self.connect(vendor_hook=HOOK).shared_file_system

    def connect(self, **how):
        url = f'http://127.0.0.1:{self.cloud.port}/v2'
        connection = openstack.connect(
            auth_type='none', endpoint=url,
            shared_file_system_endpoint_override=url, **how)
        self.addCleanup(connection.close)
        return connection

    def share(self):
        """A share with content: (its id, its path, its content)."""
        share = self.cloud.create_share('admin:admin')
        path = self.cloud.share_path(share['id'])
        return share['id'], path, self.fill(path, 10, 500)

    def wait(self, backup):
        return self.shares.wait_for_share_backup(backup, OFTEN,
                                                 cloud.PATIENCE)


class Sdk(SdkCase):

    def test_ways_to_attach(self):
        share_id, _path, _made = self.share()
        backup = self.cloud.create_backup(share_id, 'admin:admin')
        there_before = self.connect()
        self.assertIsNotNone(there_before.shared_file_system)
        sdk.attach(there_before)
        for connection in (self.connect(extra_services=[sdk.SERVICE]),
                           there_before):
            proxy = connection.shared_file_system
            self.assertEqual(backup['id'], proxy.get_share_backup(
                backup['id']).id)
            # What the service does not have is not asked for elsewhere.
            self.assertEqual([share_id],
                             [each.id for each in proxy.shares()])
        self.cloud.wait_backup(backup['id'], 'available', 'admin:admin')

    def test_life_cycle(self):
        share_id, path, made = self.share()
        told = []
        backup = self.shares.create_share_backup(
            share_id=share_id, name='monday')
        self.assertEqual('creating', backup.status)
        backup = self.shares.wait_for_share_backup(
            backup, OFTEN, cloud.PATIENCE, told.append)
        self.assertEqual(('available', 100), (backup.status, backup.progress))
        self.assertEqual([], [each for each in told if not 0 <= each <= 100])
        # Ten directories, too.
        self.assertEqual(
            ('complete', 20, 5000, 0, 'user', 'admin', None), (
                backup.result, backup.entries, backup.content_bytes,
                backup.missing_count, backup.requested_by, backup.user_id,
                backup.verified_at))
        self.assertGreater(backup.stored_bytes, 0)
        self.assertLess(backup.created_at, backup.completed_at)
        self.assertEqual(
            [(backup.id, 'available')],
            [(each.id, each.status) for each in self.shares.share_backups(
                share_id=share_id)])
        self.assertEqual([], list(self.shares.share_backups(name='x')))
        backup = self.shares.update_share_backup(backup, name='tuesday',
                                                 description='changed')
        found = self.shares.find_share_backup('tuesday')
        self.assertEqual((backup.id, 'changed'),
                         (found.id, self.shares.get_share_backup(
                             found).description))
        os.unlink(os.path.join(path, next(iter(made))))
        self.assertEqual(share_id, self.shares.restore_share_backup(backup))
        self.assertEqual(100, self.wait(backup).restore_progress)
        self.assertEqual(made, self.content(path))
        self.cloud.wait_share(share_id, 'available', 'admin:admin')
        self._operations(share_id, backup)

    def _operations(self, share_id, backup):
        self.shares.delete_share_backup(backup)
        self.assertIsNone(self.wait(backup))
        self.assertRaises(exceptions.NotFoundException,
                          self.shares.get_share_backup, backup)
        # Two pages.
        operations = list(self.shares.share_backup_operations(
            backup_id=backup.id, limit=2))
        self.assertEqual(
            [('delete', 'done'), ('restore', 'done'), ('create', 'done')],
            [(each.kind, each.status) for each in operations])
        created = self.shares.get_share_backup_operation(operations[2].id)
        self.assertEqual((share_id, 5000, 100, 1), (
            created.share_id, created.bytes_done, created.progress,
            created.attempt))
        self.assertRaisesRegex(
            exceptions.ConflictException, 'is over',
            self.shares.cancel_share_backup_operation, created)

    def test_metadata(self):
        share_id, _path, _made = self.share()
        backup = self.shares.create_share_backup(
            share_id=share_id, metadata={'team': 'blue'})
        self.wait(backup)
        self.shares.set_share_backup_metadata(backup, ticket='17', a='b')
        self.shares.delete_share_backup_metadata(backup, ['a'])
        wanted = {'team': 'blue', 'ticket': '17'}
        self.assertEqual(wanted, self.shares.get_share_backup_metadata(
            backup.id).metadata)
        self.assertEqual(wanted, self.shares.get_share_backup(
            backup).metadata)
        self.assertEqual([], list(self.shares.share_backups(
            created_before='2020-01-01')))

    def test_another_share(self):
        share_id, _path, made = self.share()
        other = self.cloud.create_share('admin:admin')['id']
        backup = self.wait(self.shares.create_share_backup(
            share_id=share_id))
        self.assertEqual(other, self.shares.restore_share_backup(
            backup, self.shares.get_share(other)))
        self.wait(backup)
        self.assertEqual(made, self.content(self.cloud.share_path(other)))

    def test_cancel(self):
        share_id, _path, _made = self.share()
        self.worker.stop()
        self.cloud.tolerate = cloud.NO_WORKER
        for cancel in (
                self.shares.cancel_share_backup,
                lambda backup: self.shares.cancel_share_backup_operation(
                    next(self.shares.share_backup_operations(
                        backup_id=backup.id)))):
            backup = self.shares.create_share_backup(share_id=share_id)
            cancel(backup)
            self.assertRaisesRegex(
                exceptions.ResourceFailure, 'It was cancelled', self.wait,
                backup)
            self.cloud.wait_share(share_id, 'available', 'admin:admin')

    def test_failure(self):
        self.cloud.tolerate = 'attempt [0-9]+ failed'
        share_id, path, _made = self.share()
        os.rename(path, f'{path}.away')
        backup = self.shares.create_share_backup(share_id=share_id)
        self.assertRaisesRegex(exceptions.ResourceFailure, 'share',
                               self.wait, backup)
        message, = self.shares.user_messages(resource_id=backup.id)
        self.assertEqual('002', message.action_id)
        self.assertIsNone(self.shares.get_share_backup(backup).result)
