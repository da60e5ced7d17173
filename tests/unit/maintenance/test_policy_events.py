# SPDX-License-Identifier: Apache-2.0
"""What others are told of runs of policies, and rules that are refused."""

from manila_backup.bus import rpc
from manila_backup import exception
from manila_backup.maintenance import scheduler
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
        """What was notified of runs: (priority, event, payload)."""
        self.sent()
        return [(priority, message['event_type'], message['payload'])
                for _, message, priority, _ in self.driver.NOTIFICATIONS
                if 'policy_run' in message['event_type']]

    def count(self, policy, status):
        return self.metrics.registry.get_sample_value(
            'manila_backup_policy_runs_ended_total',
            {'policy_id': policy.id, 'status': status})

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
        last = metrics.Records(self.database, 9)
        found, = [family for family in last.collect() if family.name
                  == 'manila_backup_policy_last_success_timestamp_seconds']
        self.assertEqual([policy.id], [
            sample.labels['policy_id'] for sample in found.samples])

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


class Refused(plan_base.TestCase):

    def test_too_often(self):
        for cron in ('*/59 * * * *', '0,30 3 * * *'):
            error = self.assertRaises(
                exception.InvalidInput, self.policy,
                [{'name': 'often', 'cron': cron}])
            self.assertIn('at least 3600 in between', str(error))
        policy = self.policy([{'name': 'hourly', 'cron': '0 * * * *'}])
        self.assertRaises(
            exception.InvalidInput, self.admission.plans.update, base.MEMBER,
            policy.id, {'rules': [{'name': 'hourly',
                                   'cron': '* * * * *'}]})
