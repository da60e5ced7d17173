# SPDX-License-Identifier: Apache-2.0
"""Repositories are upgraded and swept."""

import json
import os
import shutil
import subprocess
import uuid

from manila_backup.bus import rpc
from manila_backup.db import models
from manila_backup.db import sqltime
from tests.functional import cloud
from tests.functional import repositories
from tests.functional import test_commands
from tests.functional import test_dying_workers


class UpgradeMySQL(repositories.RepositoryTestCase):
    """A repository that an earlier release made."""

    def setUp(self):
        super().setUp()
        self.cloud.start()
        self.marker = os.path.join(self.cloud.repository,
                                   'manila-backup-repository')
        self.was = dict(self.said(), format=1)
        with open(self.marker, 'w') as file:
            json.dump(self.was, file)
        self.share = self.cloud.create_share()
        self.path = self.cloud.share_path(self.share['id'])
        self.before = self.fill(self.path, 5, 500)

    def said(self):
        with open(self.marker) as file:
            return json.load(file)

    def version(self, backup):
        """Return the version of its manifest."""
        with open(os.path.join(self.cloud.backup_path(backup), '..',
                               'manifest'), 'rb') as file:
            return file.readline().split()[-1]

    def check(self):
        """Return the output of "upgrade check", none of which is a warning."""
        status, said = test_commands.run(
            'status', '--config-file', self.cloud.config, 'upgrade', 'check',
            '--json')
        self.assertEqual(0, status, said)
        return {each['check']: each['details']
                for each in json.loads(said)['checks']}['Repositories']

    def test_upgrade(self):
        old, = self.make_backups(self.share)
        self.assertEqual(b'1', self.version(old))
        self.assertIn('has an older format', self.check())
        self.assertIn('repository of posix', self.check())
        self.assertIn('repository upgrade', self.check())
        self.assertEqual([{'driver': 'posix', 'result': 'upgraded'}],
                         self.repository('upgrade'))
        self.assertEqual({**self.was, 'format': 2}, self.said())
        self.assertEqual(
            [{'driver': 'posix', 'result': 'is of the newest format already'}],
            self.repository('upgrade', '--driver', 'posix'))
        self.assertIsNone(self.check())
        new, = self.make_backups(self.share)
        self.assertEqual([b'1', b'2'], [self.version(each)
                                        for each in (old, new)])
        for backup in (old, new):
            shutil.rmtree(os.path.join(self.path, 'd1'))
            self.cloud.ask(202, 'POST',
                           f'/share-backups/{backup["id"]}/action',
                           {'restore': None})
            self.cloud.wait_share(self.share['id'], 'available')
            self.assertEqual(self.before, self.content(self.path))
        self.assertEqual({'sound'}, {each['result'] for each in
                                     self.repository('verify', '--all')})

    def test_not_while_an_earlier_release_needs_it(self):
        with self.cloud.engine.begin() as conn:
            conn.execute(models.services.insert().values(
                binary='manila-backup-worker', host='there',
                identity='there:1:x', topic=rpc.TOPIC, rpc_version='1.0',
                version='0.0.1', last_seen=sqltime.utc_in(3600)))
        status, said = test_commands.run(
            'manage', '--config-file', self.cloud.config, 'repository',
            'upgrade')
        self.assertEqual(1, status, said)
        self.assertIn('Workers of an earlier release are running', said)
        self.assertNotIn('Traceback', said)
        self.assertEqual(self.was, self.said())
        self.assertEqual([{'driver': 'posix', 'result': 'upgraded'}],
                         self.repository('upgrade', '--force'))
        self.assertEqual(2, self.said()['format'])


