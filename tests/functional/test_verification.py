# SPDX-License-Identifier: Apache-2.0
"""Backups are verified on a schedule, by workers."""

import json
import os
import urllib.request

import psutil

from tests.functional import cloud
from tests.functional import repositories
from tests.functional import test_incomplete
from tests.functional import test_notifications
from tests.functional import test_repository_verify

ON = {'verify__max_age_days': 30, 'verify__interval': 0.1,
      'backup__scan_interval': 0.5}

# Bytes of a backup.
SIZE = 10 * 5000


class VerificationTestCase(test_notifications.ListeningTestCase,
                           repositories.RepositoryTestCase):

    def verified(self):
        """Dict of backup's id to what was found of it."""
        return dict(self.cloud.rows(
            'SELECT id, verified_result FROM share_backups'))

    def await_verified(self, backups, result='sound'):
        ids = {each['id'] for each in backups}
        cloud.eventually('all to be verified', lambda: {
            id_ for id_, found in self.verified().items()
            if found == result} >= ids)

    def extra(self, name, **options):
        """A further configuration file."""
        path = os.path.join(self.cloud.root, f'{name}.conf')
        with open(path, 'w') as file:
            for option, value in options.items():
                group, _, option = option.rpartition('__')
                file.write(f'[{group or "DEFAULT"}]\n{option} = {value}\n')
        return path

    def filled_share(self, files=10, size=5000):
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), files, size)
        return share

    def await_no_lock(self):
        cloud.eventually('no lock', lambda: not self.locks())

    def age(self, backup):
        """Have a backup's verification be long ago."""
        with self.cloud.engine.connect() as conn:
            conn.exec_driver_sql(
                "UPDATE share_backups SET verified_at = '2020-01-01' "
                f"WHERE id = '{backup['id']}'")

    def locks(self):
        return self.cloud.rows("SELECT name FROM turns WHERE name LIKE "
                               "'verify %%'")


class Verification(VerificationTestCase):
    """On each database."""

    options = {**test_notifications.ListeningTestCase.options, **ON,
               'metrics__enabled': True, 'metrics__worker_bind_port': 0}

    def test_damage(self):
        other = self.cloud.start_worker()
        share = self.filled_share()
        backups = self.make_backups(share, 4)
        self.await_verified(backups)
        # Each by one of the two, which has told so by then.
        self.await_no_lock()
        said = self.worker.said() + other.said()
        for each in backups:
            self.assertEqual(1, said.count(
                f'Backup {each["id"]} was verified'))
        other.stop()
        self.cloud.tolerate = r'Backup .* is damaged'

        bad = backups[-1]
        test_repository_verify._flip(self.cloud.backup_path(bad))
        self.age(bad)
        self.cloud.wait_backup(bad['id'], 'error')
        self._told(bad, self._shown(bad))
        self._full(share, bad)

    def _shown(self, backup):
        found = self.cloud.ask(
            200, 'GET', f'/share-backups/{backup["id"]}', token='admin:p1',
            headers=test_incomplete.EXTENSION)['share_backup']
        self.assertEqual(
            ('damaged', 'damaged', 'damaged'),
            (found['result'], found['verified_result'],
             found['status_code']))
        self.assertIn('"d1/f1" is damaged', found['fail_reason'])
        return found

    def _told(self, backup, shown):
        message, = self.cloud.request(
            'GET', f'/messages?resource_id={backup["id"]}').body['messages']
        self.assertEqual(('901', '909'), (message['action_id'],
                                          message['detail_id']))
        event, payload = self.next_event('error')
        self.assertEqual('share_backup.damaged', event)
        self.assertEqual(
            (backup['id'], backup['share_id'], 'p1', 'error', 'damaged'),
            tuple(payload[name] for name in (
                'backup_id', 'share_id', 'tenant_id', 'status',
                'verified_result')))
        self.assertIn('"d1/f1"', payload['damages'][0])
        while (found := self.next_event())[0] != 'share_backup.verify.end':
            self.assertIn('share_backup.create.', found[0])
        self.assertEqual((SIZE, 'sound'), (
            found[1]['bytes_done'], found[1]['verified_result']))
        port = self.worker.said().split('/metrics')[0].rpartition(':')[2]
        with urllib.request.urlopen(
                f'http://127.0.0.1:{port}/metrics') as answer:
            self.assertIn('manila_backup_verified_total{driver="posix",'
                          'result="damaged"} 1.0', answer.read().decode())

    def _full(self, share, bad):
        """The next backup takes nothing over; the one after it does."""
        self.cloud.wait_share(share['id'], 'available')
        full, after = (each['stored_bytes'] for each in [
            self.cloud.ask(
                200, 'GET', f'/share-backups/{made["id"]}',
                headers=test_incomplete.EXTENSION)['share_backup']
            for made in self.make_backups(share, 2)])
        self.assertLessEqual(SIZE, full)
        self.assertLess(after, SIZE)

    def test_bytes_of_a_day(self):
        for each in self.cloud.processes[:1]:
            each.stop()
        limited = self.extra('limited', verify__bytes_per_day=2 * SIZE + 1,
                             verify__max_age_days=0)
        self.worker = self.cloud.start_worker(limited)
        backups = self.make_backups(self.filled_share(), 5)
        self.worker.stop()
        on = self.extra('on', verify__bytes_per_day=2 * SIZE + 1)
        workers = [self.cloud.start_worker(on) for _number in range(2)]
        self.await_spent(workers)
        self.assertEqual(
            {each['id'] for each in backups[-2:]}, self.done())
        self.assertEqual([(2 * SIZE,)], self.cloud.rows(
            'SELECT spent FROM daily_budgets'))
        with self.cloud.engine.connect() as conn:
            conn.exec_driver_sql("UPDATE daily_budgets SET "
                                 "day = '2020-01-01'")
        cloud.eventually('two more', lambda: {
            each['id'] for each in backups[-4:]} == self.done())

    def done(self):
        return {id_ for id_, found in self.verified().items() if found}

    def await_spent(self, workers):
        for each in workers:
            cloud.eventually('to have no more', lambda each=each:
                             'are used up' in each.said())


