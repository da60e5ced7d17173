# SPDX-License-Identifier: Apache-2.0
"""Parts of the dashboard that can be told without Horizon."""

import os
import re

import testtools

from tests.unit import test_tools

PACKAGE = os.path.join(test_tools.ROOT, 'dashboard',
                       'manila_backup_dashboard')


class PoliciesTest(testtools.TestCase):

    def test_default_policy(self):
        """Horizon knows the rules as the service has them."""
        tool = test_tools.load('dashboard_policies')
        with open(os.path.join(PACKAGE, 'conf',
                               'default_policy.yaml')) as file:
            self.assertEqual(
                tool.text(), file.read(),
                '"make dashboard-policies" writes it anew.')

    def test_rules_are_there(self):
        """Each name that the panels ask for is a rule."""
        with open(os.path.join(PACKAGE, 'conf',
                               'default_policy.yaml')) as file:
            known = set(re.findall(r'^- name: (\S+)', file.read(), re.M))
        asked = set()
        for folder, _, names in os.walk(PACKAGE):
            for name in names:
                if name.endswith('.py'):
                    with open(os.path.join(folder, name)) as file:
                        asked |= set(re.findall(
                            r"\('share-backup', '([^']+)'\)", file.read()))
        self.assertGreater(len(asked), 10)
        self.assertEqual(set(), asked - known)


class TemplatesTest(testtools.TestCase):

    def test_no_scripts(self):
        """There is no script, no style and no unescaped value in them."""
        count = 0
        for folder, _, names in os.walk(os.path.join(PACKAGE, 'templates')):
            for name in names:
                with open(os.path.join(folder, name)) as file:
                    text = file.read()
                count += 1
                self.assertNotRegex(
                    text, r'(?i)<script|<style|javascript:|\son\w+\s*=|'
                          r'\sstyle\s*=|\|safe\b|autoescape off|safeseq')
        self.assertGreater(count, 10)
