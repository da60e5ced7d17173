# SPDX-License-Identifier: Apache-2.0
"""Quotas hold, to the last one, however many ask at the same moment."""

import collections
import concurrent.futures
import threading

from tests.functional import base
from tests.functional import cloud

RACERS = 64


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
            {status: winners, 403: len(asked) - winners},
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
