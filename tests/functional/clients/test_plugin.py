# SPDX-License-Identifier: Apache-2.0
"""The plug-in for the ``openstack`` client in ``clients/``."""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile

from tests.functional import cloud
from tests.functional import openstack_client
from tests.functional import test_clients

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
CLIENTS = os.path.join(ROOT, 'clients')


@functools.cache
def plugin_path():
    """Return where Python finds the plug-in, as for PYTHONPATH."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    # All of an installation that is needed to find the commands.
    subprocess.run(
        [sys.executable, '-c', 'import setuptools; setuptools.setup()',
         '-q', 'egg_info', '--egg-base', folder.name], cwd=CLIENTS,
        check=True, capture_output=True)
    return os.pathsep.join((folder.name, CLIENTS))


class PluginTestCase(test_clients.ClientTestCase):
    """A test with the plug-in, which other tests are not to have."""

    credentials = {'OS_AUTH_TYPE': 'none'}

    def run_openstack(self, *args, env):
        return openstack_client.run(
            *args, env=env, path=plugin_path(),
            modules=('manila_backup_client.*',))


class Plugin(PluginTestCase):
    """``openstack`` with the plug-in."""

    def test_life_cycle(self):
        share = self.openstack('share', 'create', 'NFS', '1', '--name',
                               'data', '--wait')
        made = self.fill(self.cloud.share_path(share['id']), 20, 3000)
        backup = self.openstack('share', 'backup', 'create', 'data',
                                '--name', 'monday', '--wait')
        self.assertEqual('available', backup['status'])
        shown = self.openstack('share', 'backup', 'show', 'monday')
        self.assertEqual('100', shown['progress'])
        listed, = self.openstack('share', 'backup', 'list', '--long')
        self.assertEqual((backup['id'], 'monday', 'available'),
                         (listed['ID'], listed['Name'], listed['Status']))
        os.unlink(os.path.join(self.cloud.share_path(share['id']), 'd0/f0'))
        self.openstack('share', 'backup', 'restore', 'monday', '--wait')
        self.assertEqual(made, self.content(
            self.cloud.share_path(share['id'])))

        restored, created = self.openstack(
            'share', 'backup', 'operation', 'list', '--backup', 'monday')
        self.assertEqual(('restore', 'done'),
                         (restored['Kind'], restored['Status']))
        self.assertEqual(('create', 'done'),
                         (created['Kind'], created['Status']))
        operation = self.openstack('share', 'backup', 'operation', 'show',
                                   created['ID'])
        self.assertEqual(60000, operation['bytes_done'])
        self.assertIn('Not cancelled', self.openstack(
            'share', 'backup', 'operation', 'cancel', created['ID'],
            fails=True))
        self.openstack('share', 'backup', 'delete', 'monday', '--wait')
        self.assertEqual([], self.openstack('share', 'backup', 'list'))
        deleted, *_others = self.openstack(
            'share', 'backup', 'operation', 'list')
        self.assertEqual(('delete', 'done'),
                         (deleted['Kind'], deleted['Status']))

    def test_properties(self):
        share = self.openstack('share', 'create', 'NFS', '1', '--wait')['id']
        backup = self.openstack(
            'share', 'backup', 'create', share, '--name', 'first', '--wait',
            '--property', 'team=blue', '--property', 'ticket/no.=1/2')
        self.assertEqual({'team': 'blue', 'ticket/no.': '1/2'},
                         backup['metadata'])
        self.openstack('share', 'backup', 'create', share, '--name', 'second',
                       '--wait')
        self.openstack('share', 'backup', 'set', 'first', '--property',
                       'a+b=%c', '--description', 'kept')
        self.openstack('share', 'backup', 'unset', 'first', '--property',
                       'ticket/no.')
        shown = self.openstack('share', 'backup', 'show', 'first')
        self.assertEqual({'team': 'blue', 'a+b': '%c'}, shown['metadata'])
        self.assertEqual('kept', shown['description'])
        self.openstack('share', 'backup', 'unset', 'first', '--property',
                       'a+b')
        self.assertIn('Not removed: gone: ', self.openstack(
            'share', 'backup', 'unset', 'first', '--property', 'gone',
            '--property', 'team', fails=True))
        self.openstack('share', 'backup', 'set', 'second', '--property',
                       'team=blue')
        for words, names in (
                (['--property', 'team=blue'], ['second']),
                (['--property', 'team=red'], []),
                (['--created-before', '2001-01-01'], []),
                (['--created-since', '2001-01-01'], ['second', 'first'])):
            self.assertEqual(names, [each['Name'] for each in self.openstack(
                'share', 'backup', 'list', *words)])

    def test_quotas(self):
        # Without a token the caller is the administrator, of project admin.
        self.openstack('share', 'backup', 'quota', 'set', 'p1', '--backups',
                       '3', '--backup-stored-gigabytes', '7',
                       '--backup-policies', '2')
        shown = self.openstack('share', 'backup', 'quota', 'show', 'p1')
        self.assertEqual((3, 1000, 7, 2), (
            shown['backups'], shown['backup_gigabytes'],
            shown['backup_stored_gigabytes'], shown['backup_policies']))
        self.assertEqual(
            {'limit': 3, 'in_use': 0, 'reserved': 0}, self.openstack(
                'share', 'backup', 'quota', 'show', 'p1', '--detail')[
                    'backups'])
        self.openstack('share', 'backup', 'quota', 'unset', 'p1')
        self.assertEqual(50, self.openstack(
            'share', 'backup', 'quota', 'show', 'p1')['backups'])
        self.assertIn('Say which', self.openstack(
            'share', 'backup', 'quota', 'set', 'p1', fails=True))

    def test_usage(self):
        def usage(*args):
            return self.openstack('share', 'backup', 'usage', 'list', *args)

        self.assertEqual([], usage())
        shares = []
        for _number in range(2):
            share = self.openstack('share', 'create', 'NFS', '1', '--wait')
            self.fill(self.cloud.share_path(share['id']), 5, 100)
            self.openstack('share', 'backup', 'create', share['id'], '--wait')
            shares.append(share['id'])
        whole, = usage()
        self.assertEqual(('admin', 2, 2, 1000), tuple(whole[name] for name in (
            'Project ID', 'Backups', 'Gigabytes', 'Content Bytes')))
        self.assertEqual(sorted(shares), [
            each['Share ID'] for each in usage('--group-by', 'share')])
        self.assertEqual(sorted(shares)[:1], [
            each['Share ID'] for each in usage(
                '--group-by', 'share', '--all-projects', '--limit', '1')])
        of_type, = usage('--group-by', 'backup-type')
        self.assertEqual('posix', of_type['Backup Type'])
        # Midnight may have been between the two.
        by_day = usage('--by-day')
        self.assertEqual(2, sum(each['Backups'] for each in by_day))
        for each in by_day:
            self.assertEqual(each['Last Backup At'][:10], each['Day'])

    def test_services(self):
        listed, = self.openstack('share', 'backup', 'service', 'list')
        self.assertEqual(('enabled', 'up'),
                         (listed['Status'], listed['State']))
        # "set" shows what came of it here.
        self.openstack('share', 'backup', 'service', 'set',
                       str(listed['ID']), '--drain', '--reason', 'moves')
        listed, = self.openstack('share', 'backup', 'service', 'list',
                                 '--status', 'draining')
        self.assertEqual('moves', listed['Disabled Reason'])

    def test_repositories(self):
        share = self.openstack('share', 'create', 'NFS', '1', '--wait')
        self.openstack('share', 'backup', 'create', share['id'], '--wait')
        # The worker measures it in its own time.
        listed, = cloud.eventually('a measurement', lambda: [
            each for each in self.openstack('share', 'backup', 'repository',
                                            'list')
            if each['Free Bytes'] is not None])
        self.assertEqual(
            ('posix', 'here', self.cloud.repository, None, 1, 1, None),
            tuple(listed[name] for name in (
                'Backup Type', 'Host', 'Location', 'Problem', 'Backups',
                'Never Verified Backups', 'Oldest Verified At')))
        self.assertLess(0, listed['Free Bytes'])
        self.assertEqual([], self.openstack(
            'share', 'backup', 'repository', 'list', '--backup-type', 'tape'))

    def test_files(self):
        share = self.openstack('share', 'create', 'NFS', '1', '--wait')
        path = self.cloud.share_path(share['id'])
        os.mkdir(os.path.join(path, 'db'))
        for name in (b'100%', b'\xff', b'db/a.sql', b'db/b.sql'):
            with open(os.path.join(os.fsencode(path), name), 'w') as file:
                file.write('text')
        self.openstack('share', 'backup', 'create', share['id'], '--name',
                       'monday', '--wait')

        def names(*args):
            return [each.get('Path', each.get('Name')) for each in
                    self.openstack('share', 'backup', 'file', *args)]
        self.assertEqual(['100%25', 'db', '%FF'], names('list', 'monday'))
        self.assertEqual(['a.sql', 'b.sql'], names('list', 'monday', '/db'))
        self.assertEqual(['/db/a.sql', '/db/b.sql'],
                         names('find', 'monday', '*.sql'))
        self.assertEqual(['/db/a.sql'], names(
            'find', 'monday', '--under', 'db', '--limit', '1'))
        self.assertEqual([], names('find', 'monday', '--min-size', '5'))
        shown, = self.openstack('share', 'backup', 'file', 'list', 'monday',
                                '/', '--limit', '1', '--long')
        self.assertEqual(('0644', 0, 4), tuple(
            shown[name] for name in ('Mode', 'Uid', 'Size')))

        self._download(path)
        self._restore(path)
        self._compare(share, path)

    def _restore(self, path):
        def restore(*args, **kwargs):
            return self.openstack('share', 'backup', 'restore', 'monday',
                                  *args, **kwargs)

        def text(*names):
            with open(os.path.join(path, *names)) as file:
                return file.read()
        a_sql = os.path.join(path, 'db', 'a.sql')
        with open(a_sql, 'w') as file:
            file.write('changed')
        said = restore('--path', '/db', '--dry-run')
        self.assertIn('3 entries, 8 bytes; 1 of them', said)
        self.assertIn('1 conflict\n/db/a.sql\n', said)
        self.cloud.tolerate = 'Nothing was restored'
        said = restore('--path', '/db', '--wait', fails=True)
        self.assertIn('nothing was restored', said)
        self.assertIn('--conflict', said)
        restore('--path', '/db', '--path', '100%25', '--conflict',
                'keep-both', '--wait')
        self.assertEqual(('changed', 'text'), (
            text('db', 'a.sql'), text('db', 'a.restored.sql')))
        restore('--to-directory', 'new/all', '--wait')
        self.assertEqual('text', text('new', 'all', 'db', 'a.sql'))
        self.assertIn('--path', restore('--conflict', 'skip', fails=True))
        said = restore('--dry-run')
        self.assertIn('1 conflict\n/db/a.sql\n', said)
        self.assertIn('entries to be removed\n', said)
        for name in 'db/a.restored.sql', 'new', 'new/all/db/a.sql':
            self.assertIn(f'\n/{name}\n', said)
        made = self.openstack('share', 'create', 'NFS', '--from-backup',
                              'monday', '--name', 'new', '--wait')
        self.assertEqual(('available', 1), (made['status'], made['size']))
        with open(os.path.join(self.cloud.share_path(made['id']), 'db',
                               'a.sql')) as file:
            self.assertEqual('text', file.read())
        restore('--path', 'db/a.sql', '--conflict', 'overwrite', '--wait')
        self.assertEqual('text', text('db', 'a.sql'))
        os.unlink(os.path.join(path, 'db', 'a.restored.sql'))
        shutil.rmtree(os.path.join(path, 'new'))

    def _download(self, path):
        target = os.path.join(self.cloud.root, 'downloaded')

        def download(name, *more, **kwargs):
            return self.openstack('share', 'backup', 'file', 'download',
                                  'monday', name, '--file', target, *more,
                                  **kwargs)
        download('db/a.sql')
        with open(target) as file:
            self.assertEqual('text', file.read())
        self.assertIn('--force', download('%FF', fails=True))
        download('%FF', '--force')
        self.assertIn('directory', download('db', '--force', fails=True))
        self.assertEqual([], [name for name in os.listdir(self.cloud.root)
                              if name.endswith('.part')])

    def _compare(self, share, path):
        with open(os.path.join(path, 'db', 'a.sql'), 'w') as file:
            file.write('longer text')
        os.rename(os.path.join(path, '100%'), os.path.join(path, 'db/new'))
        self.openstack('share', 'backup', 'create', share['id'], '--name',
                       'tuesday', '--wait')
        self.assertEqual(
            [('changed', '/db/a.sql', '', 11), ('moved', '/db/new',
                                                '/100%25', 4)],
            [(each['Change'], each['Path'], each['Previous Path'] or '',
              each['Size']) for each in self.openstack(
                  'share', 'backup', 'diff', 'monday', 'tuesday')])
        self.assertEqual([11, 4], [each['Size'] for each in self.openstack(
            'share', 'backup', 'file', 'history', share['id'], 'db/a.sql')])

    def test_warnings(self):
        share = self.openstack('share', 'create', 'NFS', '1', '--wait')
        path = self.cloud.share_path(share['id'])
        for number in range(3):
            # What is mounted in a share is no part of it.
            name = os.path.join(path, f'{number} %')
            os.mkdir(name)
            subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', name],
                           check=True)
            self.addCleanup(subprocess.run, ['umount', name], check=True)
        self.openstack('share', 'backup', 'create', share['id'], '--name',
                       'monday', '--wait')
        shown = self.openstack('share', 'backup', 'show', 'monday')
        self.assertEqual(('complete', 3, 0), (
            shown['result'], shown['warning_count'], shown['missing_count']))
        listed = self.openstack('share', 'backup', 'warning', 'list',
                                'monday')
        self.assertEqual(
            {(f'{number} %25', 'partial', True) for number in range(3)},
            {(each['Path'], each['Code'], each['Stored'])
             for each in listed})
        part = self.openstack('share', 'backup', 'warning', 'list', 'monday',
                              '--limit', '1', '--marker', '1')
        self.assertEqual(listed[1:2], part)

    def test_policies(self):
        def policy(*args, **kwargs):
            return self.openstack('share', 'backup', 'policy', *args,
                                  **kwargs)

        share = self.openstack('share', 'create', 'NFS', '1', '--name',
                               'data', '--wait')['id']
        made = policy('create', 'gold', '--rule', 'nightly=0 2 * * *',
                      '--timezone', 'Europe/Berlin', '--keep', 'daily=7')
        self.assertEqual('daily=7', made['retention'])
        covered = 'share', 'backup', 'coverage', 'list'
        told, = self.openstack(*covered, '--unprotected')
        self.assertEqual('data', told['Name'])
        assigned = policy('assign', 'gold', '--share', 'data')
        self.assertEqual([], self.openstack(*covered, '--unprotected'))
        self.assertEqual({'runs': 1}, policy('run', 'gold'))
        told, = cloud.eventually('the backup', lambda: [
            each for each in policy('simulate', 'gold', '--keep', 'last=1')
            if each['Backup'] and each['Rules'] != 'busy'])
        self.assertEqual((share, True, 'last'),
                         (told['Share'], told['Keep'], told['Rules']))
        self.list_runs(told)
        later = policy('simulate', 'gold', '--at', '2199-01-01', fails=True)
        self.assertIn('20 years', later)
        self.assertIn('must be one of', policy(
            'simulate', 'gold', '--keep', 'often=1', fails=True))
        policy('set', 'gold', '--name', 'silver', '--keep', 'weekly=2',
               '--disable')
        shown, = policy('list')
        self.assertEqual(('silver', False, 'weekly=2'), (
            shown['Name'], shown['Enabled'], shown['Kept']))
        listed, = policy('assignment', 'list', 'silver')
        self.assertEqual(assigned['id'], listed['ID'])
        self.assertEqual([], policy('simulate', 'silver', '--orphaned'))
        policy('unassign', 'silver', assigned['id'])
        told, = policy('simulate', 'silver', '--orphaned')
        self.assertEqual((share, True, True, 'orphaned'), (
            told['Share'], told['Orphaned'], told['Keep'], told['Rules']))
        policy('delete', 'silver')
        self.assertEqual([], policy('list'))

    def list_runs(self, told):
        """There has been one, which made the backup that was told of."""
        runs = 'run', 'list', 'gold'
        found, = cloud.eventually('the end of the run', lambda: self.policy(
            *runs, '--status', 'done', '--share', 'data'))
        self.assertEqual((told['Share'], told['Backup'], None), (
            found['Share ID'], found['Backup ID'], found['Reason']))
        self.assertEqual(found, *self.policy(
            *runs, '--since', '2020-01-01', '--limit', '1'))
        for option in (('--status', 'missed'), ('--since', '2199-01-01'),
                       ('--marker', found['ID'])):
            self.assertEqual([], self.policy(*runs, *option))

    def policy(self, *args, **kwargs):
        return self.openstack('share', 'backup', 'policy', *args, **kwargs)

    def test_policy_for_projects(self):
        """One that an administrator publishes, and has be about all."""
        gold = self.policy(
            'create', 'gold', '--public', '--jitter', '600',
            '--rule', 'nightly=0 2 * * *', '--rule', 'noon=0 12 * * 1-5')
        shown = self.policy('show', 'gold')
        self.assertEqual(
            (gold['id'], 'admin', True, True, 'everything is kept',
             'nightly: 0 2 * * * (UTC)\nnoon: 0 12 * * 1-5 (UTC)'),
            tuple(shown[name] for name in (
                'id', 'project_id', 'is_public', 'enabled', 'retention',
                'rules')))
        self.assertEqual(shown, self.policy('show', gold['id']))
        made = {kind: self.policy('assign', 'gold', option, target, *more)
                for kind, option, target, *more in (
                    ('share_type', '--share-type', 'default'),
                    ('project', '--project', 'p1', '--mandatory'),
                    ('metadata', '--metadata', 'a=b', '--all-projects'))}
        self.assertEqual(
            [('admin', False), ('p1', True), (None, False)],
            [(each['project_id'], each['mandatory'])
             for each in made.values()])
        self.assertEqual('p1', made['project']['target'])
        member = {'OS_AUTH_TYPE': 'admin_token', 'OS_TOKEN': 'demo:p1'}
        self.assertEqual(['gold'], [each['Name'] for each in self.policy(
            'list', **member)])
        listed = self.policy('assignment', 'list', 'gold', **member)
        self.assertEqual(
            [(made[kind]['id'], kind, kind == 'project')
             for kind in ('project', 'metadata')],
            [(each['ID'], each['Kind'], each['Mandatory'])
             for each in listed])
        for args in (['unassign', 'gold', made['project']['id']],
                     ['assign', 'gold', '--metadata', 'c=d', '--mandatory'],
                     ['assign', 'gold', '--project', 'p2']):
            self.assertIn('Policy doesn\'t allow', self.policy(
                *args, fails=True, **member), args)
        self.policy('unassign', 'gold', made['project']['id'])
        self.assertEqual(['metadata', 'share_type'], sorted(
            each['Kind'] for each in self.policy('assignment', 'list',
                                                 'gold')))
        # It is not the member's.
        self.assertIn('could not be found', self.policy(
            'set', 'gold', '--name', 'mine', fails=True, **member))
        self.policy('set', 'gold', '--private')
        self.assertFalse(self.policy('show', 'gold')['is_public'])

    def test_deletions_are_confirmed(self):
        self.openstack('share', 'create', 'NFS', '1', '--name', 'data',
                       '--wait')
        self.policy('create', 'gold', '--rule', 'nightly=0 2 * * *')
        self.policy('assign', 'gold', '--share', 'data')
        for number in range(1, 4):
            self.policy('run', 'gold', '--share', 'data', '--rule',
                        'nightly')
            cloud.eventually('the run', lambda number=number: number == len(
                self.cloud.rows("SELECT id FROM backup_runs "
                                "WHERE status = 'done'")))
        keep = 'gold', '--keep', 'last=1'
        self.assertEqual([True, False, False], [
            each['Keep'] for each in self.policy('simulate', *keep)])
        for words in (), ('--confirm-deletions', '1'):
            self.assertIn('confirm_deletions: 2', self.policy(
                'set', *keep, *words, fails=True))
        self.policy('set', *keep, '--confirm-deletions', '2')
        self.assertEqual('last=1', self.policy('show', 'gold')['retention'])

    def test_failures(self):
        self.cloud.tolerate = 'attempt [0-9]+ failed'
        share = self.openstack('share', 'create', 'NFS', '1', '--wait')
        os.rmdir(self.cloud.share_path(share['id']))
        self.assertIn('is error', self.openstack(
            'share', 'backup', 'create', share['id'], '--wait', fails=True))
        backup, = self.openstack('share', 'backup', 'list')
        message, = self.openstack('share', 'message', 'list')
        self.assertEqual(
            ('SHARE_BACKUP', backup['ID'], '002', '901'),
            tuple(message[name] for name in (
                'Resource Type', 'Resource ID', 'Action ID', 'Detail ID')))
        self.openstack('share', 'message', 'delete', message['ID'])
        self.assertEqual([], self.openstack('share', 'message', 'list'))
        self.assertIn('Not deleted: x: ', self.openstack(
            'share', 'backup', 'delete', 'x', '--wait', fails=True))

    def test_cancel(self):
        share = self.openstack('share', 'create', 'NFS', '1', '--wait')
        self.worker.stop()
        backup = self.openstack('share', 'backup', 'create', share['id'],
                                '--name', 'unwanted')
        self.openstack('share', 'backup', 'cancel', 'unwanted')
        cloud.eventually('the end', lambda: self.openstack(
            'share', 'backup', 'show', backup['id'])['status'] == 'error')
        operation, = self.openstack('share', 'backup', 'operation', 'list')
        self.assertEqual(('cancelled', 'cancelled'),
                         (operation['Status'], operation['Status Code']))