class SweepMySQL(repositories.RepositoryTestCase):

    options = {'backup__sweep_interval': 0}

    def test_what_is_owned_stays_and_the_rest_goes(self):
        self.cloud.start()
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), 10, 100)
        backup, = self.make_backups(share)
        left = [self.leave(share['id'], name) for name in (
            f'.partial.{backup["id"]}.1', f'.taken.{backup["id"]}.2',
            f'.trash.{backup["id"]}.0123abcd')]
        stranger = self.leave(share['id'], f'.partial.{uuid.uuid4()}.1')
        unknown = shutil.copytree(
            os.path.dirname(self.cloud.backup_path(backup)),
            os.path.join(self.cloud.repository, 'p1', share['id'],
                         str(uuid.uuid4())))

        self.assertEqual(
            ['unknown'] * 2 + ['would be removed'] * 3, sorted(
                each['done'] for each in self.repository(
                    'sweep', '--dry-run')))
        self.assertTrue(all(map(os.path.exists, left)))
        found = self.repository('sweep')
        self.assertEqual(['removed'] * 3 + ['unknown'] * 2,
                         sorted(each['done'] for each in found))
        self.assertFalse(any(map(os.path.exists, left)))
        self.assertTrue(os.path.exists(stranger))
        self.assertTrue(os.path.exists(unknown))
        self.assertEqual(['removed'] * 2, [
            each['done'] for each in self.repository('sweep', '--unknown')])
        self.assertEqual([], self.repository('sweep', '--unknown'))
        self.assertEqual('sound', self.repository(
            'verify', backup['id'])[0]['result'])

    def test_beside_operations_that_run(self):
        # Backups come and go; sweeps must not be noticed.
        self.cloud.start()
        shares = [self.cloud.create_share() for _ in range(2)]
        for share in shares:
            self.fill(self.cloud.share_path(share['id']), 300, 1000)
        kept = []
        for _ in range(3):
            made = [self.cloud.create_backup(share['id'])
                    for share in shares]
            if kept:
                self.cloud.ask(202, 'DELETE',
                               f'/share-backups/{kept.pop(0)["id"]}')
            self.assertFalse([each for each in self.repository(
                'sweep', '--unknown') if each['what'] == 'backup'
                or each['done'] != 'removed'])
            for backup in made:
                kept.append(self.cloud.wait_backup(backup['id'],
                                                   'available'))
            for share in shares:
                self.cloud.wait_share(share['id'], 'available')
        self.assertEqual({'sound'}, {
            each['result'] for each in self.repository('verify', '--all')})

    def test_one_at_a_time(self):
        with self.cloud.engine.connect() as conn:
            conn.execute(models.named_locks.insert().values(
                name='repository', holder='elsewhere:1:2',
                held_until=sqltime.utc_in(60),
                ended_at=sqltime.utcnow()))
        done = subprocess.run(
            [os.path.join(cloud.BIN, 'manila-backup-manage'),
             '--config-file', self.cloud.config, 'repository', 'sweep'],
            capture_output=True, text=True, timeout=cloud.PATIENCE)
        self.assertEqual(1, done.returncode)
        self.assertIn('elsewhere:1:2', done.stderr)
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)


class SweepPostgreSQL(SweepMySQL):

    server = 'postgresql'


class Workers(repositories.RepositoryTestCase):

    options = {'backup__sweep_interval': 0.4}

    def test_workers_sweep_by_themselves(self):
        first = self.cloud.start()
        second = self.cloud.start_worker()
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), 3, 100)
        backup, = self.make_backups(share)
        unknown = self.leave(share['id'], str(uuid.uuid4()))
        for doomed in (None, first):
            if doomed:
                doomed.kill()
            left = self.leave(share['id'], f'.partial.{backup["id"]}.1')
            cloud.eventually('it to be swept',
                             lambda left=left: not os.path.exists(left))
        self.assertTrue(os.path.exists(unknown))
        self.assertTrue(second.running())
        self.assertEqual('available', self.shown(backup)['status'])

    def test_a_worker_told_to_stop_in_the_middle_of_a_sweep(self):
        worker = self.cloud.start()
        share = self.cloud.create_share()
        backup, = self.make_backups(share)
        made = os.path.join(self.cloud.root, 'made')
        for number in range(200):
            self.fill(os.path.join(made, 'data', str(number)), 50, 1)
        left = os.path.join(self.cloud.repository, 'p1', share['id'],
                            f'.partial.{backup["id"]}.1')
        os.rename(made, left)
        cloud.eventually('a sweep', lambda: not os.path.exists(left)
                         or self.cloud.rows(
                             "SELECT 1 FROM turns WHERE name = 'repository' "
                             "AND holder IS NOT NULL"))
        self.assertEqual(0, worker.stop())
        self.assertEqual([(None,)], self.cloud.rows(
            "SELECT holder FROM turns WHERE name = 'repository'"))
        # Whatever it had not done is done after it.
        self.repository('sweep')
        self.assertEqual(
            [f'.contents.{backup["id"]}', backup['id']],
            sorted(os.listdir(os.path.join(self.cloud.repository, 'p1',
                                           share['id']))))


class WorkersThatDie(test_dying_workers.TakenOverMySQL):
    """Takeover of the work of workers that die, with sweeps all the time."""

    options = {**test_dying_workers.TakenOverMySQL.options,
               'backup__sweep_interval': 0.2}
