# SPDX-License-Identifier: Apache-2.0
"""The Ansible collection in ``clients/``, by Ansible's own commands."""

import functools
import importlib
import json
import os
import subprocess
import sys

import fixtures
from testtools import content
import yaml

from tests.functional import base
from tests.functional.clients import test_plugin
from tests.functional import cloud

COLLECTIONS = os.path.join(test_plugin.CLIENTS, 'ansible')
NAME = 'manila_backup.cloud'
SOURCE = os.path.join(COLLECTIONS, 'ansible_collections',
                      *NAME.split('.'))

MODULES = ('share_backup', 'share_backup_info', 'share_backup_policy',
           'share_backup_policy_info')


class AnsibleCase(base.TestCase):
    """A test with Ansible, on this machine and with nothing of its user's."""

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.url = f'http://127.0.0.1:{self.cloud.port}/v2'
        clouds = self.write('clouds.yaml', {'clouds': {'mine': {
            'auth_type': 'none', 'auth': {'endpoint': self.url},
            'shared_file_system_endpoint_override': self.url}}})
        self.environ = {
            **{name: value for name, value in os.environ.items()
               if not name.startswith(('OS_', 'ANSIBLE_'))},
            'ANSIBLE_COLLECTIONS_PATH': COLLECTIONS,
            'ANSIBLE_CONFIG': self.write('ansible.cfg', None),
            'ANSIBLE_HOME': self.folder,
            'ANSIBLE_LOCALHOST_WARNING': 'false',
            'ANSIBLE_REMOTE_TEMP': os.path.join(self.folder, 'tmp'),
            'LC_ALL': 'C.UTF-8',
            'OS_CLIENT_CONFIG_FILE': clouds,
            'PYTHONPATH': test_plugin.CLIENTS}

    def write(self, name, value):
        """Write a file of YAML, or an empty one; its path."""
        path = os.path.join(self.folder, name)
        with open(path, 'w') as file:
            if value:
                yaml.safe_dump(value, file)
        return path

    def run_ansible(self, command, *args):
        """Run one of Ansible's commands.

        :returns: subprocess.CompletedProcess.
        """
        done = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), command), *args],
            env=self.environ, cwd=self.folder, capture_output=True, text=True)
        self.addDetail(' '.join([command, *args[:3]]), content.text_content(
            done.stdout + done.stderr))
        return done

    def module(self, module, /, *flags, fails=False, cloud='mine', **options):
        """Run a module.

        :param module: str, its name.
        :param flags: ``--check``, ``--diff``.
        :param fails: bool, whether it must fail.
        :returns: dict, its result.
        """
        if cloud:
            options['cloud'] = cloud
        done = self.run_ansible(
            'ansible', 'localhost', '-m', f'{NAME}.{module}', *flags, '-a',
            json.dumps(options))
        self.assertEqual(2 if fails else 0, done.returncode,
                         done.stdout + done.stderr)
        # The differences, whether it failed, and the result.
        self.said, _, result = (done.stdout + done.stderr).partition(' => ')
        return json.JSONDecoder().raw_decode(result)[0]

    def share(self, name='documents'):
        """A share with content: (its id, its path)."""
        share = self.cloud.create_share('admin:admin')
        self.cloud.ask(200, 'PUT', f'/shares/{share["id"]}',
                       {'share': {'display_name': name}},
                       token='admin:admin')
        path = self.cloud.share_path(share['id'])
        self.fill(path, 3, 100)
        return share['id'], path


