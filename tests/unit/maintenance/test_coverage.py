# SPDX-License-Identifier: Apache-2.0
"""Coverage of shares by the policies that are about them, while time goes by.
"""

import functools

from manila_backup.db import models
from manila_backup.plans import assignments
from manila_backup import states
from tests.unit import base
from tests.unit import plan_base

DAY, HOUR, SECOND = plan_base.DAY, plan_base.HOUR, plan_base.SECOND

#: What is due at two has until five to begin.
RULE = dict(plan_base.NIGHTLY, start_window=3 * 3600)


class Coverage(plan_base.TestCase):

    def covered(self, **which):
        """The coverage of the shares, by their ids."""
        found, _counted = self.admission.coverage.page('p1', limit=100,
                                                       **which)
        return {each.share.id: each for each in found}

    def objective(self, share):
        return self.covered()[share.id].objective

    def night(self, status=states.Backup.AVAILABLE, **values):
        """Have one go by, from noon to noon."""
        self.pass_time(18 * HOUR, HOUR)
        self.finish(status, **values)
        self.pass_time(6 * HOUR)
        self.finish()

    def test_of_one_that_is_kept(self):
        share = self.share(name='docs')
        policy = self.policy([RULE])
        told = self.covered()[share.id]
        self.assertEqual(
            ('docs', [policy.id], None, True, None),
            (told.share.name, [each.id for each in told.policies],
             told.last_good, told.is_protected, told.objective))
        self.assertEqual(self.midnight + 26 * HOUR, told.next_at)
        self.night()
        told = self.covered()[share.id]
        self.assertEqual(('kept', self.midnight + 26 * HOUR),
                         (told.objective, told.last_good.due_at))
        self.assertEqual(self.midnight + 50 * HOUR, told.next_at)

    def test_nothing_is_broken_before_its_start_window_is_over(self):
        share = self.share()
        self.policy([RULE])
        self.night()
        self.put(models.shares, share.id, states.Share.BACKUP_RESTORING)
        self.pass_time(17 * HOUR - SECOND, HOUR)
        self.assertEqual('kept', self.objective(share))
        self.pass_time(SECOND)
        self.assertEqual('broken', self.objective(share))
        # It is made good by the next one.
        self.put(models.shares, share.id, states.Share.AVAILABLE)
        self.night()
        self.assertEqual('kept', self.objective(share))

    def test_the_next_one_ends_a_start_window(self):
        """A run is superseded by it, and may not begin any more."""
        share = self.share()
        self.policy([{'name': 'hourly', 'cron': '0 * * * *',
                      'start_window': 8 * 3600}])
        for expected in None, 'kept', 'kept':
            self.pass_time(HOUR)
            self.finish()
            self.assertEqual(expected, self.objective(share))
        self.put(models.shares, share.id, states.Share.BACKUP_RESTORING)
        self.pass_time(2 * HOUR - SECOND, HOUR)
        self.assertEqual('kept', self.objective(share))
        self.pass_time(SECOND)
        self.assertEqual('broken', self.objective(share))

    def test_only_good_backups_keep_it(self):
        share = self.share()
        self.policy([RULE])
        self.night()
        good, = self.backups()
        for status, values in (
                (states.Backup.ERROR, {'fail_reason': 'no disk'}),
                (states.Backup.AVAILABLE, {'result': 'incomplete'}),
                (states.Backup.AVAILABLE, {'result': 'damaged'}),
                (states.Backup.AVAILABLE, {'verified_result': 'damaged'})):
            self.night(status, **values)
            told = self.covered()[share.id]
            self.assertEqual(('broken', good.id),
                             (told.objective, told.last_good.id), values)
        # A user's own is as good.
        made = self.admission.backups.create(base.MEMBER, share.id)
        self.finish()
        self.put(models.share_backups, made.id, states.Backup.AVAILABLE,
                 created_at=self.now)
        told = self.covered()[share.id]
        self.assertEqual(('kept', made.id),
                         (told.objective, told.last_good.id))

    def test_one_rule_of_several_is_enough_to_break_it(self):
        share = self.share()
        self.policy([RULE, {'name': 'hourly', 'cron': '0 * * * *',
                            'start_window': 600}])
        self.night()
        told = self.covered()[share.id]
        self.assertEqual(('kept', self.now + HOUR),
                         (told.objective, told.next_at))
        self.put(models.shares, share.id, states.Share.BACKUP_RESTORING)
        self.pass_time(HOUR + 599 * SECOND, HOUR / 4)
        self.assertEqual('kept', self.objective(share))
        self.pass_time(SECOND)
        self.assertEqual('broken', self.objective(share))

    def test_what_a_rule_was_not_yet_to_do_breaks_nothing(self):
        """Not what would have been due before it was there, was due by its
        present times, or was enabled."""
        share = self.share()
        policy = self.policy([RULE])
        self.night()
        change = functools.partial(self.admission.plans.update, base.MEMBER,
                                   policy.id)
        change({'rules': [RULE, {'name': 'late', 'cron': '0 5 * * *',
                                 'start_window': 60}]})
        self.assertEqual('kept', self.objective(share))
        change({'rules': [dict(RULE, cron='0 3 * * *')]})
        self.assertIsNone(self.objective(share))
        change({'enabled': False})
        self.pass_time(3 * DAY)
        change({'enabled': True})
        self.assertIsNone(self.objective(share))
        self.night()
        self.assertEqual('kept', self.objective(share))
        self.admission.plans.enable(base.MEMBER, policy.id, False)
        self.pass_time(3 * DAY)
        self.admission.plans.enable(base.MEMBER, policy.id, True)
        self.assertIsNone(self.objective(share))
        # One that is due at the same times goes on.
        self.put(models.shares, share.id, states.Share.BACKUP_RESTORING)
        self.pass_time(DAY, HOUR)
        self.assertEqual('broken', self.objective(share))
        change({'rules': [dict(RULE, cron='0 3 * * *', jitter=60)]})
        self.assertEqual('broken', self.objective(share))

    def test_who_is_protected(self):
        mine = self.share(properties={'backup': 'gold'})
        other = self.share()
        policy = self.policy([RULE], assigned=(assignments.METADATA,
                                               'backup=gold'))
        # One without rules protects nothing.
        empty = self.policy([], name='empty')
        self.assertEqual([mine.id], list(self.covered(protected=True)))
        told = self.covered(protected=False)
        self.assertEqual([other.id], list(told))
        self.assertEqual(
            ([empty.id], None, None),
            ([each.id for each in told[other.id].policies],
             told[other.id].next_at, told[other.id].objective))
        self.admission.plans.enable(base.MEMBER, policy.id, False)
        self.assertEqual(2, len(self.covered(protected=False)))

    def test_the_next_run_is_told_with_its_delay(self):
        share = self.share()
        self.policy([dict(RULE, jitter=3600)])
        told = self.covered()[share.id]
        self.pass_time(told.next_at - self.now - SECOND, HOUR)
        self.assertEqual([], self.backups())
        self.pass_time(SECOND)
        self.assertEqual([(26 * HOUR, 'queued')], self.runs())
