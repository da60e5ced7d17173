# SPDX-License-Identifier: Apache-2.0
"""Share backups by way of openstacksdk, with the resources in ``clients/``."""

import os
import subprocess

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
            share_id=share_id, metadata={'team': 'blue', 'old': 'x'})
        self.wait(backup)
        self.shares.set_share_backup_metadata(backup, ticket='17', a='b')
        self.shares.delete_share_backup_metadata(backup, ['a', 'old'])
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

    def test_contents(self):
        share_id, path, _made = self.share()
        os.mkdir(os.path.join(path, 'sure by 100%'), 0o750)
        backup = self.wait(self.shares.create_share_backup(
            share_id=share_id))
        # Two pages.
        names = [each.name for each in self.shares.share_backup_files(
            backup, limit=6)]
        self.assertEqual([*(f'd{number}' for number in range(10)),
                          'sure by 100%25'], names)
        shown, = self.shares.share_backup_files(backup, '/d3')
        self.assertEqual(
            ('/d3/f3', 'file', 'stored', 500, backup.id),
            (shown.path, shown.type, shown.state, shown.size,
             shown.backup_id))
        self.assertIn('sha256:', shown.digest)
        found, = self.shares.search_share_backup_files(
            backup, 's*', min_size=0)
        self.assertEqual(('directory', '0750', None),
                         (found.type, found.mode, found.digest))
        self.assertEqual([], list(self.shares.search_share_backup_files(
            backup, under='/d3', min_size=501)))
        self.assertRaisesRegex(
            exceptions.NotFoundException, 'directory',
            list, self.shares.share_backup_files(backup, 'gone'))

    def test_files_through_time(self):
        share_id, path, _made = self.share()
        first = self.wait(self.shares.create_share_backup(share_id=share_id))
        with open(os.path.join(path, 'd3', 'f3'), 'wb') as file:
            file.write(b'changed')
        self.cloud.wait_share(share_id, 'available', 'admin:admin')
        second = self.wait(self.shares.create_share_backup(
            share_id=share_id))
        newest, oldest = self.shares.share_backup_file_versions(
            share_id, '/d3/f3')
        self.assertEqual((7, second.id, first.id, 1), (
            newest.size, newest.first_backup_id, oldest.last_backup_id,
            oldest.backup_count))
        change, = self.shares.share_backup_changes(second, first)
        self.assertEqual(('changed', '/d3/f3', 7, 500), (
            change.change, change.path, change.size, change.previous_size))
        self.assertEqual(b'changed', self.shares.download_share_backup_file(
            second, '/d3/f3'))
        found = self.shares.restore_share_backup_files(
            first, ['/d3/f3'], conflict='overwrite', dry_run=True)
        self.assertEqual(1, found['dry_run']['conflicts'])
        self.cloud.wait_share(share_id, 'available', 'admin:admin')
        self.shares.restore_share_backup_files(
            first, ['/d3/f3'], conflict='overwrite')
        self.cloud.wait_share(share_id, 'available', 'admin:admin')
        self.assertEqual(500, os.path.getsize(os.path.join(path, 'd3/f3')))

    def test_warnings(self):
        share_id, path, _made = self.share()
        for number in range(2):
            # What is mounted in a share is no part of it.
            name = os.path.join(path, f'mount {number}')
            os.mkdir(name)
            subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', name],
                           check=True)
            self.addCleanup(subprocess.run, ['umount', name], check=True)
        backup = self.wait(self.shares.create_share_backup(
            share_id=share_id))
        self.assertEqual(2, backup.warning_count)
        # Two pages.
        warnings = list(self.shares.share_backup_warnings(backup, limit=1))
        self.assertEqual(
            [(1, 'partial', True), (2, 'partial', True)],
            [(each.number, each.code, each.is_stored) for each in warnings])
        self.assertEqual({'mount 0', 'mount 1'},
                         {each.path for each in warnings})
        self.assertEqual(1, len(list(self.shares.share_backup_warnings(
            backup.id, marker=1))))

    def test_quotas(self):
        quota = self.shares.update_share_backup_quota(
            'p1', backups=3, backup_policies=2)
        self.assertEqual((3, 2, -1), (quota.backups, quota.backup_policies,
                                      quota.backup_stored_gigabytes))
        self.assertEqual(3, self.shares.get_share_backup_quota('p1').backups)
        self.assertEqual(
            {'limit': 3, 'in_use': 0, 'reserved': 0},
            self.shares.get_share_backup_quota('p1', 'detail').backups)
        defaults = self.shares.get_share_backup_quota('p1', 'defaults')
        self.assertEqual(('p1', 50), (defaults.project_id, defaults.backups))
        self.shares.delete_share_backup_quota('p1')
        self.assertEqual(50, self.shares.get_share_backup_quota('p1').backups)

    def test_usage(self):
        ids = set()
        for _ in range(2):
            share_id, _path, _made = self.share()
            self.wait(self.shares.create_share_backup(share_id=share_id))
            ids.add(share_id)
        whole, = self.shares.share_backup_usage()
        self.assertEqual(('admin', 2, 2, 10000, 0, None), (
            whole.project_id, whole.backups, whole.gigabytes,
            whole.content_bytes, whole.unmeasured_backups, whole.share_id))
        # Two pages.
        by_share = list(self.shares.share_backup_usage(group_by='share',
                                                       limit=1))
        self.assertEqual(ids, {each.share_id for each in by_share})
        self.assertEqual(2, len(by_share))
        by_day = list(self.shares.share_backup_usage(interval='day'))
        # Midnight may have been between the two.
        self.assertEqual(2, sum(each.backups for each in by_day))
        for each in by_day:
            self.assertEqual(each.last_backup_at[:10], each.day)

    def test_services(self):
        found, = self.shares.share_backup_services(state='up')
        drained = self.shares.drain_share_backup_service(found, 'moves')
        self.assertEqual(('draining', 'moves'),
                         (drained.status, drained.disabled_reason))
        self.assertEqual('disabled', self.shares.disable_share_backup_service(
            found.id).status)
        self.assertEqual([], list(self.shares.share_backup_services(
            status='enabled')))
        self.shares.enable_share_backup_service(found)
        shown = self.shares.get_share_backup_service(found.id)
        self.assertEqual(('enabled', None, 1), (
            shown.status, shown.disabled_reason, shown.processes))

    def test_repositories(self):
        def measured():
            return [each for each in self.shares.share_backup_repositories()
                    if each.hosts and each.hosts[0]['measured_at']]

        found, = cloud.eventually('a measurement', measured)
        self.assertEqual(('posix', 0, None), (
            found.backup_type, found.backups, found.oldest_verified_at))
        self.assertEqual(('here', self.cloud.repository), (
            found.hosts[0]['host'], found.hosts[0]['location']))
        self.assertEqual([], list(self.shares.share_backup_repositories(
            backup_type='tape')))

    def test_policies(self):
        share_id, _path, _made = self.share()
        gold = self.shares.create_share_backup_policy(
            name='gold', retention={'daily': 7},
            rules=[{'name': 'nightly', 'cron': '0 2 * * *'}])
        self.assertEqual(7, gold.retention['daily'])
        covered, = self.shares.share_backup_coverage()
        self.assertEqual((share_id, False), (covered.share_id,
                                             covered.is_protected))
        assigned = self.shares.assign_share_backup_policy(
            gold, 'share', share_id)
        self.assertEqual([], list(self.shares.share_backup_coverage(
            is_protected=False)))
        self.assertEqual(1, self.shares.run_share_backup_policy(
            gold, rule='nightly'))
        run, = self.shares.share_backup_policy_runs(gold)
        self.assertEqual((share_id, gold.id), (run.share_id, run.policy_id))
        backup = cloud.eventually('the backup', lambda: next(
            self.shares.share_backups(status='available'), None))
        self.assertEqual(('policy', gold.id),
                         (backup.requested_by, backup.policy_id))
        self.assertEqual([run.id], [
            each.id for each in self.shares.share_backup_policy_runs(
                gold, share_id=share_id, since='2020-01-01')])
        for query in ({'status': 'missed'}, {'since': '2199-01-01'},
                      {'marker': run.id}):
            self.assertEqual([], list(self.shares.share_backup_policy_runs(
                gold, **query)))
        simulated = self.shares.simulate_share_backup_policy(
            gold, retention={'last': 1})
        self.assertEqual(0, simulated['deletions'])
        self.shares.update_share_backup_policy(
            gold, name='silver', retention={'last': 2}, confirm_deletions=0)
        self.shares.disable_share_backup_policy(gold)
        silver = self.shares.find_share_backup_policy('silver')
        self.assertEqual((gold.id, False, 2), (
            silver.id, silver.is_enabled, silver.retention['last']))
        self.shares.enable_share_backup_policy(silver)
        self.assertTrue(self.shares.get_share_backup_policy(
            gold.id).is_enabled)
        self.assertEqual([assigned.id], [
            each.id for each in
            self.shares.share_backup_policy_assignments(silver)])
        self.shares.unassign_share_backup_policy(silver, assigned)
        self.shares.delete_share_backup_policy(silver)
        self.assertEqual([], list(self.shares.share_backup_policies()))