class Backups(AnsibleCase):

    def setUp(self):
        super().setUp()
        self.cloud.start()

    def names(self):
        return [each['name'] for each in self.cloud.ask(
            200, 'GET', '/share-backups', token='admin:admin'
            )['share_backups']]

    def test_life_cycle(self):
        share_id, _path = self.share()
        wanted = {'name': 'monday', 'share': 'documents',
                  'metadata': {'ticket': 17, 'no': None}}
        told = self.module('share_backup', '--check', '--diff', **wanted)
        self.assertEqual((True, share_id),
                         (told['changed'], told['backup']['share_id']))
        self.assertIn('+    "name": "monday"', self.said)
        self.assertEqual([], self.names())
        told = self.module('share_backup', **wanted)
        self.assertEqual((True, 'available', {'ticket': '17'}), (
            told['changed'], told['backup']['status'],
            told['backup']['metadata']))
        for flags in ((), ('--check',)):
            again = self.module('share_backup', *flags, **wanted)
            self.assertEqual((False, told['backup']['id']),
                             (again['changed'], again['backup']['id']))
        self.assertEqual(['monday'], self.names())
        self._update(told['backup']['id'], wanted)
        self._delete(told['backup']['id'])

    def _update(self, backup_id, wanted):
        wanted = {**wanted, 'description': 'x',
                  'metadata': {'ticket': None, 'a': 'b'}}
        for flags in (('--check',), ()):
            told = self.module('share_backup', *flags, **wanted)
            self.assertEqual((True, 'x', {'a': 'b'}), (
                told['changed'], told['backup']['description'],
                told['backup']['metadata']))
        self.assertFalse(self.module('share_backup', **wanted)['changed'])
        self.assertFalse(self.module('share_backup', name=backup_id,
                                     description='x')['changed'])
        for query in ({'name': 'monday'}, {'name': backup_id},
                      {'share': 'documents', 'filters': {
                          'status': 'available'}}):
            found, = self.module('share_backup_info', **query)['backups']
            self.assertEqual((backup_id, 'x', {'a': 'b'}), (
                found['id'], found['description'], found['metadata']))
        self.assertEqual([], self.module(
            'share_backup_info', name=backup_id,
            filters={'status': 'error'})['backups'])

    def _delete(self, backup_id):
        other = self.share('other')[0]
        told = self.module('share_backup', name=backup_id, share=other,
                           state='absent', fails=True)
        self.assertIn('of another share', told['msg'])
        gone = {'name': 'monday', 'state': 'absent'}
        # By name, there is none of that share; nor is there one of none.
        for share in (other, 'gone'):
            self.assertFalse(self.module('share_backup', share=share,
                                         **gone)['changed'])
        self.assertTrue(self.module('share_backup', '--check',
                                    **gone)['changed'])
        self.assertEqual(['monday'], self.names())
        self.assertTrue(self.module('share_backup', **gone)['changed'])
        self.assertEqual([], self.names())
        self.assertFalse(self.module('share_backup', **gone)['changed'])

    def test_other_ways_to_connect(self):
        self.share()
        told = self.module('share_backup_info', cloud=None, auth_type='none',
                           endpoint=self.url)
        self.assertEqual([], told['backups'])
        told = self.module('share_backup', name='x', share='gone', fails=True)
        self.assertEqual('Share gone could not be found.', told['msg'])
        told = self.module('share_backup', name='x', fails=True)
        self.assertIn('no share', told['msg'])
        del self.environ['PYTHONPATH']
        told = self.module('share_backup_info', fails=True)
        self.assertIn('python-manila-backup-client', told['msg'])

    def test_failure(self):
        self.cloud.tolerate = 'attempt [0-9]+ failed'
        _share_id, path = self.share()
        os.rename(path, f'{path}.away')
        wanted = {'name': 'monday', 'share': 'documents'}
        told = self.module('share_backup', fails=True, **wanted)
        self.assertIn('share', told['msg'])
        told = self.module('share_backup', fails=True, **wanted)
        self.assertIn('Delete it first', told['msg'])
        os.rename(f'{path}.away', path)
        self.module('share_backup', state='absent', **wanted)
        self.assertTrue(self.module('share_backup', **wanted)['changed'])


