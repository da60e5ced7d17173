# SPDX-License-Identifier: Apache-2.0
"""A share is backed up, damaged and restored by separate processes."""

import concurrent.futures
import json
import os
import shutil
import threading

from tests.functional import base
from tests.functional import cloud


class LifecycleMySQL(base.TestCase):

    def setUp(self):
        super().setUp()
        self.worker = self.cloud.start()

    def test_damaged_share_is_restored(self):
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        made = self.fill(path, 200, 5000)
        os.mkdir(os.path.join(path, 'empty'))
        os.symlink('nowhere', os.path.join(path, 'link'))

        backup = self.cloud.create_backup(share['id'], name='first')
        self.assertEqual('creating', backup['status'])
        backup = self.cloud.wait_backup(backup['id'], 'available')
        self.assertEqual('100', backup['progress'])
        self.assertEqual('0', backup['restore_progress'])
        self.cloud.wait_share(share['id'], 'available')
        copy = self.cloud.backup_path(backup)
        self.assertEqual('nowhere', os.readlink(os.path.join(copy, 'link')))
        self.assertEqual(made, self.content(copy))

        shutil.rmtree(os.path.join(path, 'd3'))
        with open(os.path.join(path, 'd4', 'f4'), 'wb') as file:
            file.write(b'damaged')
        with open(os.path.join(path, 'd5', 'more'), 'wb') as file:
            file.write(b'not in the backup')
        answer = self.cloud.ask(
            202, 'POST', f'/share-backups/{backup["id"]}/action',
            {'restore': None})
        self.assertEqual({'restore': {'backup_id': backup['id'],
                                      'share_id': share['id']}}, answer)
        self.cloud.wait_share(share['id'], 'available')
        backup = self.cloud.show_backup(backup['id'])
        self.assertEqual(('available', '100'),
                         (backup['status'], backup['restore_progress']))
        self.assertEqual('nowhere', os.readlink(os.path.join(path, 'link')))
        self.assertEqual(made, self.content(path))
        self.assertTrue(os.path.isdir(os.path.join(path, 'empty')))

        answer = self.cloud.request('DELETE', f'/shares/{share["id"]}')
        self.assertEqual(403, answer.status)
        answer = self.cloud.request('DELETE',
                                    f'/share-backups/{backup["id"]}')
        self.assertEqual(202, answer.status)
        self.assertIn('x-openstack-request-id', answer.headers)
        self.assertIn('x-compute-request-id', answer.headers)
        self.cloud.wait_backup(backup['id'], None)
        self.assertFalse(os.path.exists(copy))
        self.cloud.ask(202, 'DELETE', f'/shares/{share["id"]}')
        self.cloud.wait_share(share['id'], None)
        self.assertFalse(os.path.exists(path))

    def test_two_racing_creates_on_one_share(self):
        shares = [self.cloud.create_share() for _ in range(5)]
        # With no worker the winner's backup can't be done before the last
        # of them is heard.
        self.cloud.tolerate = cloud.NO_WORKER
        self.worker.stop()
        self.other_port = cloud.free_port()
        self.cloud.start_api(port=self.other_port)
        backups = []
        for share in shares:
            statuses = self._race(share['id'], 6)
            self.assertEqual(1, statuses.count(202), statuses)
            self.assertEqual(set(), set(statuses) - {202, 400, 409})
            (found,), = self.cloud.rows(
                'SELECT id FROM share_backups WHERE share_id = :id',
                id=share['id'])
            backups.append(found)
        self.cloud.start_worker()
        for found in backups:
            self.cloud.wait_backup(found, 'available')
            operations = self.cloud.rows(
                'SELECT attempt FROM operations WHERE backup_id = :id',
                id=found)
            self.assertEqual([(1,)], operations)

    def _race(self, share_id, racers):
        barrier = threading.Barrier(racers)

        def create(number):
            port = self.other_port if number % 2 else self.cloud.port
            barrier.wait()
            return self.cloud.request('POST', '/share-backups', {
                'share_backup': {'share_id': share_id}}, port=port).status

        with concurrent.futures.ThreadPoolExecutor(racers) as pool:
            return list(pool.map(create, range(racers)))

    def test_fifty_shares_at_once_on_two_workers(self):
        workers = [self.worker, self.cloud.start_worker()]
        token = 'demo:p1'
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            shares = list(pool.map(
                lambda _: self.cloud.create_share(), range(50)))
            for share in shares:
                self.fill(self.cloud.share_path(share['id']), 10, 1000)
            backups = list(pool.map(
                lambda share: self.cloud.create_backup(share['id']), shares))
            list(pool.map(lambda backup: self.cloud.wait_backup(
                backup['id'], 'available', token), backups))
        done = self.cloud.rows(
            "SELECT worker, count(*) FROM operations WHERE kind = 'create' "
            "AND status = 'done' AND attempt = 1 GROUP BY worker")
        self.assertEqual(50, sum(count for _, count in done))
        self.assertEqual({f'here:{each.pid}' for each in workers},
                         {worker.rpartition(':')[0] for worker, _ in done})


class LifecyclePostgreSQL(LifecycleMySQL):

    server = 'postgresql'


class Surroundings(base.TestCase):

    def setUp(self):
        super().setUp()
        self.worker = self.cloud.start()

    def test_operation_asked_for_while_no_worker_runs(self):
        self.cloud.tolerate = cloud.NO_WORKER
        share = self.cloud.create_share()
        self.assertEqual(0, self.worker.stop())
        backup = self.cloud.create_backup(share['id'])
        # The message is gone with nobody to hear it: the row is not.
        self.cloud.start_worker()
        self.cloud.wait_backup(backup['id'], 'available')

    def test_service_list_and_operation_list(self):
        share = self.cloud.create_share()
        listed = json.loads(self.cloud.manage(
            'service', 'list', '--format', 'json'))
        self.assertIn(('manila-backup-worker', 'here', 'up'),
                      [(each['binary'], each['host'], each['state'])
                       for each in listed])
        self.assertIn(share['id'],
                      self.cloud.manage('operation', 'list', '--long'))
        self.worker.stop()
        listed = json.loads(self.cloud.manage(
            'service', 'list', '--format', 'json'))
        self.assertEqual([], [each for each in listed
                              if each['binary'] == 'manila-backup-worker'])

    def test_adopted_directory(self):
        path = os.path.join(self.cloud.root, 'existing')
        os.mkdir(path)
        made = self.fill(path, 20, 100)
        body = {'share': {
            'service_host': 'here@local#local', 'export_path': path,
            'protocol': 'NFS', 'name': 'adopted'}}
        self.assertEqual(403, self.cloud.request(
            'POST', '/shares/manage', body).status)
        share = self.cloud.ask(200, 'POST', '/shares/manage', body,
                               token='admin:p1')['share']
        self.cloud.wait_share(share['id'], 'available')
        backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        self.assertEqual(made, self.content(self.cloud.backup_path(backup)))
