# SPDX-License-Identifier: Apache-2.0
"""Events that others are told of: runs of policies, and rules that are
refused."""

import datetime

from manila_backup.bus import rpc
from manila_backup.db import plans as db_plans
from manila_backup import exception
from manila_backup.maintenance import scheduler
from manila_backup.plans import assignments
from manila_backup import states
from manila_backup.telemetry import metrics
from manila_backup.telemetry import notifications
from tests.unit import base
from tests.unit import plan_base

HOUR = plan_base.HOUR


class Told(plan_base.TestCase):
    """The real notifications and metrics of a worker."""

    def worker(self):
        # It makes the options known.
        rpc.messaging.get_notification_transport(self.conf, 'fake://')
        self.conf.set_override('driver', ['test'],
                               'oslo_messaging_notifications')
        notifier = notifications.Notifier(self.conf)
        self.driver = rpc.messaging.notify._impl_test
        self.addCleanup(self.driver.reset)
        self.metrics = metrics.Worker(1)
        self.events = scheduler.Events(notifier, self.metrics)
        self.sent = notifier.close
        return super().worker()

    def told(self):
        """List what was notified of runs: (priority, event, payload)."""
        self.sent()
        return [(priority, message['event_type'], message['payload'])
                for _, message, priority, _ in self.driver.NOTIFICATIONS
                if 'policy_run' in message['event_type']]

    def count(self, policy, status):
        return self.metrics.registry.get_sample_value(
            'manila_backup_policy_runs_ended_total',
            {'policy_id': policy.id, 'status': status})

    def moments(self, name):
        """Instants that the API tells of policies: dict of id to the time
        since midnight."""
        found, = [family for family
                  in metrics.Records(self.database, 9).collect()
                  if family.name == f'manila_backup_{name}_timestamp_seconds']
        return {sample.labels['policy_id']: datetime.datetime.fromtimestamp(
            sample.value, datetime.timezone.utc).replace(tzinfo=None)
            - self.midnight for sample in found.samples}

    def test_done_and_failed(self):
        share = self.share()
        policy = self.policy()
        self.pass_time(15 * HOUR)
        backup, = self.backups()
        self.finish()
        self.pass_time(24 * HOUR)
        self.finish(states.Backup.ERROR, fail_reason='no disk')
        done, failed = self.told()
        self.assertEqual(('INFO', 'share_backup.policy_run.done'), done[:2])
        self.assertEqual(
            (policy.id, share.id, 'p1', backup.id, None,
             (self.midnight + 26 * HOUR).isoformat()),
            tuple(done[2][key] for key in (
                'policy_id', 'share_id', 'tenant_id', 'backup_id', 'reason',
                'due_at')))
        self.assertEqual(
            ('ERROR', 'share_backup.policy_run.failed', 'no disk'),
            (*failed[:2], failed[2]['reason']))
        self.assertEqual([1, 1], [self.count(policy, each)
                                  for each in ('done', 'failed')])
        self.assertEqual({policy.id: 26 * HOUR},
                         self.moments('policy_last_success'))

    def test_missed_and_superseded(self):
        self.share(status=states.Share.ERROR)
        policy = self.policy([{'name': 'hourly', 'cron': '0 * * * *',
                               'start_window': 60}])
        self.pass_time(3 * HOUR)
        self.pass_time(plan_base.SECOND * 120)
        self.assertEqual(
            [('INFO', 'superseded'), ('INFO', 'superseded'),
             ('ERROR', 'missed')],
            [(priority, event.rpartition('.')[2])
             for priority, event, _ in self.told()])
        self.assertEqual([2, 1], [self.count(policy, each) for each in (
            'superseded', 'missed')])

    def test_skipped(self):
        """A worker tells of runs that a request ends: it counts all runs."""
        plans = self.admission.plans
        ways = {
            'The policy was disabled.':
                lambda id_: plans.enable(base.MEMBER, id_, False),
            'The policy was deleted.':
                lambda id_: plans.delete(base.MEMBER, id_),
            'The policy does not apply to the share any more.':
                lambda id_: plans.unassign(id_, self.database.read(
                    db_plans.assignments_of, [id_])[id_][0].id)}
        for reason, do in ways.items():
            share = self.share(status=states.Share.ERROR)
            policy = self.policy(assigned=(assignments.SHARE, share.id))
            plans.run_now(policy.id)
            self.look()
            self.assertEqual([], self.told())
            do(policy.id)
            self.look()
            (priority, event, payload), = self.told()
            self.assertEqual(
                ('INFO', 'share_backup.policy_run.skipped', reason, share.id),
                (priority, event, payload['reason'], payload['share_id']))
            self.assertEqual(1, self.count(policy, 'skipped'))
            self.driver.reset()

    def test_overdue(self):
        """The first time that a good backup was due since there was one."""
        self.share()
        policy = self.policy()

        def overdue():
            found = self.moments('policy_overdue')
            self.assertLessEqual(set(found), {policy.id})
            return found.get(policy.id)

        self.assertIsNone(overdue())
        self.pass_time(15 * HOUR)
        # It is being made.
        self.assertEqual(26 * HOUR, overdue())
        self.finish()
        self.assertIsNone(overdue())
        for _ in range(2):
            self.pass_time(24 * HOUR)
            self.finish(states.Backup.ERROR)
        self.assertEqual(50 * HOUR, overdue())
        # Whatever is due is for naught.
        plans = self.admission.plans
        plans.enable(base.MEMBER, policy.id, False)
        self.assertIsNone(overdue())
        plans.enable(base.MEMBER, policy.id, True)
        self.assertEqual(50 * HOUR, overdue())
        self.pass_time(24 * HOUR)
        self.finish()
        self.assertIsNone(overdue())

    def test_overdue_where_none_was_ever_good(self):
        self.share()
        policy = self.policy()
        for _ in range(2):
            self.pass_time(24 * HOUR)
            self.finish(states.Backup.ERROR)
        self.assertEqual({policy.id: 26 * HOUR},
                         self.moments('policy_overdue'))
        assigned, = self.database.read(
            db_plans.assignments_of, [policy.id])[policy.id]
        self.admission.plans.unassign(policy.id, assigned.id)
        self.assertEqual({}, self.moments('policy_overdue'))

    def test_overdue_while_no_worker_looks(self):
        self.share()
        policy = self.policy()
        self.policy(assigned=None)
        self.now += 15 * HOUR
        self.assertEqual({policy.id: 26 * HOUR},
                         self.moments('policy_overdue'))

    def test_what_was_skipped_is_not_overdue(self):
        share = self.share(status=states.Share.ERROR)
        policy = self.policy(assigned=(assignments.SHARE, share.id))
        self.admission.plans.run_now(policy.id)
        self.assertEqual({policy.id: 12 * HOUR},
                         self.moments('policy_overdue'))
        self.admission.plans.enable(base.MEMBER, policy.id, False)
        self.admission.plans.enable(base.MEMBER, policy.id, True)
        self.assertEqual({}, self.moments('policy_overdue'))
        self.look()
        self.assertEqual(['skipped'], [each for _, each in self.runs()])
        self.assertEqual({}, self.moments('policy_overdue'))


class Refused(plan_base.TestCase):

    def test_too_often(self):
        for cron in ('*/59 * * * *', '0,30 3 * * *'):
            error = self.assertRaises(
                exception.InvalidInput, self.policy,
                [{'name': 'often', 'cron': cron}])
            self.assertIn('at least 3600 must be in between', str(error))
        policy = self.policy([{'name': 'hourly', 'cron': '0 * * * *'}])
        self.assertRaises(
            exception.InvalidInput, self.admission.plans.update, base.MEMBER,
            policy.id, {'rules': [{'name': 'hourly',
                                   'cron': '* * * * *'}]})
