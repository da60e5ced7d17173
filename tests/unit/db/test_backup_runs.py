# SPDX-License-Identifier: Apache-2.0
"""Lists of the runs of backup policies: filters, and pages."""

import datetime
import functools
import itertools

import sqlalchemy as sa
import testtools

from manila_backup.db import backup_runs
from manila_backup import states
from tests.unit.api import base

START = datetime.datetime(2026, 3, 1)
DAY = datetime.timedelta(days=1)

#: Days, and shares of each of the policies ``a`` and ``b``.
DAYS, SHARES = 4, 5


def _is_shown(status, run, share=None):
    shown = 'skipped' if run['withdrawn'] else run['status']
    return shown == status and share in (None, run['share_id'])


class Lists(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.database = self.useFixture(base.Api()).database
        statuses = itertools.cycle(
            [(each, None) for each in states.Run] + [(states.Run.DUE, True)])
        self.runs = []
        for policy, day, share in itertools.product(
                'ab', range(DAYS), range(SHARES)):
            status, withdrawn = next(statuses)
            self.runs.append({
                # Not in the order in which they are due.
                'id': f'{(len(self.runs) * 7) % 40:03}{policy}',
                'policy_id': policy, 'rule_id': f'r{policy}',
                'share_id': f's{share}', 'project_id': f'p{share % 2}',
                'due_at': START + day * DAY, 'status': str(status),
                'withdrawn': withdrawn, 'start_at': START,
                'start_until': START, 'created_at': START})
        with self.database.writer() as conn:
            conn.execute(sa.insert(backup_runs.TABLE), self.runs)
        self.runs.sort(key=lambda run: (run['due_at'], run['id']),
                       reverse=True)

    def expected(self, wanted):
        return [run['id'] for run in self.runs
                if run['policy_id'] == 'a' and wanted(run)]

    def walk(self, size, **kwargs):
        """The ids on all pages."""
        found, marker = [], None
        while True:
            page = self.database.read(
                backup_runs.list_page, 'a', limit=size, marker=marker,
                **kwargs)
            self.assertThat(len(page), testtools.matchers.LessThan(size + 1))
            if not page:
                return found
            found += [row.id for row in page]
            marker = page[-1]

    def assert_lists(self, wanted, **kwargs):
        """The runs of a policy that are listed, on pages of any size, and
        counted."""
        expected = self.expected(wanted)
        for size in (1, 3, 100):
            self.assertEqual(expected, self.walk(size, **kwargs))
        self.assertEqual(len(expected), self.database.read(
            backup_runs.count_all, 'a', **kwargs))
        return expected

    def test_newest_first(self):
        self.assertEqual(DAYS * SHARES, len(self.assert_lists(
            lambda run: True)))

    def test_filters(self):
        self.assert_lists(lambda run: run['share_id'] == 's2',
                          share_id='s2')
        self.assert_lists(lambda run: run['due_at'] >= START + 2 * DAY,
                          since=START + 2 * DAY)
        self.assert_lists(lambda run: run['project_id'] == 'p1',
                          project_id='p1')
        self.assert_lists(
            lambda run: run['project_id'] == 'p0' and run['due_at'] > START
            and run['status'] == 'done', project_id='p0',
            since=START + DAY, status='done')

    def test_status_is_the_one_that_is_shown(self):
        """Runs that were withdrawn count as skipped, and not as due."""
        for status in states.Run:
            self.assertTrue(self.assert_lists(
                functools.partial(_is_shown, status), status=str(status)))
        # Some of one share, too, each by itself.
        for share, status in itertools.product(
                range(SHARES), ('skipped', 'due')):
            self.assert_lists(
                functools.partial(_is_shown, status, share=f's{share}'),
                status=status, share_id=f's{share}')

    def test_ended_runs_that_were_withdrawn(self):
        """Count them as what a worker made of them."""
        with self.database.writer() as conn:
            conn.execute(sa.update(backup_runs.TABLE).values(
                withdrawn=True, status='superseded'))
        self.assertEqual(DAYS * SHARES, len(self.assert_lists(
            lambda run: True, status='superseded')))
        self.assertEqual([], self.walk(3, status='skipped'))

    def test_marker(self):
        """A marker is a run of the policy, and one that may be seen."""
        for id_, project_id in ((self.expected(lambda run: True)[0], None),
                                (self.expected(lambda run: run['project_id']
                                               == 'p1')[0], 'p1')):
            self.assertEqual(id_, self.database.read(
                backup_runs.get_of_policy, 'a', id_, project_id).id)
            for policy_id, other in (('b', project_id), ('a', 'p9')):
                self.assertIsNone(self.database.read(
                    backup_runs.get_of_policy, policy_id, id_, other))

    def test_indexes(self):
        """No list reads all runs of the policy."""
        last = self.database.read(backup_runs.list_page, 'a', limit=1)[0]
        for index, kwargs in (
                ('listed', {}), ('listed', {'marker': last}),
                ('listed', {'since': START}), ('share', {'share_id': 's1'}),
                ('share', {'share_id': 's1', 'status': 'skipped'}),
                ('paged', {'status': 'missed'}),
                ('paged', {'status': 'due', 'marker': last}),
                ('paged', {'status': 'skipped', 'marker': last})):
            plan = ' '.join(self._plan(**kwargs))
            self.assertIn(f'INDEX ix_backup_runs_{index} ', plan)
            self.assertNotIn('SCAN backup_runs', plan)

    def _plan(self, **kwargs):
        """Return what SQLite does for a list, as list of str."""
        seen = []

        def listen(conn, cursor, statement, parameters, *rest):
            seen.append((statement, parameters))

        with self.database.reader() as conn:
            sa.event.listen(conn, 'before_cursor_execute', listen)
            backup_runs.list_page(conn, 'a', **kwargs)
            sa.event.remove(conn, 'before_cursor_execute', listen)
            (statement, parameters), = seen
            return [row[3] for row in conn.exec_driver_sql(
                f'EXPLAIN QUERY PLAN {statement}', parameters)]
