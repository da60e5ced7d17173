# SPDX-License-Identifier: Apache-2.0

import os
import subprocess
import sys

import fixtures
from oslo_config import cfg
from oslotest import base

from manila_backup.bus import rpc
from manila_backup import conf as config
from manila_backup import exception

dispatcher = rpc.dispatcher


class Options(base.BaseTestCase):

    def _load(self, text):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'c')
        with open(path, 'w') as file:
            file.write(text)
        return config.load(['--config-file', path], 'test')

    def test_every_option_tells_what_it_is_for(self):
        for module in config.GROUPS:
            for opt in module.OPTS:
                self.assertTrue(opt.help and len(opt.help) > 20
                                and opt.help.endswith('.'),
                                f'[{module.GROUP}] {opt.name}: {opt.help}')

    def test_the_sample_has_how_to_authenticate_to_manila(self):
        names = {opt.dest for group, opts in config.list_opts()
                 if group == 'manila_shares' for opt in opts}
        self.assertLess({'auth_type', 'auth_url', 'username', 'password',
                         'cafile', 'region_name', 'endpoint_override',
                         'access_to', 'mount_template'}, names)

    def test_group_modules_are_all_registered(self):
        folder = os.path.dirname(config.__file__)
        modules = {name[:-3] for name in os.listdir(folder)
                   if name.endswith('.py')} - {'__init__'}
        self.assertEqual(modules, {module.__name__.rpartition('.')[2]
                                   for module in config.GROUPS})

    def test_values_that_make_no_sense_are_told_at_start(self):
        for text in ('[DEFAULT]\nauth_strategy = magic\n',
                     '[backup]\nlease_ttl = soon\n',
                     '[backup]\nmax_attempts = 0\n',
                     '[api]\nbind_port = 70000\n',
                     'no group\n'):
            self.assertRaises(exception.ConfigurationError, self._load, text)

    def test_notifications_can_be_logged(self):
        # Logging is set up for a whole process.
        said = subprocess.run(
            [sys.executable, '-c',
             'import logging\n'
             'from manila_backup import conf\n'
             'conf.setup_logging(conf.load([], "test", '
             'default_config_files=[]))\n'
             'for name in ("oslo.messaging.notification.share_backup", '
             '"oslo.messaging._drivers", "oslo_service.backend"):\n'
             '    print(logging.getLogger(name).isEnabledFor(20))\n'],
            check=True, capture_output=True, text=True).stdout
        self.assertEqual(['True', 'False', 'False'], said.split())

    def test_missing_file(self):
        self.assertRaises(exception.ConfigurationError, config.load,
                          ['--config-file', '/nonexistent'], 'test')

    def test_what_libraries_look_up_elsewhere(self):
        """oslo.config's global object, in place of the service's."""
        conf = self._load('[DEFAULT]\nrpc_ping_enabled = true\n'
                          'state_path = /state\n')
        self.assertNotIn('rpc_ping_enabled', conf)
        cfg.CONF.register_opts(dispatcher._dispatcher_opts)
        self.assertTrue(cfg.CONF.rpc_ping_enabled)
        self.assertEqual('/state/locks',
                         cfg.CONF.oslo_concurrency.lock_path)
        self.useFixture(fixtures.EnvironmentVariable('RUNTIME_DIRECTORY',
                                                     '/run/of-a-unit'))
        self._load('')
        self.assertEqual('/run/of-a-unit/locks',
                         cfg.CONF.oslo_concurrency.lock_path)
        self._load('[oslo_concurrency]\nlock_path = /locks\n')
        self.assertEqual('/locks', cfg.CONF.oslo_concurrency.lock_path)
        self.assertFalse(cfg.CONF.rpc_ping_enabled)
