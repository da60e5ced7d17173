# SPDX-License-Identifier: Apache-2.0
"""Names in configuration files that no option has."""

import os

import fixtures
import testtools

from manila_backup import conf as config
from manila_backup.maintenance import misspelt


class NamesTestCase(testtools.TestCase):

    def names(self, *lines):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'conf')
        with open(path, 'w') as file:
            file.write('\n'.join([*lines, '']))
        conf = config.load(['--config-file', path], 'test')
        return [problem.removeprefix(f'{path}: ')
                for problem in misspelt.names(conf)]

    def test_all_is_well(self):
        self.assertEqual([], self.names(
            '[DEFAULT]', 'transport_url = fake://', 'debug = true',
            'log-file = x', '[backup]', 'lease_ttl = 3',
            '[database]', 'connection = sqlite://', 'max_retries = 1',
            '[oslo_messaging_rabbit]', 'rabbit_quorum_queue = true',
            '[keystone_authtoken]', 'username = x', '[cors]',
            'allowed_origin = x', '[oslo_policy]', 'policy_file = x'))

    def test_option(self):
        self.assertEqual(
            ['[backup] has no option lease_tll; is lease_ttl meant?',
             '[DEFAULT] has no option tansport_url; is transport_url meant?'],
            sorted(self.names('[DEFAULT]', 'tansport_url = x', '[backup]',
                              'lease_tll = 3'), key=str.lower))

    def test_option_like_none(self):
        self.assertEqual(['[nfs] has no option colour.'],
                         self.names('[nfs]', 'colour = blue'))

    def test_section(self):
        self.assertEqual(
            ['there is no section [backups]; is [backup] meant?'],
            self.names('[backups]', 'lease_ttl = 3'))

    def test_section_of_a_plug_in(self):
        self.assertEqual([], self.names('[acme_tape]', 'robot = 3'))

    def test_what_the_sample_has(self):
        """Every option that the sample configuration describes is known."""
        lines = []
        for group, options in config.list_opts():
            lines += [f'[{group}]', *(f'{option.name} = '
                                      for option in options
                                      if option.dest in ('path', 'export'))]
        self.assertEqual([], self.names(*lines))
