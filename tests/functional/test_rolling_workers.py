# SPDX-License-Identifier: Apache-2.0
"""Workers replaced one after the other, as in an upgrade, under load."""

import concurrent.futures
import signal

from tests.functional import cloud
from tests.functional import test_dying_workers

COUNT = 100


class Rolling(test_dying_workers.DyingWorkersTestCase):

    # What doesn't end at once is handed over, and it takes some time to end.
    # Nobody dies, and no slow machine is to look as if.
    options = {'backup__shutdown_grace': 15, 'backup__lease_ttl': 60,
               'posix__processes': 1,
               'backup__concurrent_operations': 1, 'quota__backups': -1,
               'quota__shares': -1, 'quota__gigabytes': -1,
               'quota__backup_gigabytes': -1}

    def test_a_hundred_backups_meanwhile(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            shares = list(pool.map(
                lambda _: self.cloud.create_share()['id'], range(COUNT)))
            # Some are large enough for a worker to be caught in the middle.
            made = {share: self.fill(self.cloud.share_path(share),
                                     500 if number % 10 else 4000, 500)
                    for number, share in enumerate(shares)}
            # All are there before the first is made: the fastest machine
            # finds work enough for some workers.
            self.assertEqual(0, self.worker.stop())
            self.cloud.tolerate = cloud.NO_WORKER
            backups = list(pool.map(self.cloud.create_backup, shares))
        workers = [self.cloud.start_worker(), self.cloud.start_worker()]
        caught = False
        while self._count("status <> 'done'"):
            # The new one first: there is always someone to hand over to.
            workers.append(self.cloud.start_worker())
            caught = caught or self._caught(workers[0])
            self.assertEqual(0, workers.pop(0).stop())
        self.assertTrue(caught)
        self.assertTrue(self._count('attempt > 1'))
        for backup in backups:
            backup = self.cloud.wait_backup(backup['id'], 'available')
            self.assertEqual(made[backup['share_id']],
                             self.content(self.cloud.backup_path(backup)))
        # Being replaced counts as no failure, and nothing ran twice.
        self.assertEqual([('done', 0, COUNT)], self.cloud.rows(
            'SELECT status, failures, count(*) FROM operations '
            "WHERE kind = 'create' GROUP BY status, failures"))

    def _caught(self, worker):
        """Have one of a worker's backups stand still in its middle; false if
        all are made."""
        while self._count("status <> 'done'"):
            server, = [pid for pid in self._children()
                       if pid in self._descendants(worker.pid)][:1]
            children = self._descendants(server)
            self._tell(children, signal.SIGSTOP)
            if self._stand_still(
                    children, f"worker LIKE 'here:{worker.pid}:%%'"):
                return True
            self._tell(children, signal.SIGCONT)
        return False

    def _count(self, which):
        (count,), = self.cloud.rows(
            'SELECT count(*) FROM operations '
            f"WHERE kind = 'create' AND {which}")
        return count
