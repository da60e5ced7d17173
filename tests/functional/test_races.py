# SPDX-License-Identifier: Apache-2.0
"""Requests that come in the middle of one another, on databases that let
them."""

import collections
from concurrent import futures
import os

import sqlalchemy as sa
import testtools

from manila_backup import conf as config
from manila_backup.db import backup_runs
from manila_backup.db import backups as db_backups
from manila_backup.db import clock
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import places
from manila_backup.db import plans as db_plans
from manila_backup.db import quotas as db_quotas
from manila_backup.db import rows
from manila_backup.db import transitions
from manila_backup.maintenance import scheduler
from manila_backup.requests import admission
from manila_backup import states
from tests.functional import cloud
from tests.functional import databases
from tests import statuses
from tests.unit import base
from tests.unit import plan_base


class ResetMySQL(testtools.TestCase):

    server = 'mysql'

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(cloud.Cloud(self.server))
        self.bus = base.Bus()
        self.database, self.admission = self._api()
        _, self.other = self._api()
        share = self.admission.shares.create(
            base.MEMBER, {'size': 1, 'share_proto': 'NFS'})
        self._set(models.shares, share.id, states.Share.AVAILABLE)
        self.share_id = share.id
        self.backup_id = self.admission.backups.create(
            base.MEMBER, share.id).id

    def _api(self):
        conf = config.load(['--config-file', self.cloud.config], 'test')
        database = engine.Database(conf)
        self.addCleanup(database.dispose)
        return database, admission.Admission(conf, database, self.bus,
                                             {'posix': base.Driver()})

    def _set(self, table, id_, status):
        """As if what was running had been done."""
        def write(conn):
            conn.execute(models.operations.update().values(
                status='done', live=None))
            statuses.put(conn, table, id_, {'status': status})

        self.database.write(write)

    def _before_the_update(self, function):
        """Call a function right before this API changes the backup, once:
        after it has looked."""
        waiting = [function]

        def listen(conn, cursor, statement, *_):
            if statement.startswith('UPDATE share_backups') and waiting:
                waiting.pop()()

        sa.event.listen(self.database.engine, 'before_cursor_execute',
                        listen)

    def _what_became(self):
        """The backup's status, and those of its operations that are not
        done."""
        backup = self.database.read(db_backups.get, self.backup_id)
        operations = self.database.read(db_operations.of_backup,
                                        self.backup_id)
        return backup.status, [row.status for row in operations
                               if row.status != 'done']

    def _call_off(self):
        self.admission.backups.reset_status(base.ADMIN, self.backup_id,
                                            'error')

    def test_against_a_deletion(self):
        self._set(models.share_backups, self.backup_id, 'available')
        self._before_the_update(lambda: self.other.backups.delete(
            base.MEMBER, self.backup_id))
        self._call_off()
        self.assertEqual(('error', ['cancelled']), self._what_became())

    def test_against_a_restore(self):
        self._set(models.shares, self.share_id, 'available')
        self._set(models.share_backups, self.backup_id, 'available')
        self._before_the_update(lambda: self.other.backups.restore(
            base.MEMBER, self.backup_id))
        self._call_off()
        self.assertEqual(('error', ['cancelled']), self._what_became())
        self.assertEqual([('available',)], self.cloud.rows(
            'SELECT status FROM shares'))

    def test_against_its_like(self):
        self._set(models.share_backups, self.backup_id, 'available')
        self._before_the_update(lambda: self.other.backups.reset_status(
            base.ADMIN, self.backup_id, 'available'))
        self._call_off()
        self.assertEqual(('error', []), self._what_became())


