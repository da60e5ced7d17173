# SPDX-License-Identifier: Apache-2.0
"""Meaning of the options."""

import pickle

import testtools

from manila_backup import conf
from manila_backup.drivers.nfs import driver
from manila_backup import exception
from manila_backup.fs import mount_commands
from manila_backup.fs import private_mounts


class TemplatesTest(testtools.TestCase):
    def command(self, template, **values):
        return mount_commands.command('[x] y', template, ('path',),
                                      path='/mnt', **values)

    def test_values_stay_within_their_words(self):
        self.assertEqual(
            ('mount', '-o', 'a b;$(c)', 'on=/mnt', '"', '{path}', ''),
            self.command('mount -o {options} "on"={path} \'"\' {export} \'\'',
                         options='a b;$(c)', export='{path}'))

    def test_what_makes_no_sense(self):
        for template, said in (
                ('mount {path} "', 'split'),
                ('mount {where} {path}', r'{where}; there is: {path}'),
                ('mount /mnt', 'must have the placeholder {path}'),
                ('', 'must have'),
                ('mount {} {path}', 'placeholder')):
            error = self.assertRaises(exception.ConfigurationError,
                                      self.command, template)
            self.assertIn(said, str(error))


class SettingsTest(testtools.TestCase):
    def make(self, **options):
        loaded = conf.load([], 'test', default_config_files=[])
        for name, value in options.items():
            loaded.set_override(name, value, 'nfs')
        return driver.NfsDriver.from_conf(loaded)

    def test_from_configuration(self):
        made = self.make(export='host:/path', mount_point_base='/base')
        settings = made._mount.settings
        self.assertEqual(
            ('mount', '-t', 'nfs', '-o', 'softerr', 'host:/path',
             '/base/nfs'), settings.mount)
        self.assertEqual(('umount', '/base/nfs'), settings.unmount)
        self.assertEqual(('host:/path', 32, ('lost+found',)),
                         (made.path, made.processes, made.ignore))
        again = pickle.loads(pickle.dumps(made))
        self.assertEqual(settings, again._mount.settings)

    def test_what_is_secret_is_in_a_file(self):
        for options in ({'mount_options': 'ro,credentials={secret_file}'},
                        {'mount_options': 'ro', 'mount_template':
                         'mount -o {options},credentials={secret_file} '
                         '{export} {path}'}):
            made = self.make(export='//host/path', mount_point_base='/base',
                             mount_secret='password=hidden', **options)
            settings = made._mount.settings
            self.assertIn('ro,credentials=' + private_mounts.secret_file(
                '/base/nfs'), settings.mount)
            self.assertEqual('password=hidden', settings.secret)
            self.assertNotIn('hidden', repr(settings))

    def test_what_is_secret_is_refused_elsewhere(self):
        for option, text in (
                ('mount_options', 'ro,password=hidden'),
                ('export', ':webdav,pass=hidden:'),
                ('mount_template', 'mount -o pass=hidden {path}')):
            error = str(self.assertRaises(
                exception.ConfigurationError, self.make,
                **{'export': 'host:/path', option: text}))
            self.assertIn(f'[nfs] {option} has "pass', error)
            self.assertIn('[nfs] mount_secret', error)
            self.assertNotIn('hidden', error)

    def test_what_makes_no_sense(self):
        for options in ({}, {'export': '-o'},
                        {'export': 'x', 'mount_point_base': 'relative'},
                        {'export': 'x', 'mount_template': 'mount {export}'},
                        {'export': 'x', 'unmount_template': 'umount'},
                        {'export': 'x', 'mount_options': '{secret_file}'},
                        {'export': 'x', 'mount_secret': 'x',
                         'unmount_template': 'x {secret_file} {path}'}):
            self.assertRaises(exception.ConfigurationError, self.make,
                              **options)


class SecretsTest(testtools.TestCase):
    def test_what_everybody_could_read(self):
        for text, name in (
                ('mount -t ceph -o name=x,secret=AQ== {export} {path}',
                 'secret'),
                ('user=u,password=p', 'password'),
                ('mount -o ro,PASS=x', 'PASS'),
                ('tool --token=x {path}', '--token'),
                ("mount -o 'ro,password=p q'", 'password'),
                ('mount -o name=x,secretfile=/f {export} {path}', None),
                ('credentials=/etc/f,ro', None), ('secret={secret_file}',
                                                  None),
                ('monkey=1,keyring=/f', None), ('key=/etc/key', None),
                ('', None), (None, None)):
            self.assertEqual(name, mount_commands.exposed(text))
