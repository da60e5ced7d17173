# SPDX-License-Identifier: Apache-2.0
"""Runs of policies about shares of another service."""

import fixtures

from manila_backup.plans import assignments
from manila_backup import plugins
from tests.unit import plan_base
from tests.unit.shares.manila import fake
from tests.unit.shares.manila import test_source

HOUR, SECOND = plan_base.HOUR, plan_base.SECOND

_LOOK_UP = 'GET', '/v2/shares/s'

_NOT_ASSIGNED = 'The policy does not apply to the share any more.'


class Waiting(plan_base.TestCase):
    """A run that can't begin at once."""

    def setUp(self):
        super().setUp()
        self.manila = self.useFixture(fake.Manila())
        tmp = self.useFixture(fixtures.TempDir()).path
        external = self.admission.plan_shares._external
        external._source = plugins.share_source(test_source.configured(
            tmp, auth_type='none', endpoint=self.manila.url,
            endpoint_override=self.manila.url, access_to='192.0.2.1'))
        self.there = self.manila.add_share(metadata={'keep': 'yes'},
                                           status='extending')
        self.policy(assigned=(assignments.METADATA, 'keep=yes'))
        self.pass_time(14 * HOUR)
        self.assertEqual([(26 * HOUR, 'due')], self.runs())

    def look_again(self):
        """Have it looked at once more.

        :returns: list of what Manila was asked for.
        """
        before = len(self.manila.asked)
        self.pass_time(60 * SECOND)
        return [(method, path) for method, path, _
                in self.manila.asked[before:] if '/shares' in path]

    def test_is_looked_up_once(self):
        self.assertEqual([_LOOK_UP], self.look_again())
        self.assertEqual([(26 * HOUR, 'due')], self.runs())
        self.there['status'] = 'available'
        self.assertEqual([_LOOK_UP], self.look_again())
        self.assertEqual([(26 * HOUR, 'queued')], self.runs())

    def test_of_a_share_that_is_not_matched_any_more(self):
        self.there['metadata'] = {}
        # Which counts, and not that it is changing.
        self.assertEqual([_LOOK_UP], self.look_again())
        self.assertEqual([('skipped', _NOT_ASSIGNED)], self.events.told)
        self.assertEqual([], self.backups())

    def test_of_a_share_that_has_another_owner(self):
        self.there.update(project_id='p2', metadata={})
        self.assertEqual([_LOOK_UP], self.look_again())
        self.assertEqual([('skipped', _NOT_ASSIGNED)], self.events.told)

    def test_of_a_share_that_is_gone(self):
        self.manila.shares.clear()
        self.assertEqual([_LOOK_UP], self.look_again())
        self.assertEqual([('skipped', 'The share is gone.')],
                         self.events.told)
