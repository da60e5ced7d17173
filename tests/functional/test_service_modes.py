# SPDX-License-Identifier: Apache-2.0
"""Workers that are disabled, drained and enabled again over the API."""

import json

from tests.functional import base
from tests.functional import cloud

BEYOND = {'OpenStack-API-Version': 'shared-file-system-backup 1.0'}

PATH = '/share-backup-services'


class ServiceModesMySQL(base.TestCase):
    """Workers on two hosts. ``here`` is the one that is disabled."""

    # Held back, so that no machine is too fast for it to be drained in the
    # middle.
    FILES, SIZE = 1000, 20_000

    options = {'posix__processes': 1, 'posix__incremental': False,
               'backup__bytes_per_second': 16_000_000,
               'backup__progress_interval': 0.1,
               'backup__scan_interval': 0.5, 'report_interval': 0.5}

    def setUp(self):
        super().setUp()
        self.here = self.cloud.start()
        self.service, = self._services()

    def _services(self, **filters):
        query = '&'.join(f'{name}={value}' for name, value in filters.items())
        return self.cloud.ask(
            200, 'GET', f'{PATH}?{query}', token='admin:admin',
            headers=BEYOND)['share_backup_services']

    def _tell(self, action, reason=None):
        asked = {'reason': reason} if reason else None
        return self.cloud.ask(
            200, 'POST', f'{PATH}/{self.service["id"]}/action',
            {action: asked}, token='admin:admin',
            headers=BEYOND)['share_backup_service']

    def _await_mode(self, worker, mode):
        cloud.eventually(f'the worker to be {mode}',
                         lambda: f'is {mode} now' in worker.said())

    def _start_elsewhere(self):
        worker = self.cloud.start_worker(self._host('there'))
        cloud.eventually('the other worker', lambda: self._services(
            host='there', state='up'))
        return worker

    def _host(self, name):
        path = f'{self.cloud.state}/{name}.conf'
        with open(path, 'w') as file:
            file.write(f'[DEFAULT]\nhost = {name}\n')
        return path

    def _workers_of(self, backup):
        return {row.worker and row.worker.split(':')[0]: row.status
                for row in self.cloud.rows(
                    'SELECT worker, status FROM operations '
                    'WHERE backup_id = :id', id=backup['id'])}

    def test_disabled_ones_take_nothing_until_enabled(self):
        share = self.cloud.create_share()
        told = self._tell('disable', 'new disks')
        self.assertEqual(('disabled', 'new disks', 'up'), (
            told['status'], told['disabled_reason'], told['state']))
        self._await_mode(self.here, 'disabled')
        listed, = json.loads(self.cloud.manage('service', 'list', '--format',
                                               'json'))
        self.assertEqual(('disabled', 'new disks'),
                         (listed['status'], listed['disabled_reason']))
        backup = self.cloud.create_backup(share['id'])
        # It outlives the process.
        self.here.stop()
        self.here = self.cloud.start_worker()
        self._await_mode(self.here, 'disabled')
        self.assertEqual({None: 'queued'}, self._workers_of(backup))
        other = self._start_elsewhere()
        self.cloud.wait_backup(backup['id'], 'available')
        self.assertEqual({'there': 'done'}, self._workers_of(backup))
        other.stop()
        self._tell('enable')
        again = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(again['id'], 'available')
        self.assertEqual(
            {self.service['host']: 'done'}, self._workers_of(again))

    def test_disabled_ones_finish_what_they_have(self):
        backup = self._begin()
        self._tell('disable')
        self._await_mode(self.here, 'disabled')
        self._start_elsewhere()
        self.cloud.wait_backup(backup['id'], 'available')
        self.assertEqual({self.service['host']: 'done'},
                         self._workers_of(backup))

    def test_drained_ones_hand_over_what_they_have(self):
        backup = self._begin()
        self._tell('drain', 'moves')
        self._await_mode(self.here, 'draining')
        cloud.eventually('nothing to run there', lambda: not self._services(
            status='draining')[0]['running_operations'])
        self.assertIn('handed over', self.here.said())
        self.assertEqual('creating',
                         self.cloud.show_backup(backup['id'])['status'])
        self._start_elsewhere()
        self.cloud.wait_backup(backup['id'], 'available')
        self.assertEqual({'there': 'done'}, self._workers_of(backup))
        row, = self.cloud.rows('SELECT failures FROM operations '
                               'WHERE backup_id = :id', id=backup['id'])
        self.assertEqual(0, row.failures)

    def _begin(self):
        """A backup that is being made."""
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), self.FILES, self.SIZE)
        backup = self.cloud.create_backup(share['id'])
        cloud.eventually(
            'the copy', lambda: self.cloud.rows(
                "SELECT 1 FROM operations WHERE backup_id = :id AND "
                "status = 'running' AND files_done > 0", id=backup['id']),
            pause=0.01)
        return backup


class ServiceModesPostgreSQL(ServiceModesMySQL):

    server = 'postgresql'
