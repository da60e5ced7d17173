# SPDX-License-Identifier: Apache-2.0
"""Quotas hold, to the last one, however many ask at the same moment."""

import collections
import concurrent.futures
import threading

import sqlalchemy as sa

from manila_backup.db import models
from tests.functional import base
from tests.functional import cloud

RACERS = 64

BEYOND = {'OpenStack-API-Version': 'shared-file-system-backup 1.0'}


class RaceMySQL(base.TestCase):

    #: Room for all the shares that the races are about.
    options = {'quota__shares': RACERS, 'quota__gigabytes': 2 * RACERS}

    def setUp(self):
        super().setUp()
        self.cloud.start()
        self.ports = [self.cloud.port, cloud.free_port()]
        self.cloud.start_api(port=self.ports[1])

    def test_backups(self):
        shares = self._shares(size=1)
        self._set_quota(backups=10)
        self._race(202, 10, [self._create_backup(share)
                             for share in shares])
        self.assertEqual(
            {'limit': 10, 'in_use': 10, 'reserved': 0},
            self._quota()['backups'])
        self.assertEqual(10, self._quota()['backup_gigabytes']['in_use'])

    def test_backup_gigabytes(self):
        shares = self._shares(size=2)
        # One GiB remains, too little for any of them.
        self._set_quota(backup_gigabytes=21)
        self._race(202, 10, [self._create_backup(share)
                             for share in shares])
        self.assertEqual(
            {'limit': 21, 'in_use': 20, 'reserved': 0},
            self._quota()['backup_gigabytes'])
        self.assertEqual(10, self._quota()['backups']['in_use'])

    def test_stored(self):
        shares = self._shares(size=1)
        # As long as there is room, the other quotas count.
        self._set_beyond(backup_stored_gigabytes=1, backups=10)
        made = self._race(202, 10, [self._create_backup(share)
                                    for share in shares])
        first = made[0].body['share_backup']['id']
        for answer in made:
            self.cloud.wait_backup(answer.body['share_backup']['id'],
                                   'available')
        # As if so much had been written.
        with self.cloud.engine.begin() as conn:
            conn.execute(sa.update(models.share_backups).where(
                models.share_backups.c.id == first).values(
                    stored_bytes=2 ** 30))
        self._set_beyond(backups=-1)
        used = self.cloud.ask(200, 'GET', '/share-backup-quotas/p1/detail',
                              headers=BEYOND)['share_backup_quota']
        self.assertEqual(1, used['backup_stored_gigabytes']['in_use'])
        self._race(202, 0, [self._create_backup(share) for share in shares])
        self.assertEqual(10, self._quota()['backups']['in_use'])
        # What is deleted makes room for all others.
        path = f'/share-backups/{first}'
        self.cloud.ask(202, 'DELETE', path)
        cloud.eventually('the deletion', lambda: self.cloud.request(
            'GET', path).status == 404)
        self._set_beyond(backups=14)
        self._race(202, 5, [self._create_backup(share) for share in shares])

    def _set_beyond(self, **limits):
        self.cloud.ask(200, 'PUT', '/share-backup-quotas/p1',
                       {'share_backup_quota': limits}, token='admin:admin',
                       headers=BEYOND)

    def _shares(self, size):
        """Ids of as many shares as the project, new to the service, may
        have; they are asked for at the same moment, too."""
        body = {'share': {'share_proto': 'NFS', 'size': size}}
        answers = self._race(200, RACERS,
                             [('/shares', body)] * (RACERS + 8))
        ids = [answer.body['share']['id'] for answer in answers]
        for id_ in ids:
            self.cloud.wait_share(id_, 'available')
        return ids

    @staticmethod
    def _create_backup(share_id):
        return '/share-backups', {'share_backup': {'share_id': share_id}}

    def _race(self, status, winners, asked):
        """POST all of it at the same moment, half to either API.

        :param asked: list of (path, body).
        :returns: the answers of those that got through.
        """
        barrier = threading.Barrier(len(asked))

        def ask(number, path, body):
            barrier.wait()
            return self.cloud.request('POST', path, body,
                                      port=self.ports[number % 2])

        with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
            answers = list(pool.map(ask, range(len(asked)), *zip(*asked)))
        self.assertEqual(
            collections.Counter({status: winners,
                                 403: len(asked) - winners}),
            collections.Counter(answer.status for answer in answers))
        return [answer for answer in answers if answer.status == status]

    def _set_quota(self, **limits):
        self.cloud.ask(200, 'PUT', '/quota-sets/p1', {'quota_set': limits},
                       token='admin:admin')

    def _quota(self):
        return self.cloud.ask(200, 'GET', '/quota-sets/p1/detail')[
            'quota_set']


class RacePostgreSQL(RaceMySQL):

    server = 'postgresql'
