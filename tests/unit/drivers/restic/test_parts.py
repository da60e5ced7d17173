# SPDX-License-Identifier: Apache-2.0
"""Parts of the restic driver that need no restic."""

import errno
import json
import os
import pickle
import tempfile
import unittest
from unittest import mock

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf import hkdf as kdf_hkdf

from manila_backup import conf
from manila_backup.drivers import base
from manila_backup.drivers.restic import absent
from manila_backup.drivers.restic import backup
from manila_backup.drivers.restic import command
from manila_backup.drivers.restic import driver
from manila_backup.drivers.restic import environment
from manila_backup.drivers.restic import error_lines
from manila_backup.drivers.restic import faults
from manila_backup.drivers.restic import keys
from manila_backup.drivers.restic import listed
from manila_backup.drivers.restic import repository
from manila_backup.drivers.restic import trees
from manila_backup import exception


def snapshot(kind, attempt, backup_id='b', **more):
    return dict({
        'id': f'{kind}{attempt}{backup_id}', 'time': 'then',
        'tags': [kind, 'project=p', 'share=s', f'backup={backup_id}',
                 f'attempt={attempt}']}, **more)


def parsed(*snapshots):
    return [repository.parse('p', each) for each in snapshots]


class PlaceTest(unittest.TestCase):

    def test_below(self):
        for url, expected in (
                ('/srv/restic', '/srv/restic/p'),
                ('/srv/restic/', '/srv/restic/p'),
                ('s3:https://host/bucket', 's3:https://host/bucket/p'),
                ('s3:host/bucket/path/', 's3:host/bucket/path/p'),
                ('rest:https://me:x@host/', 'rest:https://me:x@host/p/'),
                ('sftp:me@host:/path', 'sftp:me@host:/path/p'),
                ('swift:container', 'swift:container:/p'),
                ('swift:container:/path', 'swift:container:/path/p'),
                ('b2:bucket', 'b2:bucket:p'),
                ('b2:bucket:path', 'b2:bucket:path/p'),
                ('rclone:remote:path', 'rclone:remote:path/p')):
            self.assertEqual(expected, command.appended(url, 'p'))
        self.assertEqual('/a/x%20%2Fy', command.appended('/a', 'x /y'))

    def test_local(self):
        self.assertEqual('/a', command.local_path('/a'))
        self.assertEqual('/a', command.local_path('local:/a'))
        self.assertIsNone(command.local_path('s3:host/a'))

    def test_a_pattern_is_of_one_path(self):
        self.assertEqual('/r/a\\*\\?\\[b\\\\',
                         backup.pattern('/r', b'a*?[b\\'))


class ConfigurationTest(unittest.TestCase):

    def of(self, **options):
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
            file.write('[restic]\n' + ''.join(
                f'{name} = {value}\n' for name, value in options.items()))
            file.flush()
            return driver.ResticDriver.from_conf(conf.load(
                ['--config-file', file.name], 'test'))

    def test_what_makes_no_sense(self):
        for options in ({}, {'repository': 'relative'},
                        {'repository': 'local:x'}, {'repository': '-x:y'},
                        {'repository': '/a', 'environment': 'RESTIC_X:y'},
                        {'repository': '/a', 'key_manager': 'mine'}):
            with self.subTest(options=options):
                with self.assertRaises(exception.ConfigurationError):
                    self.of(**options)

    def test_it_crosses_into_another_process(self):
        for manager in ('password_file', 'castellan'):
            made = pickle.loads(pickle.dumps(self.of(
                repository='/a', key_manager=manager,
                environment='AWS_SECRET_ACCESS_KEY:geheim')))
            self.assertEqual('/a', made.url)
            self.assertNotIn('geheim', repr(made.settings))

    def test_castellan_is_not_installed(self):
        with mock.patch('importlib.util.find_spec', return_value=None):
            self.of(repository='/a')
            with self.assertRaisesRegex(
                    exception.ConfigurationError,
                    r'pip install manila-backup\[castellan\]'):
                self.of(repository='/a', key_manager='castellan')

    def test_an_environment_in_a_file(self):
        with tempfile.NamedTemporaryFile('w') as file:
            file.write('# for S3\n\nA=1\n B = x=y \n')
            file.flush()
            self.assertEqual({'A': '1', 'B': 'x=y'},
                             environment.read(file.name))
            file.write('nothing\n')
            file.flush()
            with self.assertRaisesRegex(base.RepositoryUnavailable,
                                        'Line 5'):
                environment.read(file.name)
        with self.assertRaises(base.RepositoryUnavailable):
            environment.read('/nowhere')

    def test_what_is_shown_has_nothing_secret(self):
        settings = command.ResticSettings('restic', {'KEY': 'geheim'}, '',
                                          '', 1, 1)
        restic = command.Restic(settings, 'rest:https://me:pass@host/p/',
                                'word')
        self.assertEqual('rest:https://host/p/', restic.shown)
        self.assertEqual('*** *** https://host',
                         restic.redact('geheim word https://me:pass@host'))


