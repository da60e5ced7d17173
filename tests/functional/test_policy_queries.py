# SPDX-License-Identifier: Apache-2.0
"""Rows that the queries about backup policies read, where there are many
shares and many runs."""

import datetime

import sqlalchemy as sa

from manila_backup.db import backup_runs
from manila_backup.db import clock
from manila_backup.db import models
from manila_backup.db import plans as db_plans
from tests.functional import rows_read

#: Of 10,000 shares, ten runs each: one a day, the last one now.
PROJECTS, POLICIES = 20, 10

#: Of the last ones: whose backups are being made, of how many of these that
#: has ended, how many are due, and how many will be in an hour.
QUEUED, ENDED, DUE, LATER = 1000, 200, 600, 400

#: Rows that any query may read beside those that it is about.
FEW = 60

NUMBERS = """
WITH digits(d) AS ({digits}),
     shares(s, policy) AS (
         SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d, c.d
         FROM digits a, digits b, digits c, digits e)
"""

SHARE = "CONCAT('share-', LPAD(CAST(s AS CHAR(9)), 6, '0'))"

FILL_SHARES = f"""
INSERT INTO shares (id, project_id, source, size, share_proto, status,
                    is_public, properties, created_at)
{NUMBERS}
SELECT {SHARE}, CONCAT('p', MOD(s, {PROJECTS})), 'local', 1,
       'NFS', 'available', false, '{{{{}}}}', :now
FROM shares
"""

# Of the run number n: its share is s, and it was due i days ago.
RUNS = f"""
{NUMBERS},
runs(n, s, i, policy_id, rule_id, project_id) AS (
    SELECT s + 10000 * d, s, d, CONCAT('policy-', policy),
           CONCAT('rule-', policy), CONCAT('p', MOD(s, {PROJECTS}))
    FROM shares, digits)
"""

FILL_BACKUPS = f"""
INSERT INTO share_backups (
    id, project_id, share_id, status, size, backup_type, progress,
    restore_progress, policy_id, rule_id, due_at, created_at, result)
{RUNS}
SELECT CONCAT('backup-', n), project_id, {SHARE},
       CASE WHEN i = 0 AND s >= {ENDED} THEN 'creating' ELSE 'available' END,
       1, 'posix', 0, 0, policy_id, rule_id, {{due_at}}, {{due_at}},
       CASE WHEN i = 0 AND s >= {ENDED} THEN NULL ELSE 'complete' END
FROM runs WHERE i < 3 AND (i > 0 OR s < {QUEUED})
"""

FILL_RUNS = f"""
INSERT INTO backup_runs (
    id, policy_id, rule_id, share_id, project_id, due_at, status, start_at,
    start_until, backup_id, created_at, ended_at)
{RUNS}
SELECT CONCAT('run-', LPAD(CAST(MOD(n * 7919, 100003) AS CHAR(9)), 6, '0')),
       policy_id, rule_id, {SHARE}, project_id, {{due_at}},
       CASE WHEN i > 0 AND MOD(n, 50) = 0 THEN 'superseded'
            WHEN i > 0 THEN 'done'
            WHEN s < {QUEUED} THEN 'queued'
            WHEN s < {QUEUED + DUE + LATER} THEN 'due' ELSE 'done' END,
       CASE WHEN i = 0 AND s >= {QUEUED + DUE} THEN {{in_an_hour}}
            ELSE {{due_at}} END,
       {{in_an_hour}}, CONCAT('backup-', n), {{due_at}},
       CASE WHEN i = 0 AND s < {QUEUED + DUE + LATER} THEN NULL
            ELSE {{due_at}} END
FROM runs
"""


