# SPDX-License-Identifier: Apache-2.0

from oslotest import base

from manila_backup import exception
from manila_backup import states


class Transitions(base.BaseTestCase):

    def test_only_what_the_table_has_is_legal(self):
        for kind, table in states.TRANSITIONS.items():
            for old in [None, *kind]:
                for new in kind:
                    if new in table.get(old, ()):
                        states.check(old, new)
                    else:
                        self.assertRaises(exception.IllegalTransition,
                                          states.check, old, new)

    def test_every_backup_status_can_come_to_rest_and_go(self):
        resting = {states.Backup.AVAILABLE, states.Backup.ERROR,
                   states.Backup.ERROR_DELETING}
        table = states.TRANSITIONS[states.Backup]
        for status in states.Backup:
            self.assertIn(status, table)
            if status not in resting:
                self.assertTrue(table[status] & (resting | {None}), status)

    def test_sources(self):
        self.assertEqual(['available', 'error', 'error_deleting'],
                         sorted(states.sources(states.Backup.DELETING)))
        self.assertEqual(['deleting'], states.removable(states.Backup))

    def test_every_run_of_a_policy_comes_to_an_end(self):
        table = states.TRANSITIONS[states.Run]
        ends = {each for each in states.Run if each not in table}
        self.assertEqual({states.Run.DONE, states.Run.FAILED,
                          states.Run.MISSED, states.Run.SKIPPED,
                          states.Run.SUPERSEDED}, ends)
        for status in set(states.Run) - ends:
            self.assertTrue(table[status] & ends, status)
        # One whose backup was begun never begins another.
        self.assertEqual(['due'], states.sources(states.Run.QUEUED))
