# SPDX-License-Identifier: Apache-2.0

import collections
import datetime
from unittest import mock

import fixtures

from manila_backup.api.views import share_backup_policies as views
from manila_backup.db import backup_runs
from manila_backup.db import models
from manila_backup.db import plans as db_plans
from manila_backup.db import rows
from manila_backup.db import transitions
from manila_backup import exception
from manila_backup.plans import assignments
from manila_backup.plans import schedule
from manila_backup.requests import common
from manila_backup.requests import scheduled_backups
from manila_backup import states
from tests.unit import base
from tests.unit import plan_base

DAY, HOUR, SECOND = plan_base.DAY, plan_base.HOUR, plan_base.SECOND


class Runs(plan_base.TestCase):

    def test_each_night(self):
        share = self.share()
        policy = self.policy()
        self.pass_time(13 * HOUR)
        self.assertEqual([], self.runs())
        self.pass_time(2 * HOUR)
        self.assertEqual([(26 * HOUR, 'queued')], self.runs())
        backup, = self.backups()
        rule, = self.database.read(db_plans.rules_of, [policy.id])[policy.id]
        self.assertEqual(
            (share.id, 'p1', 'u1', policy.id, rule.id,
             self.midnight + 26 * HOUR, 'creating'),
            (backup.share_id, backup.project_id, backup.user_id,
             backup.policy_id, backup.rule_id, backup.due_at, backup.status))
        self.assertEqual('create', self.operation().kind)
        self.finish()
        self.pass_time(DAY, HOUR)
        self.finish()
        self.assertEqual([(26 * HOUR, 'done'), (50 * HOUR, 'done')],
                         self.runs())
        self.assertEqual(2, len(self.backups()))
        self.assertEqual([('done', None)] * 2, self.events.told)

    def test_many_shares_and_workers(self):
        shares = {self.share().id for _ in range(5)}
        self.policy()
        others = [self.worker() for _ in range(3)]
        self.now += 15 * HOUR
        for each in others:
            each.plan(self.now)
            each.run()
        self.look()
        self.assertEqual(shares, {each.share_id for each in self.backups()})
        self.assertEqual(5, len(self.backups()))

    def test_who_comes_second_makes_what_is_missing(self):
        shares = [self.share().id for _ in range(3)]
        policy = self.policy()
        self.now += 15 * HOUR
        rule, = self.database.read(db_plans.rules_due, self.now, 9)
        self.look()
        # As if the first had died in the middle.
        self.database.write(rows.delete, backup_runs.TABLE, min(
            self.database.read(lambda conn: conn.execute(
                backup_runs.TABLE.select()).scalars().all())))
        self.database.write(rows.update, db_plans.RULES, rule.id, {
            'next_at': rule.next_at, 'planned_until': rule.planned_until})
        self.scheduler.plan(self.now)
        self.assertEqual(3, len(self.runs()))
        self.assertEqual(len(shares), len(self.backups()))
        self.assertEqual(policy.id, self.backups()[0].policy_id)

    def test_a_run_that_another_has_begun(self):
        self.share()
        self.policy()
        self.now += 15 * HOUR
        self.scheduler.plan(self.now)
        run, = self.database.read(backup_runs.to_begin, self.now, 9)
        self.look()
        # It was read before that.
        read = backup_runs.to_begin
        backup_runs.to_begin = lambda conn, now, limit: [run]
        self.addCleanup(setattr, backup_runs, 'to_begin', read)
        self.put(models.shares, run.share_id, states.Share.AVAILABLE)
        self.finish_all()
        self.scheduler.begin(self.now)
        self.assertEqual(1, len(self.backups()))

    def test_one_run_after_an_outage(self):
        self.share()
        self.policy([{'name': 'hourly', 'cron': '0 * * * *',
                      'start_window': 60}])
        self.pass_time(5 * HOUR + 30 * 60 * SECOND)
        self.assertEqual(
            [(each * HOUR, 'superseded') for each in range(13, 17)]
            + [(17 * HOUR, 'queued')], self.runs())
        self.assertEqual(1, len(self.backups()))
        self.assertEqual(['superseded'] * 4,
                         [each for each, _ in self.events.told])

    def test_a_busy_share_is_tried_again(self):
        share = self.share()
        self.policy([dict(plan_base.NIGHTLY, start_window=600)])
        self.put(models.shares, share.id, states.Share.BACKUP_RESTORING)
        self.pass_time(14 * HOUR)
        self.assertEqual([(26 * HOUR, 'due')], self.runs())
        self.put(models.shares, share.id, states.Share.AVAILABLE)
        self.pass_time(30 * SECOND)
        self.assertEqual([(26 * HOUR, 'due')], self.runs())
        self.pass_time(30 * SECOND)
        self.assertEqual([(26 * HOUR, 'queued')], self.runs())

    def test_a_busy_share_is_missed(self):
        share = self.share()
        self.policy([dict(plan_base.NIGHTLY, start_window=600)])
        self.put(models.shares, share.id, states.Share.BACKUP_RESTORING)
        self.pass_time(14 * HOUR)
        self.pass_time(610 * SECOND, 30 * SECOND)
        self.assertEqual([(26 * HOUR, 'missed')], self.runs())
        (status, reason), = self.events.told
        self.assertEqual('missed', status)
        self.assertIn('backup_restoring', reason)

    def test_a_waiting_run_gives_way_to_the_next(self):
        share = self.share()
        self.policy([{'name': 'hourly', 'cron': '0 * * * *',
                      'start_window': 7200}])
        self.put(models.shares, share.id, states.Share.BACKUP_RESTORING)
        self.pass_time(2 * HOUR, HOUR)
        self.assertEqual([(13 * HOUR, 'superseded'), (14 * HOUR, 'due')],
                         self.runs())
        self.assertIn('backup_restoring', self.events.told[0][1])

    def test_quota(self):
        self.conf.set_override('backups', 0, 'quota')
        self.share()
        self.policy([dict(plan_base.NIGHTLY, start_window=60)])
        self.pass_time(14 * HOUR)
        self.pass_time(60 * SECOND)
        self.assertEqual([(26 * HOUR, 'missed')], self.runs())
        self.assertIn('Quota exceeded for backups',
                      self.events.told[0][1])

    def test_limit_of_running_ones(self):
        self.conf.set_override('max_running', 2, 'policies')
        for caller in base.MEMBER, base.STRANGER:
            for _ in range(5):
                self.share(context_=caller)
            project = caller.project_id
            self.policy(context_=caller, project=project,
                        assigned=(assignments.PROJECT, project))

        def counts():
            return collections.Counter(each.project_id
                                       for each in self.backups())

        self.pass_time(14 * HOUR)
        self.assertEqual({'p1': 2, 'p2': 2}, counts())
        self.pass_time(HOUR)
        self.assertEqual({'p1': 2, 'p2': 2}, counts())
        self.assertEqual(
            {'Policies are already making 2 backups of the project.'},
            {run.reason for run in self.all_runs() if run.status == 'due'})
        self.finish()
        self.pass_time(HOUR)
        self.assertEqual({'p1': 4, 'p2': 4}, counts())

    def test_quota_in_the_middle(self):
        self.conf.set_override('backup_gigabytes', 5, 'quota')
        for _ in range(5):
            self.share(size=2)
        self.policy()
        self.pass_time(14 * HOUR)
        self.assertEqual(['due'] * 3 + ['queued'] * 2,
                         sorted(each for _, each in self.runs()))
        self.assertEqual(2, len(self.backups()))

    def test_refused_as_a_request_would_be(self):
        busy, snapshot, snapshots, unfinished, broken, free = (
            self.share() for _ in range(6))
        self.put(models.shares, busy.id, states.Share.BACKUP_RESTORING)
        self.put(models.shares, broken.id, states.Share.ERROR)
        for share, status in ((snapshot, 'creating'),
                              (snapshots, 'available')):
            self.database.write(
                rows.insert, models.snapshots, id=share.id, project_id='p1',
                share_id=share.id, size=1, share_proto='NFS', status=status)
        self.database.write(
            common.queue, base.MEMBER, 'o', states.Kind.BACKUP_RESTORE,
            unfinished)
        self.policy()
        self.pass_time(14 * HOUR)
        backup, = self.backups()
        self.assertEqual(free.id, backup.share_id)
        found = {run.share_id: run for run in self.all_runs()}
        for share in busy, snapshot, snapshots, unfinished, broken:
            error = self.assertRaises(
                exception.ManilaBackupError, self.admission.backups.create,
                base.MEMBER, share.id)
            self.assertEqual(('due', str(error)), (
                found[share.id].status, found[share.id].reason))
        self.assertEqual(
            'available', self.get_share(unfinished.id).status)

    def test_two_rules_of_a_share_at_once(self):
        self.share()
        self.policy([plan_base.NIGHTLY,
                     {'name': 'other', 'cron': '0 2 * * *'}])
        self.pass_time(14 * HOUR)
        self.assertEqual(['due', 'queued'],
                         sorted(each for _, each in self.runs()))
        waiting, = (run for run in self.all_runs() if run.status == 'due')
        self.assertIn('a backup of it is being made', waiting.reason)
        self.finish()
        self.pass_time(HOUR)
        self.assertEqual(2, len(self.backups()))

    def test_an_unforeseen_failure_is_of_one_run(self):
        shares = [self.share() for _ in range(3)]
        self.policy()
        write = scheduled_backups._write

        def fail(conn, wishes, found):
            write(conn, wishes, found)
            if shares[1].id in [wish.run.share_id for wish in wishes]:
                raise ValueError('no')

        self.useFixture(fixtures.MonkeyPatch(
            'manila_backup.requests.scheduled_backups._write', fail))
        self.pass_time(14 * HOUR)
        self.assertEqual({shares[0].id, shares[2].id},
                         {each.share_id for each in self.backups()})
        self.assertEqual('available', self.get_share(shares[1].id).status)
        self.assertEqual(['due', 'queued', 'queued'],
                         sorted(each for _, each in self.runs()))

    def test_more_than_go_into_a_transaction(self):
        self.useFixture(fixtures.MonkeyPatch(
            'manila_backup.maintenance.scheduler._BATCH', 2))
        shares = {self.share().id for _ in range(5)}
        self.policy()
        self.pass_time(14 * HOUR)
        self.assertEqual(shares, {each.share_id for each in self.backups()})
        self.assertEqual(
            {each.id for each in self.backups()},
            {each.backup_id for each in self.all_runs()})

    def test_projects_take_turns(self):
        """One that has many runs does not keep the others waiting until all
        of them have begun."""
        for name, number in ('_RUNS', 12), ('_BATCH', 3):
            self.useFixture(fixtures.MonkeyPatch(
                f'manila_backup.maintenance.scheduler.{name}', number))
        self.useFixture(fixtures.MonkeyPatch(
            'manila_backup.db.backup_runs._TURNS', 4))
        for project, count in ('p0', 40), ('p1', 8), ('p2', 3), ('p3', 3):
            self.database.write(
                transitions.create_all, models.shares, states.Share.AVAILABLE,
                [{'id': f'{project}-{number}', 'project_id': project,
                  'source': 'local', 'size': 1, 'share_proto': 'NFS',
                  'created_at': self.midnight} for number in range(count)])
            self.policy(project=project, assigned=(assignments.PROJECT,
                                                   project),
                        rules=[dict(plan_base.NIGHTLY, cron=(
                            '0 2 * * *' if project == 'p0'
                            else '1 2 * * *'))])
        self.now += 15 * HOUR
        self.scheduler.plan(self.now)
        counts = []
        while self.scheduler.begin(self.now):
            counts.append(collections.Counter(
                each.project_id for each in self.backups()))
        self.assertEqual(
            [{'p0': 3, 'p1': 3, 'p2': 3, 'p3': 3},
             {'p0': 9, 'p1': 8, 'p2': 3, 'p3': 3}], counts[:2])
        self.assertEqual(54, len(self.backups()))

    def all_runs(self):
        return self.database.read(lambda conn: conn.execute(
            backup_runs.TABLE.select()).all())

    def test_failed(self):
        self.share()
        self.policy()
        self.pass_time(14 * HOUR)
        self.finish(states.Backup.ERROR, fail_reason='no disk')
        self.assertEqual([(26 * HOUR, 'failed')], self.runs())
        self.assertEqual([('failed', 'no disk')], self.events.told)

    def test_share_is_gone(self):
        share = self.share()
        self.policy()
        self.now += 14 * HOUR
        self.scheduler.plan(self.now)
        self.database.write(rows.delete, models.operations,
                            self.operation().id)
        self.database.write(rows.delete, models.shares, share.id)
        self.look()
        self.assertEqual([(26 * HOUR, 'skipped')], self.runs())

    def test_jitter_delays_but_is_not_the_due_time(self):
        for _ in range(10):
            self.share()
        self.policy([dict(plan_base.NIGHTLY, jitter=3600)])
        # Of random ids, one in three hundred would be due at once.
        delays = [datetime.timedelta(minutes=6 * number + 3)
                  for number in range(10)]
        with mock.patch.object(schedule, 'jitter', side_effect=delays):
            self.pass_time(14 * HOUR)
        self.assertEqual([(26 * HOUR, 'due')] * 10, self.runs())
        self.pass_time(HOUR / 2)
        self.assertEqual(5, len(self.backups()))
        self.pass_time(HOUR / 2)
        self.assertEqual({self.midnight + 26 * HOUR},
                         {each.due_at for each in self.backups()})
        self.assertEqual(10, len(self.backups()))

    def test_disabled_and_enabled_again(self):
        self.share()
        policy = self.policy()
        plans = self.admission.plans
        plans.enable(base.MEMBER, policy.id, False)
        self.pass_time(2 * DAY, HOUR)
        self.assertEqual([], self.runs())
        plans.enable(base.MEMBER, policy.id, True)
        self.look()
        self.assertEqual([], self.runs())
        self.pass_time(14 * HOUR)
        self.assertEqual([(74 * HOUR, 'queued')], self.runs())

    def test_shares_that_come_later(self):
        self.policy(assigned=(assignments.METADATA, 'keep=yes'))
        self.share(properties={'keep': 'no'})
        self.pass_time(14 * HOUR)
        self.assertEqual([], self.runs())
        late = self.share(properties={'keep': 'yes'}, size=3)
        self.pass_time(DAY)
        self.assertEqual([late.id], [each.share_id
                                     for each in self.backups()])

    def test_by_type(self):
        type_ = self.admission.share_types.create({'name': 'fast'})
        self.share()
        share = self.share(share_type_id=type_.id)
        self.policy(assigned=(assignments.SHARE_TYPE, 'fast'))
        self.pass_time(14 * HOUR)
        self.assertEqual([share.id], [each.share_id
                                      for each in self.backups()])

    def test_unassigned_while_it_waits(self):
        share = self.share()
        policy = self.policy(assigned=(assignments.SHARE, share.id))
        self.put(models.shares, share.id, states.Share.BACKUP_RESTORING)
        self.pass_time(14 * HOUR)
        assigned, = self.database.read(
            db_plans.assignments_of, [policy.id])[policy.id]
        self.admission.plans.unassign(policy.id, assigned.id)
        # It was found before, and is not begun.
        self.put(models.shares, share.id, states.Share.AVAILABLE)
        run, = self.database.read(backup_runs.to_begin, self.now, 9)
        self.assertEqual(set(), self.database.write(
            backup_runs.lock_due, [run.id]))
        # So callers are told right away.
        self.assertEqual('skipped', views.run(run)['status'])
        self.look()
        self.assertEqual([(26 * HOUR, 'skipped')], self.runs())
        self.assertEqual(
            [('skipped', 'The policy does not apply to the share any more.')],
            self.events.told)

    def test_no_longer_matched_while_it_waits(self):
        """As if it were unassigned; and one without need is not asked
        about."""
        share, other = (self.share(properties={'keep': 'yes'})
                        for _ in range(2))
        self.policy(assigned=(assignments.METADATA, 'keep=yes'))
        self.put(models.shares, share.id, states.Share.BACKUP_RESTORING)
        with mock.patch.object(self.admission.plan_shares, 'get') as get:
            self.pass_time(14 * HOUR)
            get.assert_not_called()
        self.assertEqual([other.id], [each.share_id
                                      for each in self.backups()])
        self.put(models.shares, share.id, states.Share.AVAILABLE)
        self.admission.shares.update(base.MEMBER, share.id,
                                     {'properties': {'keep': 'no'}})
        self.pass_time(60 * SECOND)
        self.assertEqual({(share.id, 'skipped'), (other.id, 'queued')},
                         {(run.share_id, run.status)
                          for run in self.all_runs()})
        self.assertEqual(
            [('skipped', 'The policy does not apply to the share any more.')],
            self.events.told)

    def test_no_longer_matched_while_it_is_delayed(self):
        share = self.share(properties={'keep': 'yes'})
        self.policy([dict(plan_base.NIGHTLY, jitter=3600)],
                    assigned=(assignments.METADATA, 'keep=yes'))
        with mock.patch.object(schedule, 'jitter', return_value=HOUR / 2):
            self.pass_time(14 * HOUR)
        self.admission.shares.update(base.MEMBER, share.id,
                                     {'properties': {}})
        self.pass_time(HOUR)
        self.assertEqual([(26 * HOUR, 'skipped')], self.runs())

    def test_run_now(self):
        self.share()
        policy = self.policy()
        self.assertEqual(1, self.admission.plans.run_now(policy.id))
        self.look()
        self.assertEqual([(12 * HOUR, 'queued')], self.runs())

    def test_names(self):
        self.share()
        self.policy([dict(plan_base.NIGHTLY, timezone='UTC',
                          name_template='{policy}/{rule} {date} {time}')])
        self.pass_time(14 * HOUR)
        day = self.midnight + DAY
        self.assertEqual(f'gold/nightly {day:%Y-%m-%d} 02:00',
                         self.backups()[0].name)

    def test_purge(self):
        self.share()
        self.policy()
        self.pass_time(14 * HOUR)
        self.finish()
        self.scheduler.purge()
        self.assertEqual(1, len(self.runs()))
        self.now += 401 * DAY
        self.scheduler.purge()
        self.assertEqual([], self.runs())


class SummerTime(plan_base.TestCase):

    def nights(self, *start):
        """Due times after midnight of a run each night, in ten days."""
        self.now = datetime.datetime(*start)
        self.share()
        self.policy([{'name': 'n', 'cron': '30 2 * * *'}],
                    timezone='Europe/Berlin', retention={'daily': 3})
        for _ in range(10):
            self.pass_time(DAY)
            self.finish()
            self.finish()
        self.assertEqual(['done'] * 10, [each for _, each in self.runs()])
        self.assertEqual(3, len(self.backups()))
        self.midnight = datetime.datetime(*start)
        return [each % DAY for each, _ in self.runs()]

    def test_begins(self):
        half = HOUR / 2
        self.assertEqual(
            [HOUR + half] * 6 + [HOUR] + [half] * 3,
            self.nights(2030, 3, 25))

    def test_ends(self):
        half = HOUR / 2
        self.assertEqual([half] * 6 + [HOUR + half] * 4,
                         self.nights(2030, 10, 22))