class PolicyQueriesMySQL(rows_read.OnMySQL):

    tables = ('backup_runs', 'share_backups', 'backup_policies',
              'backup_policy_rules', 'backup_policy_assignments')
    expressions = {'due_at': 'CAST(:now AS DATETIME(6)) - INTERVAL i DAY',
                   'in_an_hour':
                       'CAST(:now AS DATETIME(6)) + INTERVAL 1 HOUR'}

    def setUp(self):
        super().setUp()
        self.now = self.database.read(clock.now)
        with self.database.writer() as conn:
            self.fill_policies(conn)
            for query in FILL_SHARES, FILL_BACKUPS, FILL_RUNS:
                conn.execute(sa.text(query.format(
                    digits=rows_read.DIGITS, **self.expressions)),
                    {'now': self.now})
        self.count_anew()

    def fill_policies(self, conn):
        for number in range(POLICIES):
            values = {'created_at': self.now}
            conn.execute(sa.insert(models.backup_policies), [{
                'id': f'policy-{number}', 'project_id': f'p{number}',
                'name': 'gold', 'timezone': 'UTC', **values}])
            conn.execute(sa.insert(models.backup_policy_assignments), [{
                'id': f'assignment-{number}', 'policy_id': f'policy-{number}',
                'kind': 'share_type', 'target': 'gold', 'scope': '',
                'mandatory': False, **values}])
            # Most of them have never run.
            conn.execute(sa.insert(models.backup_policy_rules), [{
                'id': f'rule-{number}' if not each
                else f'other-{number}-{each}', 'policy_id':
                    f'policy-{number}', 'name': f'r{each}',
                'cron': '0 0 * * *', 'timezone': 'UTC', 'start_window': 1,
                'planned_until': self.now, 'next_at': self.now
                + datetime.timedelta(hours=-1 if not each else each)}
                for each in range(50)])

    def test_scheduling(self):
        shares = [f'share-{number:06}' for number in range(200)]
        few, now = self.assert_reads_few, self.now
        self.assertEqual(POLICIES, len(few(
            db_plans.rules_due, now, 100, few=POLICIES + FEW)))
        self.assertEqual(500, len(few(
            backup_runs.to_begin, now, 500, few=500 + FEW)))
        ids, last = few(backup_runs.to_begin_by_turn, now, 500, 'p3',
                        few=500 + FEW + 4 * PROJECTS)
        self.assertEqual({25}, {
            sum(run.project_id == f'p{number}' for run in ids)
            for number in range(PROJECTS)})
        self.assertEqual('p3', last)
        self.assertEqual(20, len(few(
            backup_runs.planned, 'rule-0', shares[:20],
            now - datetime.timedelta(hours=1), now, few=40 + FEW)))
        # Those of a rule and some shares; other rules have none of them.
        self.assertEqual([], few(
            backup_runs.waiting, shares, 'rule-0',
            now + datetime.timedelta(hours=2), few=2 * len(shares) + FEW))
        self.assertEqual(100, len(few(
            backup_runs.waiting_of_policy, 'policy-0', few=200 + FEW)))
        self.assertEqual(50, few(
            backup_runs.count_queued, 'p0', few=100 + FEW))
        self.ended()

    def ended(self):
        # What is being made is looked at, and nothing that was.
        self.assertEqual(ENDED, len(self.assert_reads_few(
            backup_runs.with_ended_backup, 500, few=3 * QUEUED + FEW)))

    def test_scheduling_while_few_are_due(self):
        """They come in their order from the index, and are not sorted."""
        table = backup_runs.TABLE
        with self.database.writer() as conn:
            ids = conn.execute(
                sa.select(table.c.id).where(table.c.status == 'due')
                .order_by(table.c.start_at)).scalars().all()
            conn.execute(sa.update(table).values(status='done').where(
                table.c.id.in_(sorted(ids[20:]))))
        self.count_anew()
        self.assertEqual(20, len(self.assert_reads_few(
            backup_runs.to_begin, self.now, 500, few=20 + 5)))
        self.assertEqual(10, len(self.assert_reads_few(
            backup_runs.to_begin, self.now, 10, few=10 + 5)))

    def test_retention_and_reports(self):
        few = self.assert_reads_few
        self.assertEqual(3, len(few(
            backup_runs.backups_of, 'policy-0', ['share-000000'], few=FEW)))
        self.assertEqual(3, len(few(
            backup_runs.backups_of, 'policy-0', ['share-000000'], True,
            few=FEW)))
        self.good()
        self.assertEqual(POLICIES, len(few(
            backup_runs.last_done, few=4 * POLICIES + FEW)))
        self.overdue()
        self.assertEqual(100, len(few(
            backup_runs.list_page, 'policy-0', few=100 + FEW)))
        self.assertEqual(100, len(few(
            backup_runs.list_page, 'policy-0', 'p0', few=100 * PROJECTS)))
        self.assertEqual(1000, len(few(
            backup_runs.shares_with_backups, 'policy-0', few=3 * 1000 + FEW)))

    def test_lists_of_runs(self):
        page = 100 + FEW
        self.assertEqual(100, len(self.listed(status='done', few=page)))
        self.assertEqual([], self.listed(status='missed', few=FEW))
        self.assertEqual(10, len(self.listed(share_id='share-000000',
                                             few=30 + FEW)))
        last = self.listed(few=100 + FEW)[-1]
        following = self.listed(marker=last, few=page)
        self.assertEqual(100, len(following))
        self.assertLess(following[0].id, last.id)
        self.assertEqual(40, len(self.listed(
            status='superseded', few=80 + FEW,
            since=self.now - datetime.timedelta(days=2))))
        self.assertEqual(100, len(self.listed(status='due', few=page)))
        self.withdrawn()

    def listed(self, few, **kwargs):
        """Runs of a policy, for which few rows are read."""
        def list_page(conn):
            return backup_runs.list_page(conn, 'policy-0', **kwargs)
        return self.assert_reads_few(list_page, few=few)

    def withdrawn(self):
        """Lists of those that are skipped: some wait for a worker to end
        them, and of many more one has."""
        table = backup_runs.TABLE
        with self.database.writer() as conn:
            conn.execute(sa.update(table).values(status='skipped').where(
                table.c.due_at < self.now - datetime.timedelta(days=4)))
        with self.database.writer() as conn:
            conn.execute(sa.update(table).values(withdrawn=True).where(
                table.c.policy_id == 'policy-0', table.c.status == 'due'))
        self.count_anew()
        # Two pages are read to make one, and MariaDB counts what it puts
        # together from them again.
        most = 8 * 100 + FEW
        self.assertEqual([], self.listed(status='due', few=most))
        first = self.listed(status='skipped', few=most)
        self.assertEqual({'due'}, {run.status for run in first})
        second = self.listed(status='skipped', marker=first[-1], few=most)
        self.assertEqual([('skipped', self.now - datetime.timedelta(days=5))],
                         sorted({(run.status, run.due_at)
                                 for run in second}))
        self.listed(status='skipped', marker=second[-1], few=most)

    def overdue(self):
        most = 8 * POLICIES + FEW
        self.assertEqual([], self.assert_reads_few(
            backup_runs.overdue, self.now, few=most))
        table, day = backup_runs.TABLE, datetime.timedelta(days=1)
        with self.database.writer() as conn:
            conn.execute(sa.update(table).values(status='failed').where(
                table.c.policy_id == 'policy-0',
                table.c.due_at > self.now - 2.5 * day))
        self.assertEqual([('policy-0', self.now - 2 * day)],
                         self.assert_reads_few(backup_runs.overdue, self.now,
                                               few=most))

    def good(self):
        shares = [f'share-{number:06}' for number in range(50)]
        self.assertEqual(50, len(self.assert_reads_few(
            backup_runs.last_good, shares, few=6 * 50)))

    def test_purge(self):
        old = self.now - datetime.timedelta(days=9)
        self.assertEqual(0, self.assert_reads_few(
            backup_runs.purge, old - datetime.timedelta(hours=1), few=FEW))


class PolicyQueriesPostgreSQL(rows_read.OnPostgreSQL, PolicyQueriesMySQL):

    expressions = {
        'due_at': "CAST(:now AS timestamp) - i * INTERVAL '1 day'",
        'in_an_hour': "CAST(:now AS timestamp) + INTERVAL '1 hour'"}

    def test_before_the_server_has_counted(self):
        """It expects few rows then, and that reading all of them is no more
        than looking some up."""
        with self.database.writer() as conn:
            conn.exec_driver_sql(
                'DELETE FROM pg_statistic WHERE starelid IN '
                "('backup_runs'::regclass, 'share_backups'::regclass)")
        self.ended()
        self.good()
