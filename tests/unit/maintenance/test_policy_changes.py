# SPDX-License-Identifier: Apache-2.0
"""Policies that are changed: when their runs are due then."""

from manila_backup.db import models
from manila_backup.db import plans as db_plans
from manila_backup import states
from tests.unit import base
from tests.unit import plan_base

DAY, HOUR = plan_base.DAY, plan_base.HOUR


class OtherTimes(plan_base.TestCase):
    """A policy that is changed while its rules wait."""

    def change(self, policy, **values):
        return self.admission.plans.update(base.MEMBER, policy.id, values)

    def zones(self, policy):
        return {row.name: row.timezone for row in self.database.read(
            db_plans.rules_of, [policy.id])[policy.id]}

    def test_time_zone(self):
        """Rules in the policy's zone follow it, and others don't."""
        self.share()
        policy = self.policy([
            {'name': 'own', 'cron': '0 4 * * *', 'timezone': 'Asia/Kolkata'},
            {'name': 'usual', 'cron': '0 2 * * *'}])
        self.change(policy, timezone='Asia/Tokyo')
        self.assertEqual({'own': 'Asia/Kolkata', 'usual': 'Asia/Tokyo'},
                         self.zones(policy))
        self.pass_time(DAY, HOUR / 2)
        self.assertEqual([17 * HOUR, 22.5 * HOUR],
                         [due_at for due_at, _ in self.runs()])

    def test_same_time_zone(self):
        """An edit that changes nothing gives no rule a fresh start."""
        policy = self.policy()
        self.now += 3 * HOUR
        self.change(policy, timezone='UTC', name='silver')
        rule, = self.database.read(db_plans.rules_of, [policy.id])[policy.id]
        self.assertEqual(self.midnight + 12 * HOUR, rule.begun_at)

    def test_rules_and_time_zone_at_once(self):
        self.share()
        policy = self.policy()
        self.change(policy, timezone='Asia/Tokyo', rules=[
            {'name': 'nightly', 'cron': '0 3 * * *'},
            {'name': 'more', 'cron': '0 4 * * *', 'timezone': 'UTC'}])
        self.assertEqual({'nightly': 'Asia/Tokyo', 'more': 'UTC'},
                         self.zones(policy))
        self.pass_time(DAY, HOUR)
        self.assertEqual([18 * HOUR, 28 * HOUR],
                         [due_at for due_at, _ in self.runs()])

    def test_while_it_is_disabled(self):
        self.share()
        policy = self.policy(enabled=False)
        self.change(policy, timezone='Asia/Tokyo')
        self.pass_time(DAY, HOUR)
        self.assertEqual([], self.runs())
        self.change(policy, enabled=True)
        self.pass_time(DAY, HOUR)
        self.assertEqual([41 * HOUR], [due_at for due_at, _ in self.runs()])

    def test_what_was_due_before_is_made(self):
        share = self.share()
        policy = self.policy()
        self.put(models.shares, share.id, states.Share.BACKUP_RESTORING)
        self.pass_time(14 * HOUR)
        self.change(policy, rules=[dict(plan_base.NIGHTLY, cron='0 20 * * *')],
                    timezone='Asia/Tokyo')
        self.assertEqual([(26 * HOUR, 'due')], self.runs())
        self.put(models.shares, share.id, states.Share.AVAILABLE)
        self.pass_time(HOUR)
        self.assertEqual([(26 * HOUR, 'queued')], self.runs())
        self.finish()
        self.pass_time(DAY, HOUR)
        self.assertEqual([(26 * HOUR, 'done'), (35 * HOUR, 'queued')],
                         self.runs())