def program(folder, version):
    """Make something that has a version of restic's."""
    path = os.path.join(folder, 'restic')
    with open(path, 'w') as script:
        script.write(f'#!/bin/sh\necho "restic {version} compiled with go"\n')
    os.chmod(path, 0o700)
    return path


class VersionTest(unittest.TestCase):

    def check(self, version):
        with tempfile.TemporaryDirectory() as folder:
            path = program(folder, version)
            state = os.path.join(folder, 'state')
            settings = command.ResticSettings(
                path, {}, state + '/cache', state + '/share', 1.0, 1.0)
            made = driver.ResticDriver(
                folder + '/repository', settings,
                keys.DerivedKeys(keys.Secret(folder + '/password')), state,
                state + '/staging')
            with self.assertRaises(base.DriverError) as got:
                made.check()
            return path, got.exception

    def test_one_that_is_too_old(self):
        for version in ('0.9.6', '0.14.0', '0.16.4'):
            path, exc = self.check(version)
            self.assertIs(base.UnfitHost, type(exc))
            self.assertFalse(exc.retryable)
            self.assertEqual(
                f'The program of [restic] command, "{path}", is restic '
                f'{version.rpartition(".")[0]}: the driver needs 0.17 or '
                'newer.', str(exc))

    def test_one_that_is_new_enough(self):
        for version in ('0.17.0', '0.18.0', '1.0.0'):
            _, exc = self.check(version)
            self.assertIsNot(base.UnfitHost, type(exc))


class KeysTest(unittest.TestCase):

    def test_each_has_another(self):
        secret = b'x' * 64
        found = {keys.derive(secret, 'catalogue'),
                 keys.derive(secret, 'project a'),
                 keys.derive(secret, 'project b'),
                 keys.derive(b'y' * 64, 'project a')}
        self.assertEqual(4, len(found))
        # It must be the same for ever.
        self.assertEqual(
            kdf_hkdf.HKDFExpand(
                hashes.SHA256(), 32, b'manila-backup restic\0project a'
            ).derive(secret).hex(), keys.derive(secret, 'project a'))

    def test_a_secret_is_made_once(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'below', 'password')
            first, second = keys.Secret(path), keys.Secret(path)
            first.make()
            second.make()
            self.assertTrue(first.write())
            self.assertFalse(second.write())
            self.assertEqual(first.read(), second.read())
            self.assertEqual(0o600, os.stat(path).st_mode & 0o777)
            self.assertEqual(['password'], os.listdir(
                os.path.dirname(path)))
            with open(path, 'w') as file:
                file.write('short')
            with self.assertRaisesRegex(base.RepositoryUnavailable, '32'):
                keys.Secret(path).read()