class Policies(AnsibleCase):

    def setUp(self):
        super().setUp()
        self.cloud.start()

    def test_life_cycle(self):
        share_id, _path = self.share()
        wanted = {
            'name': 'gold', 'timezone': 'Europe/Berlin',
            'rules': [{'name': 'nightly', 'cron': '30  2 * * *',
                       'jitter': 60}, {'name': 'weekly', 'cron': '0 5 * * 0'}],
            'retention': {'daily': 7, 'last': 0},
            'assignments': [{'kind': 'share', 'target': 'documents'},
                            {'kind': 'metadata', 'target': 'a=b'}]}
        self._twice(wanted)
        found, = self.module('share_backup_policy_info')['policies']
        self.assertEqual([('metadata', 'a=b'), ('share', share_id)], sorted(
            (each['kind'], each['target']) for each in found['assignments']))
        changed = {
            'name': found['id'], 'enabled': False, 'description': 'x',
            'rules': [{'name': 'nightly', 'cron': '30 3 * * *'}],
            'retention': {'last': 2},
            'assignments': [{'kind': 'share', 'target': share_id,
                             'mandatory': True}]}
        self._twice(changed)
        found, = self.module('share_backup_policy_info', name='gold'
                             )['policies']
        rule, = found['rules']
        assignment, = found['assignments']
        self.assertEqual(
            (False, 'Europe/Berlin', '30 3 * * *', 60, 2, 0, True), (
                found['enabled'], found['timezone'], rule['cron'],
                rule['jitter'], found['retention']['last'],
                found['retention']['daily'], assignment['mandatory']))
        self._twice({'name': 'gold', 'timezone': 'Asia/Tokyo'})
        found, = self.module('share_backup_policy_info', name='gold'
                             )['policies']
        self.assertEqual(['Asia/Tokyo'] * 2, [
            found['timezone'], found['rules'][0]['timezone']])
        # What is mandatory stays, and what nothing is said of.
        for options in ({'assignments': []}, {}, {'assignments': [
                {'kind': 'share', 'target': share_id}]}):
            self.assertFalse(self.module('share_backup_policy', name='gold',
                                         **options)['changed'])
        self._twice({'name': 'gold', 'state': 'absent'})
        self.assertEqual([], self.module('share_backup_policy_info'
                                         )['policies'])

    def _twice(self, wanted):
        """Have it so, after having been told so; then nothing changes."""
        for flags, changed in ((('--check', '--diff'), True), ((), True),
                               (('--check',), False), ((), False)):
            told = self.module('share_backup_policy', *flags, **wanted)
            self.assertEqual(changed, told['changed'], (flags, told))

    def test_deletions(self):
        share_id, _path = self.share()
        wanted = {'name': 'gold', 'rules': [
            {'name': 'nightly', 'cron': '0 2 * * *'}], 'assignments': [
                {'kind': 'share', 'target': share_id}]}
        policy = self.module('share_backup_policy', **wanted)['policy']
        for number in (1, 2):
            self.cloud.ask(
                202, 'POST', f'/share-backup-policies/{policy["id"]}/action',
                {'run_now': None}, token='admin:admin', headers={
                    'OpenStack-API-Version': 'shared-file-system 2.91, '
                                             'shared-file-system-backup 1.1'})
            cloud.eventually('the backup', functools.partial(
                self._done, number))
        wanted['retention'] = {'last': 1}
        for flags in (('--check',), ()):
            told = self.module('share_backup_policy', *flags, fails=True,
                               **wanted)
            self.assertIn('confirm_deletions: 1.', told['msg'])
        wanted['confirm_deletions'] = 1
        for flags in (('--check',), ()):
            told = self.module('share_backup_policy', *flags, **wanted)
            self.assertEqual((True, 1), (told['changed'], told['deletions']))
        self.assertFalse(self.module('share_backup_policy',
                                     **wanted)['changed'])

    def _done(self, number):
        return number == len(self.cloud.rows(
            "SELECT id FROM backup_runs WHERE status = 'done'"))


class Documented(AnsibleCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch('sys.path', [
            *sys.path, COLLECTIONS]))

    def documents(self):
        """Return what ansible-doc says of an installation: dict of module's
        name to dict."""
        self.environ['ANSIBLE_COLLECTIONS_PATH'] = self.folder
        done = self.run_ansible('ansible-galaxy', 'collection', 'install',
                                '--offline', '-p', self.folder, SOURCE)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        done = self.run_ansible('ansible-doc', '--json', *(
            f'{NAME}.{each}' for each in MODULES))
        self.assertEqual(0, done.returncode, done.stderr)
        return {name.rpartition('.')[2]: each
                for name, each in json.loads(done.stdout).items()}

    def test_options(self):
        common = importlib.import_module(
            f'ansible_collections.{NAME}.plugins.module_utils.base')
        documents = self.documents()
        self.assertEqual(set(MODULES), set(documents))
        self.assertEqual({*(f'{each}.py' for each in MODULES)}, set(
            os.listdir(os.path.join(SOURCE, 'plugins', 'modules'))
            ) - {'__pycache__'})
        for name, document in documents.items():
            module = importlib.import_module(
                f'ansible_collections.{NAME}.plugins.modules.{name}')
            self._compare(name, {**common.CONNECTION, **module.SPEC},
                          document['doc']['options'])

    def _compare(self, name, spec, options):
        self.assertEqual(set(spec), set(options), name)
        for option, taken in spec.items():
            said = options[option]
            for key in ('type', 'required', 'choices', 'default', 'elements'):
                self.assertEqual(
                    taken.get(key) or None, said.get(key) or None,
                    (name, option, key))
            self._compare(option, taken.get('options', {}),
                          said.get('suboptions', {}))

    def test_examples(self):
        self.cloud.start()
        self.share()
        examples = {name: yaml.safe_load(each['examples'])
                    for name, each in self.documents().items()}
        backup, gone = examples.pop('share_backup')
        play = self.write('play.yaml', [{
            'hosts': 'localhost', 'gather_facts': False,
            'tasks': [backup, *sum(examples.values(), []), gone]}])
        for changed in (3, 2):
            done = self.run_ansible('ansible-playbook', play)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            # The policy stays.
            self.assertIn(f'changed={changed} ', done.stdout)
