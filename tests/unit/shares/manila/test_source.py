# SPDX-License-Identifier: Apache-2.0
"""The source as it is configured, and asked about shares."""

import dataclasses
import logging
import pickle

import fixtures
import testtools

from manila_backup import conf
from manila_backup import exception
from manila_backup import plugins
from manila_backup.shares import base
from manila_backup.shares.manila import access
from manila_backup.shares.manila import mounting
from manila_backup.shares.manila import snapshots
from tests.unit.shares.manila import fake

WHOLE = {'auth_type': 'password', 'auth_url': 'http://127.0.0.1:1/v3',
         'username': 'u', 'password': 'p', 'project_name': 'service',
         'access_to': '192.0.2.1'}


def configured(tmp, **options):
    path = f'{tmp}/conf'
    lines = [f'{name} = {value}' for name, value in options.items()]
    with open(path, 'w') as file:
        file.write('[shares]\nsource = manila\n[manila_shares]\n'
                   + '\n'.join(lines))
    return conf.load([], 'test', default_config_files=[path])


class TestConfiguration(testtools.TestCase):

    def make(self, **options):
        tmp = self.useFixture(fixtures.TempDir()).path
        return plugins.share_source(configured(tmp, **options))

    def test_whole(self):
        made = self.make(**WHOLE)
        self.assertTrue(made.EXTERNAL)
        again = pickle.loads(pickle.dumps(made))
        self.assertEqual(made._settings, again._settings)
        self.assertEqual(made._mounts, again._mounts)

    def test_what_is_missing_is_named(self):
        for name in ('auth_type', 'auth_url', 'username', 'password',
                     'access_to'):
            options = dict(WHOLE)
            del options[name]
            error = self.assertRaises(exception.ConfigurationError,
                                      self.make, **options)
            self.assertIn('[manila_shares]', str(error))
            self.assertIn(name, str(error))

    def test_what_makes_no_sense(self):
        for options, said in (
                ({'mount_template': 'mount {what} {path}'}, '{what}'),
                ({'unmount_template': 'umount'}, '{path}'),
                ({'mount_point_base': 'relative'}, 'absolute'),
                ({'nfs_mount_options': 'ro,password=hidden'},
                 '[manila_shares] nfs_mount_options has "password=..."'),
                ({'nfs_mount_options': '{path}'},
                 '[manila_shares] nfs_mount_options has the placeholder'),
                ({'auth_type': 'nonsense'}, 'nonsense'),
                ({'point_in_time': 'sometimes'}, 'sometimes')):
            error = self.assertRaises(exception.ConfigurationError,
                                      self.make, **{**WHOLE, **options})
            self.assertIn(said, str(error))

    def test_by_a_user_of_ceph_only(self):
        options = dict(WHOLE, access_type='cephx')
        del options['access_to']
        self.make(**options)


class TestDescribe(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.manila = self.useFixture(fake.Manila())
        tmp = self.useFixture(fixtures.TempDir()).path
        self.source = plugins.share_source(configured(
            tmp, auth_type='none', endpoint=self.manila.url,
            endpoint_override=self.manila.url, access_to='192.0.2.1'))

    def test_what_is_there(self):
        self.manila.add_share(size=7)
        self.assertEqual(
            base.Description('s', 'p1', 'available', False, 7, 'NFS', 'n',
                             'nova'), self.source.describe('s'))
        self.assertIsNone(self.source.describe('other'))

    def test_what_is_changing(self):
        share = self.manila.add_share()
        for status, task, changing in (
                ('extending', None, True), ('error', None, False),
                ('available', 'migration_in_progress', True),
                ('available', 'migration_success', False),
                ('backup_creating', None, True), ('inactive', None, False)):
            share.update(status=status, task_state=task)
            self.assertEqual(changing, self.source.describe('s').changing)

    def test_what_is_told_of_no_shares(self):
        """Once, and again once there were some meanwhile."""
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        for share, told in ((None, 1), (None, 1), ('s', 1), ('s', 1),
                            (None, 2), (None, 2)):
            self.manila.shares.clear()
            if share:
                self.manila.add_share(share)
            self.assertEqual([share] * bool(share),
                             [each.id for each in self.source.find()])
            self.assertEqual(told, log.output.count('lists no share'))
        self.assertEqual(1, log.output.count('shares again'))
        # Of a project without shares nothing is told.
        self.manila.add_share()
        self.assertEqual([], list(self.source.find(share_type='other')))
        self.assertEqual(2, log.output.count('lists no share'))

    def test_a_caller_does_not_wait_for_long(self):
        self.manila.answers['GET', '/v2/shares/s'] = [(503, {})] * 9
        self.assertRaises(base.ShareError, self.source.describe, 's')
        self.assertEqual(2, sum(path == '/v2/shares/s' for _, path, _
                                in self.manila.asked))


class TestMounting(testtools.TestCase):

    EXPORTS = [
        {'path': 'a', 'is_admin_only': False, 'preferred': False},
        {'path': 'b', 'is_admin_only': True, 'preferred': False},
        {'path': 'c', 'is_admin_only': True, 'preferred': True},
        {'path': 'd', 'is_admin_only': False, 'preferred': True}]

    def test_order_of_exports(self):
        self.assertEqual(['d', 'a'], mounting.order(self.EXPORTS, False))
        self.assertEqual(['c', 'b', 'd', 'a'],
                         mounting.order(self.EXPORTS, True))
        self.assertEqual(['c', 'b'],
                         mounting.order(self.EXPORTS[1:3], False))
        # Those of a snapshot say less.
        self.assertEqual(['x'], mounting.order([{'path': 'x'}], False))
        self.assertEqual([], mounting.order([], False))

    SETTINGS = mounting.MountSettings(
        '/base', 'mount -t {type} -o {options} {export} {path}',
        'umount {path}', {True: 'ms_mode=crc', False: 'vers=4.2'}, 5, False)

    def options(self, protocol, grantee, **kwargs):
        return self.SETTINGS.commands(mounting._values(
            self.SETTINGS, {'id': 's', 'share_proto': protocol}, 'host:/x',
            '/secret', grantee, fake.job(**kwargs)))[0]

    def test_commands(self):
        point = f'/base/{fake.job().operation_id}.1'
        self.assertEqual(
            ('mount', '-t', 'nfs', '-o',
             'nosuid,nodev,noexec,ro,vers=4.2', 'host:/x', point),
            self.options('NFS', access.Grantee('ip', '192.0.2.1')))
        self.assertEqual(
            ('mount', '-t', 'ceph', '-o',
             'nosuid,nodev,noexec,name=backup,secretfile=/secret,'
             'ms_mode=crc', 'host:/x', point),
            self.options('CEPHFS', access.Grantee('cephx', 'backup'),
                         read_only=False))

    def test_options_that_name_the_secret_file(self):
        settings = dataclasses.replace(
            self.SETTINGS, options={False: 'credentials={secret_file}'})
        self.assertIn('credentials=/secret', settings.commands(
            mounting._values(
                settings, {'id': 's', 'share_proto': 'CIFS'}, '//host/x',
                '/secret', access.Grantee('ip', '192.0.2.1'), fake.job())
            )[0][4].split(','))

    def test_nothing_to_mount(self):
        for exports in ([], [{'path': ''}], [{'path': '-oloop'}]):
            mounted = mounting.mounted(
                self.SETTINGS, {'id': 's', 'share_proto': 'NFS'},
                snapshots.Mountable(exports), access.Grantee('ip', 'x'),
                fake.job())
            error = self.assertRaises(base.ShareError, mounted.__enter__)
            self.assertTrue(error.retryable)
