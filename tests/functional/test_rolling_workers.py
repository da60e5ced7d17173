# SPDX-License-Identifier: Apache-2.0
"""Workers replaced one after the other, as in an upgrade, under load."""

import concurrent.futures

from tests.functional import base

COUNT = 100


class Rolling(base.TestCase):

    # What doesn't end at once is handed over, and it takes some time to end.
    options = {'backup__shutdown_grace': 0, 'posix__processes': 1,
               'backup__concurrent_operations': 1, 'quota__backups': -1,
               'quota__shares': -1, 'quota__gigabytes': -1,
               'quota__backup_gigabytes': -1}

    def test_a_hundred_backups_meanwhile(self):
        workers = [self.cloud.start(), self.cloud.start_worker()]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            shares = list(pool.map(
                lambda _: self.cloud.create_share()['id'], range(COUNT)))
            for share in shares:
                made = self.fill(self.cloud.share_path(share), 600, 500)
            backups = list(pool.map(self.cloud.create_backup, shares))
        while self._count("status <> 'done'"):
            # The new one first: there is always someone to hand over to.
            workers.append(self.cloud.start_worker())
            self.assertEqual(0, workers.pop(0).stop())
        self.assertTrue(self._count('attempt > 1'), 'all was done too soon')
        for backup in backups:
            backup = self.cloud.wait_backup(backup['id'], 'available')
            self.assertEqual(made,
                             self.content(self.cloud.backup_path(backup)))
        # Being replaced counts as no failure, and nothing ran twice.
        self.assertEqual([('done', 0, COUNT)], self.cloud.rows(
            'SELECT status, failures, count(*) FROM operations '
            "WHERE kind = 'create' GROUP BY status, failures"))

    def _count(self, which):
        (count,), = self.cloud.rows(
            'SELECT count(*) FROM operations '
            f"WHERE kind = 'create' AND {which}")
        return count
