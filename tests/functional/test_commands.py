# SPDX-License-Identifier: Apache-2.0
"""The commands, as an operator calls them."""

import os
import signal
import subprocess
import sys

import fixtures
import testtools

from manila_backup.wsgi import config_files
from tests.functional import base
from tests.functional import cloud


def run(command, *args):
    """Run a command to its end.

    :returns: (exit status, what it printed in all).
    """
    done = cloud.forks().run([*cloud.argv(f'manila-backup-{command}'), *args],
                             timeout=cloud.PATIENCE, merged=True)
    return done.returncode, done.stdout


class MisspeltOptions(base.TestCase):

    options = {'api__bind_prot': 1}

    def test_warnings(self):
        api = self.cloud.start_api()
        # As a WSGI server does.
        loaded = subprocess.run(
            [sys.executable, '-c', 'import manila_backup.wsgi.api'],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=cloud.PATIENCE, env={
                **os.environ,
                config_files.CONFIG_FILES: self.cloud.config})
        self.assertEqual(0, loaded.returncode, loaded.stdout)
        for said in (api.said(), loaded.stdout):
            self.assertIn('[api] has no option bind_prot; is bind_port '
                          'meant?', said)


class BadConfiguration(testtools.TestCase):

    def _run(self, command, text, *args):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'conf')
        with open(path, 'w') as file:
            file.write(text)
        return run(command, '--config-file', path, *args)

    def test_one_clear_line_and_a_status(self):
        for command, args in (('api', ()), ('worker', ()), ('all', ()),
                              ('manage', ('db', 'version'))):
            for text, word in (('[api]\nbind_port = x\n', 'bind_port'),
                               ('[database]\nconnection = nonsense\n',
                                'connection')):
                status, said = self._run(command, text, *args)
                self.assertEqual(1, status, said)
                self.assertEqual(1, said.count('\n'), said)
                self.assertIn(f'manila-backup-{command}: ', said)
                self.assertIn(word, said)

    def test_each_by_itself(self):
        """Not forked from what has all modules."""
        for command in ('api', 'worker', 'all', 'manage', 'status'):
            done = subprocess.run(
                [*cloud.argv(f'manila-backup-{command}'), '--help'],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                timeout=cloud.PATIENCE)
            self.assertEqual(0, done.returncode, done.stdout)
            self.assertIn(f'usage: manila-backup-{command} ', done.stdout)

    def test_no_database(self):
        for url in ('postgresql+psycopg2', 'mysql+pymysql'):
            text = (f'[DEFAULT]\nauth_strategy = noauth\n'
                    f'[api]\nbind_port = 0\n'
                    f'[database]\nmax_retries = 1\nretry_interval = 0\n'
                    f'connection = {url}://nobody@127.0.0.1:'
                    f'{cloud.free_port()}/none\n')
            for command in ('api', 'worker'):
                status, said = self._run(command, text)
                self.assertEqual(1, status, said)
                self.assertNotIn('Traceback', said)
                self.assertIn(f'manila-backup-{command}: The database can\'t '
                              f'be used: ', said.splitlines()[-1])

    def test_help_at_each_level(self):
        for args in ((), ('db',), ('db', 'sync'), ('service', 'list'),
                     ('operation', 'list'), ('repository', 'verify')):
            status, said = run('manage', *args, '--help')
            self.assertEqual(0, status)
            self.assertIn('usage', said)


class Restics(base.TestCase):
    """A host whose restic is older than what the driver needs."""

    options = {'backup__enabled_drivers': 'posix,restic',
               'restic__repository': '$state_path/restic-repository',
               'restic__command': '$state_path/restic-of-old'}

    def setUp(self):
        super().setUp()
        self.program = os.path.join(self.cloud.state, 'restic-of-old')
        with open(self.program, 'w') as script:
            script.write('#!/bin/sh\necho "restic 0.14.0 compiled with go"\n')
        os.chmod(self.program, 0o700)
        self.expected = (
            f'The program of [restic] command, "{self.program}", is restic '
            '0.14: the driver needs 0.17 or newer.')

    def test_a_worker_does_not_start(self):
        status, said = run('worker', '--config-file', self.cloud.config)
        self.assertEqual(1, status, said)
        self.assertNotIn('Traceback', said)
        self.assertEqual(f'manila-backup-worker: {self.expected}',
                         said.splitlines()[-1])

    def test_the_upgrade_check_says_so(self):
        status, said = run('status', '--config-file', self.cloud.config,
                           'upgrade', 'check')
        self.assertEqual(2, status, said)
        self.assertIn(self.expected, ' '.join(
            line.strip('| ') for line in said.splitlines()))


class Commands(base.TestCase):

    def test_upgrade_check(self):
        args = ('--config-file', self.cloud.config, 'upgrade', 'check')
        status, said = run('status', *args)
        self.assertEqual(0, status, said)
        with self.cloud.engine.connect() as conn:
            conn.exec_driver_sql('DELETE FROM alembic_version')
        status, said = run('status', *args)
        self.assertEqual(2, status, said)
        self.assertIn('db sync', said)

    def test_purge(self):
        self.assertIn('0 operations',
                      self.cloud.manage('db', 'purge', '--older-than', '1'))

    def test_purge_of_everything_leaves_what_is_up(self):
        self.cloud.start_worker()
        self.cloud.manage('db', 'purge', '--older-than', '0')
        self.assertIn('manila-backup-worker',
                      self.cloud.manage('service', 'list'))

    def test_hup_reloads_what_can_be(self):
        worker = self.cloud.start_worker()
        with open(self.cloud.config, 'a') as file:
            file.write('[backup]\nprogress_interval = 0.3\n')
        worker.signal(signal.SIGHUP)
        cloud.eventually('the new value', lambda: 'progress_interval' in
                         worker.said())
        self.assertTrue(worker.running())
