# SPDX-License-Identifier: Apache-2.0
"""Backup policies, run by real workers: each run once, whoever dies or is
frozen, and whatever their clocks show."""

import datetime
import os
import signal
import time

from tests.functional import base
from tests.functional import cloud
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


class Policies:
    """On each database."""

    options = {'policies__interval': 0.2, 'policies__retry_interval': 600,
               'backup__scan_interval': 0.2, 'quota__backups': -1,
               'quota__backup_gigabytes': -1, 'backup__lease_ttl': 2,
               'backup__max_attempts': 20}

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

    def now(self):
        """The simulated instant."""
        (real,), = self.cloud.rows(
            'SELECT UTC_TIMESTAMP(6)' if self.server == 'mysql' else
            "SELECT clock_timestamp() AT TIME ZONE 'UTC'")
        return real, simulated_clock.shown(self.cloud.root, real)

    def begin(self, speed, apart=0):
        (real,), = self.cloud.rows(
            'SELECT UTC_TIMESTAMP(6)' if self.server == 'mysql' else
            "SELECT clock_timestamp() AT TIME ZONE 'UTC'")
        simulated_clock.write(self.cloud.root, real, speed, apart)

    def test_each_run_once_while_workers_die(self):
        self.begin(SPEED, APART)
        # Who was frozen says what it has lost.
        self.cloud.tolerate = (f'{cloud.NO_WORKER}|attempt [0-9]+ failed|'
                               'lease expired')
        workers = [self.cloud.start(), *(
            self.cloud.start_worker() for _ in range(2))]
        shares = [self.cloud.create_share()['id'] for _ in range(3)]
        # Days may be over by the time that the requests are answered.
        _, first = self.now()
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

    def wait_runs(self, number):
        """Wait until so many runs have their backups."""
        cloud.eventually(f'{number} runs', lambda: len(self.cloud.rows(
            "SELECT id FROM backup_runs WHERE status = 'done'")) >= number,
            LONG)

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
        for _ in range(3):
            self.ask(202, 'POST', f'{path}/action', {'run_now': {}})
            cloud.eventually('the run', lambda: [
                run for run in self.ask(200, 'GET', f'{path}/runs')['runs']
                if run['status'] == 'done'][len(made):])
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


class PoliciesMysql(Policies, base.TestCase):
    server = 'mysql'


class PoliciesPostgresql(Policies, base.TestCase):
    server = 'postgresql'
