# SPDX-License-Identifier: Apache-2.0
"""Settings and names."""

import testtools

from manila_backup import conf
from manila_backup.drivers import base
from manila_backup.drivers.posix import driver
from manila_backup.drivers.posix import layout
from manila_backup import exception


class SettingsTest(testtools.TestCase):
    def conf(self, path):
        loaded = conf.load([], 'test', default_config_files=[])
        loaded.set_override('repository_path', path, 'posix')
        return loaded

    def test_from_configuration(self):
        made = driver.PosixDriver.from_conf(self.conf('/some/where'))
        self.assertEqual(('/some/where', 32, ('lost+found',)),
                         (made.path, made.processes, made.ignore))

    def test_a_path_that_depends_on_where_it_was_started(self):
        for path in ('relative', ''):
            self.assertRaises(exception.ConfigurationError,
                              driver.PosixDriver.from_conf, self.conf(path))


class NameTest(testtools.TestCase):
    def test_what_names_stand_for(self):
        for name, state, attempt in (
                ('b-1', base.ItemState.PUBLISHED, None),
                ('.partial.b-1.12', base.ItemState.PARTIAL, 12),
                ('.taken.b-1.3', base.ItemState.PARTIAL, 3),
                ('.trash.b-1.0a1b2c3d', base.ItemState.TRASH, None)):
            self.assertEqual(
                base.RepositoryItem(base.BackupReference('p', 's', 'b-1'),
                                    state, attempt),
                layout.parse_name('p', 's', name))
        for name in ('.other', '.partial.b', '.partial..1', '.trash.b.1',
                     '.taken.b'):
            self.assertIsNone(layout.parse_name('p', 's', name))
