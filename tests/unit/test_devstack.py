# SPDX-License-Identifier: Apache-2.0
"""DevStack's plugin, as DevStack would run it, but without doing anything
that needs a server or root.
"""

import configparser
import os
import re
import subprocess
import sys

import fixtures
from oslotest import base

from manila_backup import conf as config
from tests.devstack import checks
from tests.devstack import localrc

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
HARNESS = os.path.join(ROOT, 'tests', 'devstack')
STACK = ('pre-install', 'install', 'post-config', 'extra', 'test-config')


class PluginTestCase(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.root = self.useFixture(fixtures.TempDir()).path
        self.plugin = os.path.join(self.root, 'stack', 'manila-backup',
                                   'devstack')
        for path in ('stack/manila-backup', 'stack/data/venv/bin', 'bin',
                     'systemd', 'apache/sites-available',
                     'apache/sites-enabled', 'etc'):
            os.makedirs(os.path.join(self.root, path))
        os.symlink(os.path.join(ROOT, 'devstack'), self.plugin)
        os.symlink(os.path.join(ROOT, 'setup.cfg'), os.path.join(
            self.root, 'stack', 'manila-backup', 'setup.cfg'))
        self._program('bin/curl', 'echo \'{"version": {"status": "CURRENT", '
                                  '"version": "2.91"}}\'')
        for name in ('bin/mysql', 'bin/dropdb',
                     'stack/data/venv/bin/manila-backup-manage'):
            self._program(name, f'echo {os.path.basename(name)} "$@" '
                                f'>>{self.root}/calls')

    def _program(self, name, text):
        path = os.path.join(self.root, name)
        with open(path, 'w') as file:
            file.write(f'#!/bin/sh\n{text}\n')
        os.chmod(path, 0o755)

    def run_plugin(self, mode, *phases, **more):
        """Run it; a ``subprocess.CompletedProcess``."""
        localrc.write(self.root, more)
        path = os.path.join(self.root, 'bin')
        return subprocess.run(
            ['/bin/bash', os.path.join(HARNESS, 'run.sh'), mode, *phases],
            env={'PATH': f'{path}:{os.environ["PATH"]}', 'HOME': self.root,
                 'HARNESS_ROOT': self.root, 'HARNESS_DRY': 'True',
                 'HARNESS_PYTHON': sys.executable},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    def stack(self, *phases, **more):
        """Run it; what it called, a line each."""
        done = self.run_plugin('stack', *phases or STACK, **more)
        self.assertEqual(0, done.returncode, done.stdout)
        return self.calls()

    def calls(self):
        with open(os.path.join(self.root, 'calls')) as file:
            return [line.strip() for line in file]

    def ini(self, *path):
        parser = configparser.RawConfigParser()
        self.assertTrue(parser.read(os.path.join(self.root, *path)))
        return parser

    def section(self, conf, name):
        return {option: value for option, value in conf.items(name)
                if option not in conf.defaults()}

    def files(self, *path):
        return set(os.listdir(os.path.join(self.root, *path)))


class Deployments(PluginTestCase):
    """Deployments of different services in different places."""

    def test_a_cloud_without_manila(self):
        calls = self.stack()
        path = os.path.join(self.root, 'etc', 'manila-backup',
                            'manila-backup.conf')
        conf = config.load(['--config-file', path], 'test')
        self.assertEqual(
            ('local', ['posix'], 'keystone'),
            (conf.shares.source, conf.backup.enabled_drivers,
             conf.auth_strategy))
        self.assertEqual([], checks.unknown_options(path))
        self.assertEqual(
            'shared-file-system',
            self.ini('etc', 'manila-backup', 'manila-backup.conf')[
                'keystone_authtoken']['service_type'])
        self.assertEqual(0o600, os.stat(path).st_mode & 0o777)
        self.assertEqual(
            {f'devstack@manila-backup-{name}.service'
             for name in ('api', 'worker-1', 'worker-2')},
            self.files('systemd'))
        api = self.ini('systemd', 'devstack@manila-backup-api.service')
        worker = self.ini('systemd',
                          'devstack@manila-backup-worker-1.service')
        self.assertEqual(('daemon', 'notify'), (
            api['Service']['User'], api['Service']['Type']))
        self.assertEqual(('root', 'simple'), (
            worker['Service']['User'], worker['Service']['Type']))
        self.assertIn('create_service_user manila-backup', calls)
        self.assertEqual(
            ['shared-file-system-backup', 'shared-file-system', 'sharev2'],
            [call.split()[1] for call in calls
             if call.startswith('get_or_create_endpoint ')])
        self.assertEqual({'manila-backup-api.conf'},
                         self.files('apache', 'sites-enabled'))
        share = self.ini('tempest.conf')['share']
        self.assertEqual(('2.91', 'True', ''), (
            share['max_api_microversion'],
            share['run_driver_assisted_backup_tests'],
            share['driver_assisted_backup_test_driver_options']))

    def test_a_cloud_with_manila(self):
        calls = self.stack(ENABLED_SERVICES='key,mysql,rabbit,tempest,manila')
        conf = self.ini('etc', 'manila-backup', 'manila-backup.conf')
        self.assertEqual('manila', conf['shares']['source'])
        self.assertEqual('manila-backup', conf['manila_shares']['username'])
        self.assertNotIn('local_shares', conf)
        self.assertIn('create_service_user manila-backup admin', calls)
        self.assertEqual(
            ['shared-file-system-backup'],
            [call.split()[1] for call in calls
             if call.startswith('get_or_create_endpoint ')])
        with open(os.path.join(self.root, 'apache', 'sites-enabled',
                               '000-manila-backup-route.conf')) as file:
            rule, target = re.fullmatch(
                r'ProxyPassMatch "(.*)" "(.*)"\n', file.read()).groups()
        self.assertTrue(target.endswith('$1'))
        for path, tail in (
                ('/share/v2/share-backups', '/v2/share-backups'),
                ('/share/v2/P/share-backups/detail',
                 '/v2/P/share-backups/detail'),
                ('/share/v2/share-backup-operations?limit=1',
                 '/v2/share-backup-operations?limit=1'),
                ('/share/v2/P/share-backup-operations/I/action',
                 '/v2/P/share-backup-operations/I/action'),
                ('/share/v2/share-backup', None),
                ('/share/v2/shares', None), ('/share/v2/P/Q/share-backups',
                                             None)):
            found = re.match(rule, path)
            self.assertEqual(tail, found and found.group(1))
        # The rest is Manila's plugin's to say.
        self.assertEqual(['share'], self.ini('tempest.conf').sections())

    def test_shares_can_be_local_beside_manila(self):
        self.stack('post-config', ENABLED_SERVICES='key,manila,mysql',
                   MANILA_BACKUP_SHARE_SOURCE='local',
                   MANILA_BACKUP_ROUTE_MANILA='False')
        conf = self.ini('etc', 'manila-backup', 'manila-backup.conf')
        self.assertEqual('local', conf['shares']['source'])
        self.assertEqual({'manila-backup-api.conf'},
                         self.files('apache', 'sites-enabled'))

    def test_a_host_with_workers_only(self):
        calls = self.stack(DISABLED_SERVICES='manila-backup-api',
                           ENABLED_SERVICES='', MANILA_BACKUP_WORKERS='1')
        self.assertEqual({'devstack@manila-backup-worker-1.service'},
                         self.files('systemd'))
        self.assertEqual(set(), self.files('apache', 'sites-available'))
        for name in ('recreate_database ', 'manila-backup-manage ',
                     'create_service_user ', 'rpc_backend_add_vhost '):
            self.assertEqual(
                [], [call for call in calls if call.startswith(name)])

    def test_other_drivers(self):
        calls = self.stack(
            'pre-install', 'post-config',
            MANILA_BACKUP_DRIVERS='restic,nfs',
            MANILA_BACKUP_NFS_EXPORT='filer:/backups',
            MANILA_BACKUP_NFS_MOUNT_OPTIONS='softerr,nosuid',
            MANILA_BACKUP_RESTIC_REPOSITORY='s3:https://s3/bucket',
            MANILA_BACKUP_RESTIC_PASSWORD_FILE='/etc/restic')
        conf = self.ini('etc', 'manila-backup', 'manila-backup.conf')
        self.assertEqual('restic,nfs', conf['backup']['enabled_drivers'])
        self.assertEqual({'export': 'filer:/backups',
                          'mount_options': 'softerr,nosuid'},
                         self.section(conf, 'nfs'))
        self.assertEqual({'repository': 's3:https://s3/bucket',
                          'password_file': '/etc/restic'},
                         self.section(conf, 'restic'))
        self.assertIn('install_package restic', calls)

    def test_a_restic_of_its_own(self):
        calls = self.stack('pre-install', 'post-config',
                           MANILA_BACKUP_DRIVERS='restic',
                           MANILA_BACKUP_RESTIC_COMMAND='/opt/restic')
        conf = self.ini('etc', 'manila-backup', 'manila-backup.conf')
        self.assertEqual({'command': '/opt/restic'},
                         self.section(conf, 'restic'))
        self.assertNotIn('install_package restic', calls)

    def test_nothing_of_it_is_left(self):
        more = {'DATABASE_TYPE': 'postgresql',
                'MANILA_BACKUP_ROUTE_MANILA': 'True'}
        calls = self.stack('install', 'post-config', 'extra', **more)
        self.assertIn('setup_develop ' + os.path.join(
            self.root, 'stack', 'manila-backup') + ' postgresql\\,uwsgi',
            calls)
        for mode, call in (
                ('unstack', 'stop_process manila-backup-worker-2'),
                ('clean', 'dropdb -h127.0.0.1 -Uroot --if-exists '
                          'manila_backup')):
            done = self.run_plugin(mode, **more)
            self.assertEqual(0, done.returncode, done.stdout)
            self.assertIn(call, self.calls())
        self.assertEqual(set(), self.files('etc'))
        self.assertEqual({'venv'}, self.files('stack', 'data'))
        self.assertEqual(set(), self.files('apache', 'sites-available') |
                         self.files('apache', 'sites-enabled'))

    def test_what_tempest_is_to_install(self):
        for given, wanted in (
                ('', 'manila-tempest-plugin'), ('0', 'manila-tempest-plugin'),
                ('other', 'other manila-tempest-plugin'),
                ('/opt/manila-tempest-plugin', '/opt/manila-tempest-plugin')):
            done = self.run_plugin('stack', 'none', TEMPEST_PLUGINS=given)
            self.assertIn(f'TEMPEST_PLUGINS={wanted} ENABLED', done.stdout)


class Refusals(PluginTestCase):
    """Refusals of what DevStack would not put up with."""

    def test_wrong_calls(self):
        os.unlink(self.plugin)
        os.mkdir(self.plugin)
        os.symlink(os.path.join(ROOT, 'devstack', 'settings'),
                   os.path.join(self.plugin, 'settings'))
        for line, why in (
                ('true', None),
                ('no_such_function', 'has no_such_function'),
                ('iniset /etc/x DEFAULT debug', 'takes 4 to 4'),
                ('iniset x DEFAULT debug True', 'not absolute'),
                ('run_process manila-backup-api "uwsgi --ini x"',
                 'full path'),
                ('run_process manila-backup-api "sudo /bin/x"', 'no sudo'),
                ('run_process manila-backup-api "/bin/x >/dev/null"',
                 'no shell'),
                ('run_process manila-backup-api /bin/x "" noone',
                 'no user noone'),
                ('write_uwsgi_config /x /usr/bin/app /share', 'deprecated'),
                ('write_uwsgi_config /x a.b:c /share', 'socket named'),
                ('get_or_create_endpoint a RegionOne 127.0.0.1', 'a URL'),
                ('x=$(setup_develop $MANILA_BACKUP_DIR mysql,none)',
                 'no extra none'),
                ('sudo rm -rf /etc/manila-backup', 'is outside'),
                ('sudo bash -c true', 'not for a plugin'),
                ('leak=1', 'leaves that behind'),
                ('cd /', 'leaves that behind'),
                ('set -o xtrace', 'leaves that behind'),
                ('false', '')):
            with open(os.path.join(self.plugin, 'plugin.sh'), 'w') as file:
                file.write(f'{line}\n')
            for name in ('refused', 'calls'):
                if os.path.exists(os.path.join(self.root, name)):
                    os.unlink(os.path.join(self.root, name))
            done = self.run_plugin('stack', 'install')
            if why is None:
                self.assertEqual(0, done.returncode, done.stdout)
            else:
                self.assertNotEqual(0, done.returncode, line)
                self.assertIn(why, done.stdout, line)


class Sample(PluginTestCase):
    """local.conf.sample."""

    def test_it_sets_what_there_is_to_set(self):
        with open(os.path.join(ROOT, 'devstack',
                               'local.conf.sample')) as file:
            sample = file.read()
        with open(os.path.join(ROOT, 'devstack', 'settings')) as file:
            settings = set(re.findall(r'^(MANILA_BACKUP_\w+)=', file.read(),
                                      re.M))
        named = set(re.findall(r'\bMANILA_BACKUP_[A-Z_]+', sample))
        self.assertTrue(named)
        self.assertEqual(set(), named - settings)
        # Also what is commented out has to be what bash understands.
        lines = [re.sub(r'^#(?=[A-Za-z_]+(=| ))', '', line)
                 for line in sample.partition('[[local|localrc]]')[2]
                 .partition('\n[[')[0].splitlines()]
        done = subprocess.run(['/bin/bash', '-n'], input='\n'.join(lines),
                              stderr=subprocess.PIPE, text=True)
        self.assertEqual('', done.stderr)

    def test_readme_names_all_settings(self):
        with open(os.path.join(ROOT, 'devstack', 'README.rst')) as file:
            text = file.read()
        with open(os.path.join(ROOT, 'devstack', 'settings')) as file:
            settings = set(re.findall(r'=\$\{(MANILA_BACKUP_\w+):-',
                                      file.read()))
        self.assertEqual(set(), {name for name in settings
                                 if f'``{name}``' not in text})
