# SPDX-License-Identifier: Apache-2.0

import os
from unittest import mock

import fixtures
import testtools

from manila_backup.cmd import manage
from manila_backup import conf as config
from manila_backup import exception


class AwayTestCase(testtools.TestCase):
    """A database that does not answer ends a command with one line."""

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.useFixture(fixtures.TempDir()).path,
                                 'test.conf')
        with open(self.path, 'w') as file:
            # Nobody listens there.
            file.write('[database]\nmax_retries = 0\nconnection = '
                       'mysql+pymysql://user:password@127.0.0.1:1/away\n')
        patch = mock.patch.object(config, 'setup_logging')
        patch.start()
        self.addCleanup(patch.stop)

    def assertAway(self, *args):
        said = str(self.assertRaises(
            exception.ConfigurationError, manage._main,
            ['--config-file', self.path, *args]))
        self.assertIn('The database can\'t be used', said)
        self.assertEqual(1, len(said.splitlines()))

    def test_sync(self):
        self.assertAway('db', 'sync')

    def test_version(self):
        self.assertAway('db', 'version')