class ContentsTest(unittest.TestCase):

    def states(self, *snapshots):
        return [(each.state.value, each.attempt)
                for each in repository.stored(parsed(*snapshots))]

    def test_what_snapshots_mean(self):
        content, mark = snapshot('content', 1), snapshot('published', 1)
        late, gone = snapshot('content', 2), snapshot('deleted', 1)
        again = snapshot('published', 2)
        for expected, found in (
                ([('partial', 1)], [content]),
                ([('published', None)], [content, mark]),
                ([('published', None), ('partial', 2)],
                 [content, mark, late]),
                ([('published', None), ('trash', None)],
                 [late, again, mark]),
                ([('published', None), ('trash', None), ('partial', 1)],
                 [content, late, again, mark]),
                ([('trash', None)], [mark]),
                ([('trash', None)], [content, mark, late, gone]),
                ([('trash', None)], [gone])):
            self.assertEqual(expected, self.states(*found))

    def test_what_is_left_over(self):
        content, mark = snapshot('content', 1), snapshot('published', 1)
        late, gone = snapshot('content', 2), snapshot('deleted', 1)
        again = snapshot('published', 2)
        for expected, attempt, found in (
                ([], 0, [content]), ([content], 1, [content]),
                ([], 9, [content, mark]), ([late], 2, [content, mark, late]),
                ([], 1, [content, mark, late]), ([mark], 0, [mark]),
                ([mark], 0, [late, again, mark]),
                ([mark], 0, [content, late, again, mark]),
                ([content, mark], 1, [content, late, again, mark]),
                ([content, mark, late, gone], 0,
                 [gone, content, mark, late])):
            self.assertEqual(
                [each['id'] for each in expected],
                [each.id for each in repository.leftovers(
                    parsed(*found), attempt)])

    def test_what_is_not_ours(self):
        for tags in (None, [], ['content'], ['content', 'project=p'],
                     ['content', 'published', 'project=p', 'share=s',
                      'backup=b', 'attempt=1'],
                     ['content', 'project=other', 'share=s', 'backup=b',
                      'attempt=1'],
                     ['content', 'project=p', 'share=s', 'backup=b',
                      'attempt=x']):
            self.assertEqual([None], parsed(
                snapshot('content', 1, tags=tags)))

    def test_any_id(self):
        place = base.BackupReference('p', 'a,b=c', 'd e')
        _, _, _, tags = repository.tags(place, 3, 'content')
        self.assertEqual(place, repository.parse('p', {
            'id': 'x', 'time': '', 'tags': tags.split(',')}).place)