class VerificationRestic(VerificationTestCase):

    options = {**test_notifications.ListeningTestCase.options, **ON,
               'backup__enabled_drivers': 'restic',
               'restic__repository': '$state_path/restic-repository',
               'restic__prune_interval': 0}

    server = 'postgresql'

    def test_damage(self):
        share = self.filled_share(3, 3000000)
        first, = self.make_backups(share)
        self.await_verified([first])
        self.await_no_lock()
        self.cloud.tolerate = r'Backup .* is damaged'
        for where, _, names in os.walk(os.path.join(
                self.cloud.state, 'restic-repository', 'p1', 'data')):
            for name in names:
                path = os.path.join(where, name)
                if os.path.getsize(path) > 1000000:
                    os.chmod(path, 0o600)
                    os.truncate(path, 1000000)
        self.age(first)
        self.cloud.wait_backup(first['id'], 'error')
        event, payload = self.next_event('error')
        self.assertEqual(('share_backup.damaged', first['id']),
                         (event, payload['backup_id']))
        # Until what is damaged has gone from the repository.
        self.await_no_lock()
        second, = self.make_backups(share)
        self.await_verified([second])
        self.assertEqual('available', self.shown(second)['status'])


class VerificationMySQL(Verification):

    server = 'mysql'


class VerificationPostgreSQL(Verification):

    server = 'postgresql'


class Meanwhile(VerificationTestCase):
    """A verification that takes its time."""

    options = {**test_notifications.ListeningTestCase.options,
               'backup__scan_interval': 0.5}

    def setUp(self):
        super().setUp()
        self.backup, = self.make_backups(self.filled_share(200, 10000))
        self.slow = self.extra(
            'slow', verify__max_age_days=30, verify__interval=0.1,
            backup__bytes_per_second=50000, verify__bytes_per_day=1 << 30)

    def start_slowly(self):
        """Start a worker that verifies, and wait until it is at it."""
        worker = self.cloud.start_worker(self.slow)
        cloud.eventually('to be verified', lambda: self.children(worker))
        self.assertEqual([(f'verify {self.backup["id"]}',)], self.locks())
        return worker

    def children(self, worker):
        """The processes of a worker that let others go first."""
        return [each for each in psutil.Process(worker.pid).children(
            recursive=True) if each.nice() == 19
            and each.ionice().ioclass == psutil.IOPRIO_CLASS_IDLE]

    def test_by_command(self):
        self.repository('verify', '--all')
        test_repository_verify._truncate(self.cloud.backup_path(self.backup))
        for _number in range(2):
            self.repository('verify', '--all', status=1)
        event, payload = self.next_event('error')
        self.assertEqual(('share_backup.damaged', self.backup['id']),
                         (event, payload['backup_id']))
        self.assertIsNone(self._get(f'{self.topic}.error'))
        message, = self.cloud.request(
            'GET', f'/messages?resource_id={self.backup["id"]}'
        ).body['messages']
        self.assertEqual('909', message['detail_id'])

    def test_worker_dies(self):
        worker = self.start_slowly()
        worker.kill()
        self.assertEqual({self.backup['id']: None}, self.verified())
        quick = self.extra('quick', verify__max_age_days=30,
                           verify__interval=0.1,
                           verify__bytes_per_day=1 << 30)
        self.cloud.start_worker(quick)
        self.await_verified([self.backup])
        self.await_no_lock()
        # What the dead one may have read is spent.
        cloud.eventually('both to be counted', lambda: self.cloud.rows(
            'SELECT spent FROM daily_budgets') == [(2 * 200 * 10000,)])

    def test_worker_is_stopped(self):
        worker = self.start_slowly()
        self.assertEqual(0, worker.stop())
        self.assertEqual({self.backup['id']: None}, self.verified())
        self.assertEqual([], self.locks())
        (spent,), = self.cloud.rows('SELECT spent FROM daily_budgets')
        self.assertLess(spent, 200 * 10000)

    def test_backup_is_deleted(self):
        worker = self.start_slowly()
        self.cloud.ask(202, 'DELETE', f'/share-backups/{self.backup["id"]}')
        self.cloud.wait_backup(self.backup['id'], None)
        cloud.eventually('the end of it', lambda: f'{self.backup["id"]} was '
                         'verified' in worker.said())
        self.await_no_lock()
        self.assertEqual([], json.loads(self.cloud.manage(
            'repository', 'list', '--format', 'json')))

    def test_backup_is_restored(self):
        self.start_slowly()
        share_id = self.backup['share_id']
        before = self.content(self.cloud.share_path(share_id))
        os.unlink(os.path.join(self.cloud.share_path(share_id), 'd1', 'f1'))
        self.cloud.ask(
            202, 'POST', f'/share-backups/{self.backup["id"]}/action',
            {'restore': None})
        self.cloud.wait_share(share_id, 'available')
        self.assertEqual(before, self.content(self.cloud.share_path(
            share_id)))
        self.await_verified([self.backup])
        self.assertEqual('available', self.shown(self.backup)['status'])
