# SPDX-License-Identifier: Apache-2.0
"""The database that manila-backup-all has made, as other commands find it."""

import os
from unittest import mock

import fixtures
import testtools

from manila_backup.cmd import embedded
from manila_backup import conf as config


class FindTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.path = self.useFixture(fixtures.TempDir()).path
        patch = mock.patch.object(embedded, '_state_path',
                                  return_value=self.path)
        patch.start()
        self.addCleanup(patch.stop)

    def _load(self, *args):
        conf = config.load(args, 'test', default_config_files=[])
        embedded.find(conf)
        return conf

    def _make_database(self):
        path = os.path.join(self.path, 'manila-backup.sqlite')
        with open(path, 'w'):
            return f'sqlite:///{path}'

    def test_made_before(self):
        url = self._make_database()
        conf = self._load()
        self.assertEqual(url, conf.database.connection)
        self.assertEqual(self.path, conf.state_path)

    def test_never_made(self):
        self.assertIsNone(self._load().database.connection)

    def test_with_a_configuration(self):
        """A configuration, if a bad one, is not replaced silently."""
        self._make_database()
        path = os.path.join(self.path, 'some.conf')
        with open(path, 'w') as file:
            file.write('[DEFAULT]\ndebug = true\n')
        self.assertIsNone(
            self._load('--config-file', path).database.connection)

    def test_with_the_configuration_that_it_has(self):
        url = self._make_database()
        path = os.path.join(self.path, 'some.conf')
        with open(path, 'w') as file:
            file.write(f'[DEFAULT]\nstate_path = {self.path}\n')
        self.assertEqual(
            url, self._load('--config-file', path).database.connection)