class FaultsTest(unittest.TestCase):

    def test_what_restic_says(self):
        locked = ('unable to create lock in backend: repository is already '
                  'locked {}by PID 1 on host by root (UID 0, GID 0)')
        config = 'Fatal: unable to open config file: {}\nIs there a repo'
        for code, kind, retryable, command_, text in (
                (11, faults.Locked, True, 'forget', locked.format('')),
                (11, faults.Locked, True, 'backup',
                 locked.format('exclusively ')),
                (12, faults.WrongPassword, False, 'snapshots',
                 'Fatal: whatever it is'),
                (10, faults.Absent, True, 'cat', 'Fatal: nothing there'),
                (1, faults.Absent, True, 'cat', config.format(
                    'Stat: The specified bucket does not exist.')),
                (1, base.RepositoryUnavailable, True, 'cat', config.format(
                    'Stat: Get "http://h/": dial tcp: connection refused')),
                (1, base.RepositoryUnavailable, False, 'cat', config.format(
                    'Stat: Access Denied.')),
                (1, base.RepositoryUnavailable, True, 'backup',
                 'Fatal: unable to save: 503 Service Unavailable'),
                (1, base.DriverError, False, 'backup',
                 'write /r/data/x: no space left on device'),
                (1, base.DamagedBackup, False, 'dump',
                 'decrypting blob 0a failed: ciphertext verification failed'),
                (1, base.DamagedBackup, False, 'check',
                 'data/0a1b: file is too short'),
                # As 0.18 does at a directory that it can't read.
                (1, base.DamagedBackup, False, 'ls', 'panic: runtime error: '
                 'invalid memory address\n\ngoroutine 1 [running]:\n'
                 'main.runLs(...)'),
                (1, base.DriverError, True, 'backup',
                 'panic: runtime error: invalid memory address'),
                (1, base.DriverError, True, 'backup', 'something else')):
            with self.subTest(text=text):
                found = faults.of([command_], 'place', code, text)
                self.assertIs(kind, type(found))
                self.assertEqual(retryable, found.retryable)
                self.assertIn('place', str(found))

    def test_what_a_local_repositorys_file_system_says(self):
        """As of the same for the posix driver."""
        place = '/r/p/data/0a: '
        for code, kind, retryable, command_, said in (
                ('no_space', base.DriverError, False, 'backup',
                 f'Fatal: write {place}no space left on device'),
                ('no_space', base.DriverError, False, 'init',
                 f'mkdir {place}disk quota exceeded'),
                ('no_space', base.DriverError, False, 'forget',
                 f'close {place}no space left on device.'),
                ('failed', faults.ReadOnly, False, 'backup',
                 f'Fatal: open {place}read-only file system'),
                ('failed', base.DriverError, False, 'backup',
                 f'write {place}input/output error\nmore'),
                ('damaged', base.DamagedBackup, False, 'restore',
                 f'read {place}input/output error'),
                ('damaged', base.DamagedBackup, False, 'cat',
                 f'read {place}structure needs cleaning'),
                ('failed', base.DriverError, True, 'backup',
                 f'write {place}cannot allocate memory'),
                ('failed', base.DriverError, True, 'backup',
                 f'open {place}no such file or directory')):
            with self.subTest(said=said):
                found = faults.of([command_], 'place', 1, said)
                self.assertEqual((code, kind, retryable), (
                    found.code, type(found), found.retryable))
        found = faults.hung(['backup'], 'place', 60.0,
                            'Save(<data/0a>) returned error, retrying after '
                            '1s: write /r: disk quota exceeded')
        self.assertEqual(('no_space', False), (found.code, found.retryable))

    def test_numbers_that_are_no_status(self):
        said = ('Save(<lock/0a>) returned error, retrying after {}: open '
                '/r/{}/locks/0a-tmp-{}: read-only file system')
        for code in (401, 403, 404, 500, 503, 508):
            for text in (said.format(f'{code}.829616ms', 'p', 1),
                         said.format(f'{code}ms', 'p', 1),
                         said.format('1s', code, 1),
                         said.format('1s', 'p', code)):
                with self.subTest(text=text):
                    self.assertIs(faults.ReadOnly, type(faults.of(
                        ['restore'], 'place', 1, text)))

    def test_statuses(self):
        for code, expected in ((503, True), (403, False)):
            for said in (f'server response unexpected: {code} Whatever',
                         f'unexpected HTTP response ({code}): {code} What',
                         f'unexpected status {code}.', f'code={code}, '):
                with self.subTest(said=said):
                    found = faults.of(['backup'], 'place', 1, said)
                    self.assertIs(base.RepositoryUnavailable, type(found))
                    self.assertEqual(expected, found.retryable)

    def test_stopped_for_doing_nothing(self):
        retried = ('Load(<snapshot/0a1b>, 0, 0) returned error, retrying '
                   'after 41s: {}')
        for retryable, said in (
                (True, ''),
                (True, retried.format('dial tcp: connection refused')),
                (False, retried.format('Stat: Access Denied.')),
                # Who is turned away for its haste is let in later.
                (True, retried.format('Access Denied: 503 Slow Down'))):
            with self.subTest(said=said):
                found = faults.hung(['--json', 'backup'], 'place', 60.0, said)
                self.assertIs(base.RepositoryUnavailable, type(found))
                self.assertEqual(retryable, found.retryable)
                self.assertIn('backup has neither read nor written anything '
                              'for 60 seconds on the repository "place"',
                              str(found))
                self.assertIn(said, str(found))

    def test_a_lock_says_whether_it_is_everybodys(self):
        for text, expected in (('already locked exclusively by', True),
                               ('already locked by', False)):
            found = faults.of(['forget'], 'place', 11, f'repository is {text}')
            self.assertEqual(expected, found.exclusive)

    def test_a_lock_that_is_gone_is_no_damage(self):
        line = ('Load(<{}/0a1b>, 0, 0) failed: open /r/{}/0a1b: no such file '
                'or directory')
        found = faults.of(['backup'], 'place', 1, line.format('lock', 'locks'))
        self.assertIs(faults.Locked, type(found))
        self.assertEqual((True, False), (found.retryable, found.exclusive))
        self.assertIs(base.DamagedBackup, type(faults.of(
            ['restore'], 'place', 1, line.format('data', 'data'))))


