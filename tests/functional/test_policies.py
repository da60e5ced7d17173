# SPDX-License-Identifier: Apache-2.0
"""Backup policies, run by real workers: each run once, whoever dies or is
frozen, and whatever their clocks show."""

import datetime
import os
import re
import signal
import time

from tests.functional import base
from tests.functional import cloud
from tests.functional import test_notifications
from tests.functional import test_observability
from tests import simulated_clock
from tests.soak import servers

HEADERS = {'OpenStack-API-Version': 'shared-file-system-backup 1.1'}

#: Simulated seconds in a second, and by how many of those clocks are apart.
SPEED, APART = 7200, 3600

#: How many workers die ("make soak" has more of them do so), and how many more
#: runs each time have their backups before.
DEATHS = int(os.environ.get('MANILA_BACKUP_TEST_DEATHS') or 3)
RUNS = 5

#: Seconds for which one of them is frozen: its leases are over by then.
FROZEN = 4

#: Seconds in which runs are made, however slow the machine is.
LONG = 300

#: What may stand for a run that has no backup.
RECORDED = {'superseded', 'missed', 'skipped', 'failed'}


class Simulated:
    """A service with policies, on a clock of the test's."""

    def ask(self, status, method, path, body=None):
        return self.cloud.ask(status, method, path, body, headers=HEADERS)

    def policy(self, **values):
        """A policy about all shares of the project; its dict."""
        made = self.ask(200, 'POST', '/share-backup-policies', {
            'share_backup_policy': {'name': 'gold', **values}}
            )['share_backup_policy']
        self.ask(200, 'POST', f'/share-backup-policies/{made["id"]}'
                              f'/assignments',
                 {'assignment': {'kind': 'project', 'target': 'p1'}})
        return made

    def run_once(self, path, number):
        """Run a policy now, and wait for its run of this number."""
        self.ask(202, 'POST', f'{path}/action', {'run_now': {}})
        cloud.eventually('the run', lambda: number == sum(
            run['status'] == 'done'
            for run in self.ask(200, 'GET', f'{path}/runs')['runs']))

    def wait_runs(self, number):
        """Wait until so many runs have their backups."""
        cloud.eventually(f'{number} runs', lambda: len(self.cloud.rows(
            "SELECT id FROM backup_runs WHERE status = 'done'")) >= number,
            LONG)

    def real(self):
        """The instant by the database's clock."""
        (now,), = self.cloud.rows(
            'SELECT UTC_TIMESTAMP(6)' if self.server == 'mysql' else
            "SELECT clock_timestamp() AT TIME ZONE 'UTC'")
        return now

    def now(self):
        """The simulated instant."""
        return simulated_clock.shown(self.cloud.root, self.real())

    def begin(self, speed, apart=0):
        simulated_clock.write(self.cloud.root, self.real(), speed, apart)


