# SPDX-License-Identifier: Apache-2.0
"""The alert rules for Prometheus, by promtool."""

import os
import shutil
import subprocess

import fixtures
import testtools
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))

RULES = os.path.join(os.path.dirname(os.path.dirname(HERE)), 'etc',
                     'manila-backup', 'telemetry', 'prometheus-alerts.yaml')

SERIES = os.path.join(HERE, 'alerts.yaml')


class Alerts(testtools.TestCase):

    def promtool(self, *args):
        done = subprocess.run(['promtool', *args], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(0, done.returncode, done.stdout)

    def test_rules_are_rules(self):
        self.promtool('check', 'rules', RULES)

    def test_they_fire_when_they_should(self):
        # It looks for the rules beside the series.
        folder = self.useFixture(fixtures.TempDir()).path
        for path in (RULES, SERIES):
            shutil.copy(path, folder)
        self.promtool('test', 'rules', os.path.join(folder, 'alerts.yaml'))

    def test_each_fires_once(self):
        with open(RULES) as file:
            group, = yaml.safe_load(file)['groups']
        with open(SERIES) as file:
            tests = yaml.safe_load(file)['tests']
        fired = {each['alertname'] for test in tests
                 for each in test['alert_rule_test']
                 if each.get('exp_alerts')}
        self.assertEqual({rule['alert'] for rule in group['rules']}, fired)
