# SPDX-License-Identifier: Apache-2.0
"""Zones, services, limits and quotas."""

import datetime

from manila_backup.db import models
from tests.unit.api import base


class TestCloud(base.ApiTest):

    def _get(self, path, **kwargs):
        return self.call('GET', f'/v2/{path}', code=200, **kwargs).json

    def test_availability_zones(self):
        found = self._get('availability-zones')['availability_zones']
        self.assertEqual(['nova'], [each['name'] for each in found])
        again = self._get('availability-zones')['availability_zones']
        self.assertEqual(found, again)

    def test_services(self):
        old = datetime.datetime(2020, 1, 1)
        with self.api.database.writer() as conn:
            for identity, values in (('a:1:x', {}),
                                     ('b:2:y', {'last_seen': old})):
                conn.execute(models.services.insert().values(
                    identity=identity, binary='manila-backup-worker',
                    host=identity[0], availability_zone='nova', **values))
        self.call('GET', '/v2/services', code=403)
        found = self._get('services', token=base.ADMIN)['services']
        self.assertEqual([('a', 'up'), ('b', 'down')], [
            (each['host'], each['state']) for each in found])
        found = self._get('services?state=down&binary=manila-backup-worker',
                          token=base.ADMIN)['services']
        self.assertEqual(['b'], [each['host'] for each in found])
        self.assertIn('disabled_reason', found[0])

    def test_limits(self):
        self.make_backup(self.make_share(size=3))
        absolute = self._get('limits')['limits']['absolute']
        self.assertEqual((1, 3, 50, 1000), (
            absolute['totalSharesUsed'],
            absolute['totalShareGigabytesUsed'],
            absolute['maxTotalShares'],
            absolute['maxTotalShareBackupGigabytes']))
        self.assertEqual(3, absolute['totalShareBackupGigabytesUsed'])
        self.assertEqual(-1, absolute['maxTotalShareNetworks'])

    def test_quotas(self):
        with self.api.database.writer() as conn:
            conn.execute(models.quotas.insert().values(
                project_id='p1', resource='backups', hard_limit=7))
        self.make_backup()
        found = self._get('quota-sets/p1')['quota_set']
        self.assertEqual(('p1', 7, 1000), (
            found['id'], found['backups'], found['backup_gigabytes']))
        self.assertNotIn('backups', self._get(
            'quota-sets/p1', version='2.79')['quota_set'])
        found = self._get('quota-sets/p1/detail')['quota_set']
        self.assertEqual({'limit': 7, 'in_use': 1, 'reserved': 0},
                         found['backups'])
        found = self._get('quota-sets/p1/defaults')['quota_set']
        self.assertEqual(50, found['backups'])

    def test_quotas_of_others(self):
        for suffix in ('', '/detail', '/defaults'):
            self.call('GET', f'/v2/quota-sets/p2{suffix}', code=403)
            self._get(f'quota-sets/p2{suffix}', token=base.ADMIN)