class Policies(Simulated):
    """On each database."""

    options = {'policies__interval': 0.2, 'policies__retry_interval': 600,
               'backup__scan_interval': 0.2, 'quota__backups': -1,
               'quota__backup_gigabytes': -1, 'backup__lease_ttl': 2,
               'backup__max_attempts': 20}

    def test_each_run_once_while_workers_die(self):
        self.begin(SPEED, APART)
        # Who was frozen says what it has lost.
        self.cloud.tolerate = (f'{cloud.NO_WORKER}|attempt [0-9]+ failed|'
                               'lease expired')
        workers = [self.cloud.start(), *(
            self.cloud.start_worker() for _ in range(2))]
        shares = [self.cloud.create_share()['id'] for _ in range(3)]
        # Days may be over by the time that the requests are answered.
        first = self.now()
        policy = self.policy(
            rules=[{'name': 'often', 'cron': '0 */6 * * *',
                    'start_window': 3600}],
            retention={'last': 2, 'daily': 1})
        for number in range(1, DEATHS + 1):
            self.wait_runs(number * RUNS)
            # It wakes up when others have what it was at.
            frozen = [workers[1].pid, *servers.descendants(workers[1].pid)]
            servers.send(frozen, signal.SIGSTOP)
            time.sleep(FROZEN)
            servers.send(frozen, signal.SIGCONT)
            workers.pop(0).kill()
            workers.append(self.cloud.start_worker())
        self.wait_runs((DEATHS + 1) * RUNS)
        cloud.eventually('backups that nobody keeps are gone',
                         lambda: len(self.cloud.rows(
                             "SELECT id FROM operations WHERE "
                             "kind = 'delete' AND status = 'done'")) > 3)
        self.ask(202, 'POST', f'/share-backup-policies/{policy["id"]}/action',
                 {'disable': None})
        cloud.eventually('all runs are over', lambda: not self.cloud.rows(
            "SELECT id FROM backup_runs WHERE status IN ('due', 'queued')"))
        self.check(policy['rules'][0]['id'], shares, first)

    def check(self, rule_id, shares, first):
        """Every run that was due is there once, with its backup or with the
        reason why there is none."""
        runs = self.cloud.rows(
            'SELECT share_id, due_at, status, backup_id, reason '
            'FROM backup_runs ORDER BY share_id, due_at')
        for share_id in shares:
            mine = [run for run in runs if run.share_id == share_id]
            self.assertGreaterEqual(len(mine), RUNS)
            self.assertGreaterEqual(
                mine[0].due_at, first - datetime.timedelta(hours=3))
            gaps = {later.due_at - earlier.due_at
                    for earlier, later in zip(mine, mine[1:])}
            self.assertEqual({datetime.timedelta(hours=6)}, gaps)
        for run in runs:
            if run.status == 'done':
                self.assertIsNotNone(run.backup_id)
            else:
                self.assertIn(run.status, RECORDED)
                self.assertTrue(run.reason, run)
        done = [run.backup_id for run in runs if run.status == 'done']
        self.assertGreaterEqual(len(done), (DEATHS + 1) * RUNS)
        # One operation made each, and none was made without a run.
        made = [row.backup_id for row in self.cloud.rows(
            "SELECT backup_id FROM operations WHERE kind = 'create'")]
        self.assertEqual(len(made), len(set(made)))
        self.assertEqual(
            {run.backup_id for run in runs if run.backup_id}, set(made))
        twice = self.cloud.rows(
            'SELECT due_at FROM share_backups WHERE rule_id = :rule '
            'GROUP BY share_id, due_at HAVING count(*) > 1', rule=rule_id)
        self.assertEqual([], twice)

    def test_a_day(self):
        """From the policy to the backup that is not kept any more."""
        self.begin(1)
        self.cloud.start()
        share = self.cloud.create_share()['id']
        policy = self.policy(rules=[{'name': 'nightly', 'cron': '0 2 * * *'}],
                             retention={'last': 2})
        path = f'/share-backup-policies/{policy["id"]}'
        told, = self.ask(200, 'GET', '/share-backup-coverage')[
            'share_backup_coverage']
        self.assertEqual((share, True, None), (
            told['share_id'], told['protected'], told['last_good_backup']))
        made = []
        for number in range(1, 4):
            self.run_once(path, number)
            self.cloud.wait_share(share, 'available')
            made.append(self.ask(200, 'GET', f'{path}/runs')['runs'][0][
                'backup_id'])
        self.cloud.wait_backup(made[0], None)
        for each in made[1:]:
            backup = self.ask(200, 'GET', f'/share-backups/{each}')[
                'share_backup']
            self.assertEqual(
                ('available', 'policy', policy['id']),
                (backup['status'], backup['requested_by'],
                 backup['policy_id']))
        told, = self.ask(200, 'GET', '/share-backup-coverage')[
            'share_backup_coverage']
        self.assertEqual(made[-1], told['last_good_backup']['id'])
        told = self.ask(200, 'POST', f'{path}/action', {
            'simulate': {'retention': {'last': 1}}})['simulation']
        self.assertEqual(1, told['deletions'])
        change = {'share_backup_policy': {'retention': {'last': 1}}}
        self.ask(409, 'PUT', path, change)
        change['share_backup_policy']['confirm_deletions'] = 1
        self.ask(200, 'PUT', path, change)


class OtherTimeZone(Simulated):
    """A policy whose time zone is changed: its next run is due by the new
    one."""

    options = {'policies__interval': 0.2, 'backup__scan_interval': 0.2}

    def test_next_run(self):
        self.begin(1)
        worker = self.cloud.start()
        self.cloud.create_share()
        policy = self.policy(rules=[
            {'name': 'own', 'cron': '0 2 * * *', 'timezone': 'Asia/Kolkata'},
            {'name': 'usual', 'cron': '0 2 * * *'}])
        found = self.ask(
            200, 'PUT', f'/share-backup-policies/{policy["id"]}',
            {'share_backup_policy': {'timezone': 'Asia/Tokyo'}})[
                'share_backup_policy']
        self.assertEqual(
            [('own', 'Asia/Kolkata', 'T20:30'), ('usual', 'Asia/Tokyo',
                                                 'T17:00')],
            [(rule['name'], rule['timezone'], rule['next_run_at'][10:16])
             for rule in found['rules']])
        worker.stop()
        self.begin(SPEED)
        self.cloud.start_worker()
        self.wait_runs(4)
        self.assertEqual({'20:30', '17:00'}, {
            f'{run.due_at:%H:%M}' for run in self.cloud.rows(
                'SELECT due_at FROM backup_runs')})


