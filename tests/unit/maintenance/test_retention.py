# SPDX-License-Identifier: Apache-2.0

import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import plans as db_plans
from manila_backup.db import rows
from manila_backup import exception
from manila_backup.plans import assignments
from manila_backup import states
from tests.unit import base
from tests.unit import plan_base

DAY, HOUR = plan_base.DAY, plan_base.HOUR


class Retention(plan_base.TestCase):

    def days(self, count):
        for _ in range(count):
            self.pass_time(DAY, 6 * HOUR)
            self.finish()
            self.finish()

    def ages(self):
        """Days that the backups are old that there are."""
        return [(self.now - each.due_at).days for each in self.backups()]

    def test_after_each_good_run(self):
        self.share()
        self.policy(retention={'last': 2})
        self.days(5)
        self.assertEqual([1, 0], self.ages())

    def test_failed_runs_delete_nothing(self):
        self.share()
        self.policy(retention={'last': 2})
        self.days(3)
        for _ in range(3):
            self.pass_time(DAY, 6 * HOUR)
            self.finish(states.Backup.ERROR)
        good = [each for each in self.backups()
                if each.status == 'available']
        self.assertEqual(2, len(good))
        self.scheduler.retain_all()
        self.finish()
        self.assertEqual(5, len(self.backups()))

    def test_incomplete_ones_displace_nothing(self):
        self.share()
        self.policy(retention={'last': 2})
        self.days(2)
        for _ in range(4):
            self.pass_time(DAY, 6 * HOUR)
            self.finish(fail_reason='a torn file')
            self.finish()
        self.assertEqual([None, None, 'a torn file', 'a torn file'],
                         [each.fail_reason for each in self.backups()])

    def test_those_of_users_and_of_others_stay(self):
        share = self.share()
        self.admission.backups.create(base.MEMBER, share.id)
        self.finish()
        self.policy(retention={'last': 1})
        self.policy(retention={'last': 1}, name='other', rules=[
            {'name': 'n', 'cron': '0 5 * * *'}])
        self.days(4)
        self.assertEqual(3, len(self.backups()))

    def test_orphans_stay_unless_they_are_to_go(self):
        share = self.share()
        policy = self.policy(retention={'last': 5})
        self.days(4)
        self.unassign(policy)
        self.database.write(rows.update, db_plans.TABLE, policy.id,
                            {'retention': {'last': 1}})
        policy = self.database.read(db_plans.get_own, policy.id)
        self.assertEqual([(share.id, [(True, {'orphaned': None})] * 4)],
                         self.simulated(policy, orphaned=True))
        self.assertEqual([], self.simulated(policy, orphaned=False))
        # And nothing to confirm.
        self.admission.plans.update(base.MEMBER, policy.id,
                                    {'retention': {'last': 1}})
        self.scheduler.retain_all()
        self.finish()
        self.assertEqual(4, len(self.backups()))
        self.conf.set_override('expire_orphans', True, 'policies')
        self.assertEqual(
            [(share.id, [(True, {'last': None})]
              + [(False, {'last': None})] * 3)],
            self.simulated(policy, orphaned=True))
        self.scheduler.retain_all()
        self.finish()
        self.assertEqual([share.id], [each.share_id
                                      for each in self.backups()])

    def unassign(self, policy):
        assigned, = self.database.read(
            db_plans.assignments_of, [policy.id])[policy.id]
        self.admission.plans.unassign(policy.id, assigned.id)

    def test_a_run_of_before_it_was_unassigned(self):
        """Its end is no reason to delete what is orphaned meanwhile."""
        share = self.share(properties={'backup': 'gold'})
        policy = self.policy(retention={'last': 2}, assigned=(
            assignments.METADATA, 'backup=gold'))
        self.days(2)
        self.pass_time(DAY, 6 * HOUR)
        self.admission.shares.update(base.MEMBER, share.id,
                                     {'properties': {}})
        self.finish()
        self.finish()
        self.assertEqual([2, 1, 0], self.ages())
        self.database.write(rows.update, models.shares, share.id,
                            {'properties': {'backup': 'gold'}})
        self.pass_time(DAY, 6 * HOUR)
        self.unassign(policy)
        self.finish()
        self.finish()
        self.assertEqual([3, 2, 1, 0], self.ages())
        self.assertEqual(['done'] * 4, [each for _, each in self.runs()])
        self.conf.set_override('expire_orphans', True, 'policies')
        self.scheduler.retain_all()
        self.finish()
        self.assertEqual([1, 0], self.ages())

    def test_unassigned_while_it_is_applied(self):
        """Shares that are found first, of many, may not be so any more."""
        for _ in range(2):
            self.share()
        policy = self.policy(retention={'last': 1})
        self.days(1)
        self.database.write(rows.update, db_plans.TABLE, policy.id,
                            {'retention': {}})
        self.days(2)
        self.database.write(rows.update, db_plans.TABLE, policy.id,
                            {'retention': {'last': 1}})
        calls = []

        def keep():
            calls.append(None)
            if len(calls) == 3:     # one share of two is dealt with
                self.unassign(policy)

        self.scheduler.retain_all(keep)
        self.finish()
        self.assertEqual([2, 1, 0, 0], self.ages())

    def simulated(self, policy, at=None, **which):
        """Return what simulate says of each share: (its id, list of (kept,
        rules))."""
        rules = self.database.read(db_plans.rules_of, [policy.id])[policy.id]
        return [(each.share_id, [(decision.kept, decision.rules)
                                 for decision in each.decisions])
                for each in self.admission.retention.simulate(
                    policy, rules, policy.retention, policy.timezone, at,
                    **which)]

    def test_backups_of_a_deleted_share_are_orphaned(self):
        gone, there = self.share(), self.share()
        policy = self.policy(retention={'last': 1})
        self.days(1)
        held, = [each for each in self.backups()
                 if each.share_id == gone.id]
        self.admission.backup_metadata.set(base.MEMBER, held.id,
                                           {'hold': ''})
        self.days(1)
        # As one of Manila's, which its row here outlives.
        self.database.write(rows.update, models.shares, gone.id,
                            {'source': 'manila'})
        kept = [(there.id, [(True, {'last': None})])]
        self.assertEqual(kept, self.simulated(policy, orphaned=False))
        self.assertEqual(
            [(gone.id, [(True, {'orphaned': None}), (True, {'held': None})])],
            self.simulated(policy, orphaned=True))
        # Nothing is planned for it.
        (_, decisions), = self.simulated(policy, self.now + 3 * DAY,
                                         orphaned=True)
        self.assertEqual(2, len(decisions))

    def test_many_shares_take_few_statements(self):
        shares = [self.share() for _ in range(40)]
        policy = self.policy(retention={'last': 1})
        self.days(1)
        rules = self.database.read(db_plans.rules_of, [policy.id])[policy.id]

        def simulate():
            return list(self.admission.retention.simulate(
                policy, rules, policy.retention, policy.timezone))

        self.assertEqual(40, len(simulate()))
        self.assertGreater(20, self.statements(simulate))
        # What has nothing to delete is not even held.
        self.assertGreater(20, self.statements(self.scheduler.retain_all))
        self.database.write(rows.update, db_plans.TABLE, policy.id,
                            {'retention': {}})
        self.days(1)
        self.database.write(rows.update, db_plans.TABLE, policy.id,
                            {'retention': {'last': 1}})
        self.scheduler.retain_all()
        self.finish()
        self.assertEqual(sorted(each.id for each in shares),
                         sorted(each.share_id for each in self.backups()))

    def statements(self, function):
        """Count the statements that a function has the database execute."""
        found = []

        def note(*args):
            found.append(args)

        sa.event.listen(self.database.engine, 'before_cursor_execute', note)
        function()
        sa.event.remove(self.database.engine, 'before_cursor_execute', note)
        return len(found)

    def test_a_restoring_one_stays(self):
        self.share()
        self.policy(retention={'last': 1})
        self.days(1)
        backup, = self.backups()
        self.put(models.share_backups, backup.id, states.Backup.RESTORING)
        self.days(2)
        self.assertEqual(2, len(self.backups()))

    def test_one_that_is_held_stays(self):
        """It is out: others are kept as if it were not there."""
        self.share()
        policy = self.policy(retention={'last': 2})
        self.days(1)
        backup, = self.backups()
        metadata = self.admission.backup_metadata
        metadata.set(base.MEMBER, backup.id, {'hold': ''})
        self.days(3)
        self.assertEqual([3, 1, 0], self.ages())
        outcome, = self.admission.retention.simulate(
            policy, [], {'last': 1}, 'UTC')
        self.assertEqual(
            [(True, {'last': None}), (False, {'last': None}),
             (True, {'held': None})],
            [(each.kept, each.rules) for each in outcome.decisions])
        metadata.delete(base.MEMBER, backup.id, 'hold')
        self.scheduler.retain_all()
        self.finish()
        self.assertEqual([1, 0], self.ages())

    def test_confirmation(self):
        self.share()
        policy = self.policy(retention={'daily': 7})
        self.days(5)
        plans = self.admission.plans
        error = self.assertRaises(
            exception.Conflict, plans.update, base.MEMBER,
            policy.id, {'retention': {'daily': 2}})
        self.assertIn('confirm_deletions: 3', str(error))
        self.assertRaises(
            exception.Conflict, plans.update, base.MEMBER,
            policy.id, {'retention': {'daily': 2}}, 2)
        plans.update(base.MEMBER, policy.id, {'retention': {'daily': 2}}, 3)
        self.scheduler.retain_all()
        self.finish()
        self.assertEqual([1, 0], self.ages())
        # Nothing to confirm.
        plans.update(base.MEMBER, policy.id, {'retention': {'daily': 9}})

    def test_a_simulation_comes_true(self):
        self.share()
        policy = self.policy(retention={'last': 2, 'weekly': 2,
                                        'monthly': 2})
        self.days(3)
        rules = self.database.read(db_plans.rules_of, [policy.id])[policy.id]
        at = self.now + 40 * DAY
        outcome, = self.admission.retention.simulate(
            policy, rules, policy.retention, policy.timezone, at)
        foreseen = sorted(each.item.due_at for each in outcome.decisions
                          if each.kept)
        self.days(40)
        self.assertEqual(at, self.now)
        self.assertEqual(foreseen, [each.due_at for each in self.backups()])