class ScheduledMySQL(testtools.TestCase):
    """Workers that begin runs of policies at the same time."""

    server = 'mysql'

    def setUp(self):
        super().setUp()
        self.url = self.useFixture(databases.Schema(self.server,
                                                    made=True)).url
        self.conf, self.database = self._connect()

    def _connect(self):
        conf = config.load(['--config-file', os.devnull], 'test')
        conf.set_override('connection', self.url, 'database')
        conf.set_override('backups', 70, 'quota')
        database = engine.Database(conf)
        self.addCleanup(database.dispose)
        return conf, database

    def _worker(self):
        conf, database = self._connect()
        return scheduler.Scheduler(
            conf, database, admission.Admission(
                conf, database, base.Bus(), {'posix': base.Driver()}),
            plan_base.Events())

    def _fill(self, projects, count):
        """Put shares of each project under a policy that is to run now."""
        requests = admission.Admission(self.conf, self.database, base.Bus(),
                                       {'posix': base.Driver()})
        policy = requests.plans.create(
            base.ADMIN, {'name': 'gold', 'rules': [plan_base.NIGHTLY]})
        for project in projects:
            self.database.write(
                transitions.create_all, models.shares, states.Share.AVAILABLE,
                [{'id': f'{project}-{number}', 'project_id': project,
                  'source': 'local', 'size': 1, 'share_proto': 'NFS'}
                 for number in range(count)])
            requests.plans.assign(base.ADMIN, policy.id, 'project', project,
                                  project)
        self.assertEqual(len(projects) * count,
                         requests.plans.run_now(policy.id))

    def test_each_once_and_no_more_than_the_quota(self):
        self._fill(['p1', 'p2', 'p3'], 80)
        workers = [self._worker() for _ in range(4)]
        now = self.database.read(clock.now)
        with futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda each: each.begin(now), workers))
        table = models.share_backups
        found = self.database.read(lambda conn: conn.execute(
            sa.select(table.c.share_id, table.c.project_id)).all())
        self.assertEqual(3 * 70, len({each.share_id for each in found}))
        self.assertEqual({f'p{each}': 70 for each in (1, 2, 3)},
                         dict(collections.Counter(
                             each.project_id for each in found)))
        runs = self.database.read(lambda conn: conn.execute(
            sa.select(backup_runs.TABLE)).all())
        self.assertEqual({'queued': 210, 'due': 30}, dict(
            collections.Counter(each.status for each in runs)))

    def test_a_rule_is_planned_by_one_at_a_time(self):
        self._fill(['p1'], 3)
        now = self.database.read(clock.now) + 2 * plan_base.DAY
        rule, = self.database.read(db_plans.rules_due, now, 9)
        _, other = self._connect()
        worker = self._worker()
        with other.writer() as conn:
            self.assertTrue(db_plans.lock_rule(conn, rule.id))
            # Nor does it look again at once.
            self.assertFalse(worker.plan(now))
            self.assertEqual(3, self._count_runs())
        worker.plan(now)
        self.assertEqual(3 * (1 + 2), self._count_runs())

    def _count_runs(self):
        return self.database.read(rows.count, backup_runs.TABLE)

    def test_goes_on_to_another_project(self):
        self._fill(['p1', 'p2'], 3)
        _, other = self._connect()
        due = self.database.read(backup_runs.to_begin,
                                 self.database.read(clock.now), 9)
        policy_id, rule_id = due[0].policy_id, due[0].rule_id
        policy = self.database.read(db_plans.get_own, policy_id)
        rule = self.database.read(rows.get, db_plans.RULES, rule_id)
        requests = admission.Admission(
            self.conf, self.database, base.Bus(),
            {'posix': base.Driver()}).scheduled_backups
        wishes = {project: [requests.prepare(run, policy, rule)
                            for run in due if run.project_id == project]
                  for project in ('p1', 'p2')}
        other.write(db_quotas.lock, 'p1')
        with other.writer() as conn:
            db_quotas.lock(conn, 'p1')
            self.assertIsNone(requests.create('p1', wishes['p1'],
                                              wait=False))
            self.assertEqual(
                [None] * 3, list(requests.create(
                    'p2', wishes['p2'], wait=False).values()))
        self.assertEqual(3, len(requests.create('p1', wishes['p1'])))
        # They have begun by now.
        self.assertEqual({}, requests.create('p1', wishes['p1']))


class ScheduledPostgreSQL(ScheduledMySQL):
    server = 'postgresql'


class FirstOnesMySQL(testtools.TestCase):
    """Two transactions that each find a row missing and insert it."""

    server = 'mysql'

    def test_the_second_sees_what_the_first_has_inserted(self):
        url = self.useFixture(databases.Schema(self.server, made=True)).url
        conf = config.load(['--config-file', os.devnull], 'test')
        conf.set_override('connection', url, 'database')
        first, second = engine.Database(conf), engine.Database(conf)
        self.addCleanup(first.dispose)
        self.addCleanup(second.dispose)
        with futures.ThreadPoolExecutor(1) as pool:
            with first.writer() as conn:
                self.assertEqual({'a': 1}, places.note(conn, 'x', {'a': 1}))
                noted = pool.submit(second.write, places.note, 'x', {'a': 2})
                # It waits, or it has not come that far: either is right.
                futures.wait([noted], 0.2)
            self.assertEqual({'a': 1}, noted.result())


class FirstOnesPostgreSQL(FirstOnesMySQL):
    server = 'postgresql'


class ResetPostgreSQL(ResetMySQL):

    server = 'postgresql'