class Orphans(Simulated):
    """Backups of a share that their policy is not about any more, where they
    are to expire."""

    options = {'policies__interval': 0.2, 'policies__retention_interval': 1,
               'policies__expire_orphans': True,
               'backup__scan_interval': 0.2}

    def test_the_newest_is_left(self):
        self.cloud.start()
        share = self.cloud.create_share()['id']
        policy = self.policy(rules=[{'name': 'nightly', 'cron': '0 2 * * *'}])
        path = f'/share-backup-policies/{policy["id"]}'
        for number in range(1, 4):
            self.run_once(path, number)
        *old, newest = [row.backup_id for row in self.cloud.rows(
            'SELECT backup_id FROM backup_runs ORDER BY due_at')]
        assigned, = self.ask(200, 'GET', f'{path}/assignments')['assignments']
        self.ask(204, 'DELETE', f'{path}/assignments/{assigned["id"]}')
        told = self.ask(200, 'POST', f'{path}/action', {'simulate': {
            'retention': {'last': 1}, 'orphaned': True}})['simulation']
        self.assertEqual((2, share), (told['deletions'],
                                      told['shares'][0]['share_id']))
        self.ask(200, 'PUT', path, {'share_backup_policy': {
            'retention': {'last': 1}, 'confirm_deletions': 2}})
        # By the worker itself, without a run.
        for backup in old:
            self.cloud.wait_backup(backup, None)
        told, = self.ask(200, 'GET', '/share-backup-coverage')[
            'share_backup_coverage']
        self.assertEqual(([], False, newest), (
            told['policies'], told['protected'],
            told['last_good_backup']['id']))


class Told(Simulated):
    """Notifications and metrics of runs, of each end of one."""

    options = {**test_notifications.ListeningTestCase.options,
               'policies__interval': 0.2, 'policies__retry_interval': 600,
               'backup__scan_interval': 0.2, 'backup__max_attempts': 1,
               'quota__backups': -1, 'quota__backup_gigabytes': -1,
               'metrics__enabled': True, 'metrics__worker_bind_port': 0}

    def prepare(self):
        self.begin(3600)

    def test_each_end_of_a_run(self):
        self.cloud.tolerate = 'attempt [0-9]+ failed'
        share = self.cloud.create_share()['id']
        # One of them is in the other's way.
        rules = [{'name': name, 'cron': '0 * * * *', 'start_window': window}
                 for name, window in (('short', 60), ('long', 2 * 3600))]
        policy = self.policy(rules=rules)
        self.wait_told('done', policy, share)
        self.reset(share, 'error')
        self.wait_told('superseded', policy, share)
        self.wait_told('missed', policy, share)
        os.rmdir(self.cloud.share_path(share))
        self.reset(share, 'available')
        self.wait_told('failed', policy, share)
        self.reset(share, 'error')
        cloud.eventually('a run that waits', lambda: self.cloud.rows(
            "SELECT id FROM backup_runs WHERE status = 'due' "
            "AND reason IS NOT NULL"))
        self.ask(202, 'POST', f'/share-backup-policies/{policy["id"]}/action',
                 {'disable': None})
        self.wait_told('skipped', policy, share)
        cloud.eventually('all runs are over', lambda: not self.cloud.rows(
            "SELECT id FROM backup_runs WHERE status IN ('due', 'queued')"))
        self.check_metrics(policy['id'])

    def reset(self, share, status):
        """Set a share's status, once no backup of it is being made."""
        cloud.eventually('the backup', lambda: not self.cloud.rows(
            'SELECT id FROM operations WHERE live'))
        self.cloud.ask(202, 'POST', f'/shares/{share}/action',
                       {'reset_status': {'status': status}}, token='admin')

    def wait_told(self, status, policy, share):
        """Wait until it is notified that a run has ended so."""
        level = 'error' if status in ('missed', 'failed') else 'info'
        while True:
            event, payload = self.next_event(level)
            if event == f'share_backup.policy_run.{status}':
                break
        self.assertEqual((policy['id'], share, 'p1'), (
            payload['policy_id'], payload['share_id'], payload['tenant_id']))
        self.assertEqual(status == 'done', payload['reason'] is None, payload)
        self.assertEqual(status in ('done', 'failed'),
                         payload['backup_id'] is not None, payload)

    def check_metrics(self, policy_id):
        """All runs are counted by the worker, and the last one that went well
        is known to the API."""
        counted = test_observability.read(int(re.search(
            r':(\d+)/metrics', self.worker.said())[1]))
        name = 'manila_backup_policy_runs_ended_total'
        for row in self.cloud.rows(
                "SELECT status, count(*) AS number, max(due_at) AS due_at "
                'FROM backup_runs GROUP BY status'):
            self.assertEqual(row.number, counted[
                name, test_observability.labels(
                    policy_id=policy_id, status=row.status)])
            if row.status == 'done':
                last = row.due_at
        found = test_observability.read(self.cloud.port)
        self.assertEqual(
            last.replace(tzinfo=datetime.timezone.utc).timestamp(),
            found['manila_backup_policy_last_success_timestamp_seconds',
                  test_observability.labels(policy_id=policy_id)])


class OtherTimeZoneMysql(OtherTimeZone, base.TestCase):
    server = 'mysql'


class OtherTimeZonePostgresql(OtherTimeZone, base.TestCase):
    server = 'postgresql'


class OrphansMysql(Orphans, base.TestCase):
    server = 'mysql'


class OrphansPostgresql(Orphans, base.TestCase):
    server = 'postgresql'


class ToldMysql(Told, test_notifications.ListeningTestCase):
    server = 'mysql'


class ToldPostgresql(Told, test_notifications.ListeningTestCase):
    server = 'postgresql'


class PoliciesMysql(Policies, base.TestCase):
    server = 'mysql'


class PoliciesPostgresql(Policies, base.TestCase):
    server = 'postgresql'
