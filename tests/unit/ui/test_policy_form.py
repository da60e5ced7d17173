# SPDX-License-Identifier: Apache-2.0
"""From the fields of a form to the rules of a policy."""

import testtools

from manila_backup.ui.pages import policy_form

BEFORE = [{'name': 'nightly', 'cron': '0 2 * * *', 'timezone': 'UTC',
           'start_window': 60, 'jitter': 0, 'backup_type': 'posix',
           'backup_options': {'a': 'b'}, 'name_template': None}]


class PolicyForm(testtools.TestCase):

    def rules(self, *rules):
        given = {}
        for number, fields in enumerate(rules):
            for name in ('was', 'name', 'cron', 'timezone', 'start_window',
                         'jitter'):
                given[f'rule-{number}-{name}'] = fields.get(name, '')
        return policy_form._rules(given, BEFORE)

    def test_what_has_no_field_stays(self):
        rule, = self.rules({'was': 'nightly', 'name': 'daily',
                            'cron': ' 0 3 * * * ', 'jitter': '30'})
        self.assertEqual({
            'name': 'daily', 'cron': '0 3 * * *', 'jitter': 30,
            'backup_type': 'posix', 'backup_options': {'a': 'b'}}, rule)

    def test_rules_are_added_and_removed(self):
        self.assertEqual([], self.rules({'was': 'nightly'}))
        self.assertEqual(
            [{'name': 'x', 'cron': 'y', 'start_window': 'soon'}],
            self.rules({'was': 'nightly'},
                       {'name': 'x', 'cron': 'y', 'start_window': 'soon'}))

    def test_numbers(self):
        self.assertEqual({'daily': 7, 'last': 0}, policy_form.numbers(
            {'daily': '7', 'last': '0', 'weekly': 'x', 'hourly': '-1',
             'yearly': '٣', 'other': '1'}))
