# SPDX-License-Identifier: Apache-2.0
"""The oldest release that this one takes over from, at work on a hundred
backups, is replaced by this one, process by process, and then, if it can be
started on this one's schema, the other way round."""

import concurrent.futures
import os

from tests.functional import cloud
from tests.functional import test_upgrade

COUNT = 100


class Upgrade(test_upgrade.MixedTestCase):

    options = {**test_upgrade.MixedTestCase.options,
               'backup__lease_ttl': 60,
               'backup__concurrent_operations': 1,
               'quota__backups': -1, 'quota__shares': -1,
               'quota__gigabytes': -1, 'quota__backup_gigabytes': -1}

    def test_there_and_back(self):
        self.hurry()
        self.cloud.start()
        self.cloud.start_worker()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            shares = list(pool.map(
                lambda _: self.cloud.create_share()['id'], range(COUNT)))
        made = {share: self.fill(self.cloud.share_path(share), 100, 500,
                                 number)
                for number, share in enumerate(shares)}
        self.turn(made, None)
        if self.cloud.old.says('from manila_backup.db import schema',
                               'hasattr(schema, "is_newer")'):
            self.turn(made, self.cloud.old)
        else:
            # The first ones start on no schema but their own, and say so.
            self.cloud.release = self.cloud.old
            self.assertIn('must be at', str(self.assertRaises(
                AssertionError, self.cloud.start_worker)))
            self.cloud.processes.pop().wait()

    def turn(self, made, release):
        """Ask for a backup of each share, and have a release take over while
        they are made.

        :param made: dict of share's id to its content.
        :param release: None for this one.
        """
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            backups = list(pool.map(self.cloud.create_backup, made))
        running = [each for each in self.cloud.processes if each.running()]
        workers = [each for each in running
                   if each.command == 'manila-backup-worker']
        apis = [each for each in running
                if each.command == 'manila-backup-api']
        if release is None:
            self.cloud.expand()
        self.cloud.release = release
        self.hurry()
        cloud.eventually('some to be made', lambda: self.left() < COUNT)
        self.assertTrue(self.left())
        for each in workers:
            self.cloud.start_worker()
            # Old ones and new ones are at work.
            self.assertEqual(0, each.stop())
        port = self.cloud.port
        self.cloud.port = cloud.free_port()
        self.cloud.start_api(self.cloud.port)
        # Whoever is asked, both releases answer.
        for each in (port, self.cloud.port):
            self.assertEqual(COUNT, len(self.cloud.ask(
                200, 'GET', f'/shares?limit={COUNT}',
                port=each)['shares']))
        for each in apis:
            self.assertEqual(0, each.stop())
        for backup in backups:
            backup = self.cloud.wait_backup(backup['id'], 'available')
            self.assertEqual(made[backup['share_id']],
                             self.content(self.cloud.backup_path(backup)))
        self.assertEqual([], self.cloud.rows(
            "SELECT id, status, error FROM operations "
            "WHERE status <> 'done'"))
        self.life()
        self.assertTrue(os.path.isdir(self.cloud.repository))

    def hurry(self):
        """Have what is started from now on wait for no operation when it is
        told to end."""
        # The first ones have a time for leaving beyond this.
        grace = 15 if self.cloud.release is None else 0
        with open(self.cloud.config, 'a') as file:
            file.write(f'[backup]\nshutdown_grace = {grace}\n')

    def left(self):
        """Count backups that are still to be made."""
        (count,), = self.cloud.rows(
            "SELECT count(*) FROM operations WHERE kind = 'create' AND "
            "status <> 'done'")
        return count