class AbsentTest(unittest.TestCase):

    def test_how_many_there_may_be(self):
        few = absent.Absent(most=1)
        few.add(b'a')
        with self.assertRaisesRegex(base.DriverError, 'More than 1 '):
            few.add(b'b')
        self.assertFalse(few.add(b'a'))


class NodesTest(unittest.TestCase):

    def test_names_as_the_repository_has_them(self):
        for name, text in ((b'plain', 'plain'), (b'\xff', '\\xff'),
                           (b'"\\', '\\"\\\\'), (b'a\nb\t', 'a\\nb\\t'),
                           ('\u00e9'.encode(), '\u00e9'),
                           ('\u200b'.encode(), '\\u200b'),
                           ('\U000e0001'.encode(), '\\U000e0001'),
                           (b'\\xff', '\\\\xff'), (b'x1', 'x1')):
            self.assertEqual(name, trees.unquoted(text))

    def test_modes(self):
        for mode, go in ((0o644, 420), (0, None), (0o4755, 8389101),
                         (0o755, 2147484141), (0o2750, 1 << 22 | 0o750),
                         (0o1777, 1 << 20 | 0o777)):
            self.assertEqual(mode, listed.mode_of(
                {} if go is None else {'mode': go}))


class ErrorLinesTest(unittest.TestCase):

    def line(self, message, item='/view/d/file', **more):
        return json.dumps({
            'message_type': 'error', 'error': {'message': message},
            'during': 'restore', 'item': item, **more})

    def test_what_is_of_an_entry(self):
        for item, path in (('/view/d/file', b'd/file'), ('/view', b'.'),
                           ('/d/file', b'd/file'), ('/', b'.')):
            found = error_lines.parse(self.line(
                'open /view/d/file: permission denied', item), '/view')
            self.assertEqual((path, errno.EACCES), found[:2])
        found = error_lines.parse(self.line('what it is'), '/view')
        self.assertIsNone(found.code)
        for line in ('', 'x', '[]', '{}', '{"message_type": "error"}',
                     self.line('x', ''), self.line('x', message_type='x'),
                     '{"message_type": "error", "item": "/x", "error": 1}'):
            self.assertIsNone(error_lines.parse(line, '/view'))

    def test_for_people(self):
        for expected, line in (
                ('/view/d/file: why', self.line('why')), ('why', 'why'),
                ('Fatal: so', '{"message_type": "exit_error", "code": 1, '
                              '"message": "Fatal: so"}'),
                ('so', json.dumps({
                    'message_type': 'exit_error', 'message':
                    'so\ngithub.com/restic/restic.Load\n\t/x.go:1'}))):
            self.assertEqual(expected, error_lines.text(line))

    def test_the_last_one(self):
        self.assertEqual(3, error_lines.count(
            '{"message_type": "exit_error", "code": 1, '
            '"message": "Fatal: There were 3 errors\\n"}'))
        self.assertIsNone(error_lines.count(self.line('There were 3 errors')))
