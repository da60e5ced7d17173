# SPDX-License-Identifier: Apache-2.0
"""Restores of chosen files, dry runs, and restores to new shares, where the
shares are Manila's."""

import os

from tests.functional.clients import test_plugin
from tests.functional import cloud as functional
from tests.manila import base

PLUG_IN = {'path': test_plugin.plugin_path(),
           'modules': ('manila_backup_client.*',)}

EXTENSION = {'OpenStack-API-Version': 'shared-file-system-backup 1.2'}


class TestCase(base.TestCase):

    def openstack(self, *args):
        """Run the command ``openstack`` with the plug-in."""
        return self.service.openstack(*args, **PLUG_IN)

    def try_openstack(self, *args):
        """Run it, whatever comes of it."""
        return self.service.try_openstack(*args, **PLUG_IN)

    def act(self, backup_id, status=202, user='alice', **action):
        """Ask for an action on a backup; returns what it answers."""
        answer = self.request('POST', f'/share-backups/{backup_id}/action',
                              action, user, headers=EXTENSION)
        self.assertEqual(status, answer.status, answer.body)
        return answer.body[next(iter(action))] if status < 300 else (
            next(iter(answer.body.values()))['message'])

    def operation(self, operation_id, user='alice'):
        """Wait for the end of an operation; its dict."""
        def over():
            found = self.request(
                'GET', f'/share-backup-operations/{operation_id}', user=user,
                headers=EXTENSION).body['share_backup_operation']
            return found['status'] in ('done', 'failed', 'cancelled') and found
        return functional.eventually('the operation to end', over)

    def read(self, share_id, name):
        with open(os.path.join(self.manila.share_path(share_id),
                               name)) as file:
            return file.read()

    def changed(self):
        """A share that was changed after a backup: (its id, the backup's,
        what it was)."""
        share = self.manila.create_share()
        content = self.fill_share(share['id'])
        backup = self.backed_up(share['id'])
        self.change_share(share['id'])
        return share['id'], backup['id'], content


class TestRestoreFiles(TestCase):

    def test_chosen_files(self):
        share_id, backup_id, content = self.changed()
        mine = self.manila.allow(share_id, '10.9.8.7')
        self.openstack(
            'share', 'backup', 'restore', backup_id, '--path', '/d1/f1',
            '--path', '/d2/f2', '--conflict', 'keep-both', '--wait')
        found = self.share_content(share_id)
        self.assertEqual(content['d1/f1'], found['d1/f1'])
        self.assertEqual(content['d2/f2'], found['d2/f2.restored'])
        self.assertEqual(('changed', 'changed'), (
            self.read(share_id, 'd2/f2'), self.read(share_id, 'new')))
        self.assert_nothing_left(share_id, rules=[mine])

    def test_beside_in_another_share(self):
        share_id, backup_id, content = self.changed()
        other = self.manila.create_share()
        made = self.act(backup_id, restore_files={
            'paths': ['/'], 'target_path': 'monday',
            'target_share_id': other['id']})
        self.assertEqual('done', self.operation(
            made['operation_id'])['status'])
        self.assertEqual(
            {f'monday/{name}': text for name, text in content.items()},
            self.share_content(other['id']))
        self.assert_nothing_left(share_id, other['id'])

    def test_conflicts_that_fail(self):
        share_id, backup_id, _ = self.changed()
        before = self.share_content(share_id)
        self.service.cloud.tolerate = 'Nothing was restored'
        done = self.try_openstack(
            'share', 'backup', 'restore', backup_id, '--path', '/d2',
            '--wait')
        self.assertIn('nothing was restored', done.stderr)
        self.assertEqual(before, self.share_content(share_id))
        self.assertEqual('available', self.show_backup(backup_id)['status'])
        self.assert_nothing_left(share_id)

    def test_others(self):
        share_id, backup_id, _ = self.changed()
        for action in ({'restore_files': {'paths': ['/d1']}},
                       {'restore_files': {'paths': ['/d1'],
                                          'dry_run': True}},
                       {'restore': {'dry_run': True}},
                       {'restore_to_new_share': {}}):
            self.act(backup_id, 404, 'bob', **action)
        theirs = self.manila.create_share(user='bob')
        self.act(backup_id, 400, restore_files={
            'paths': ['/d1'], 'target_share_id': theirs['id']})
        self.assert_nothing_left(share_id, theirs['id'])


class TestDryRun(TestCase):

    options = {'api__question_timeout': '60'}

    def test_of_files(self):
        share_id, backup_id, _ = self.changed()
        before, mounted = self.share_content(share_id), len(
            self.manila.mounts())
        done = self.try_openstack(
            'share', 'backup', 'restore', backup_id, '--path', '/d2',
            '--path', '/d1/f1', '--dry-run')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('1 conflict\n/d2/f2\n', done.stdout)
        self.assertEqual(before, self.share_content(share_id))
        # It is not even mounted to be written to.
        self.assertEqual(
            [True], ['ro' in each['options']
                     for each in self.manila.mounts()[mounted:]
                     if each['action'] == 'mount'])
        backup = self.show_backup(backup_id)
        self.assertEqual(('available', '0'), (
            backup['status'], backup['restore_progress']))
        self.assert_nothing_left(share_id)

    def test_of_all(self):
        share_id, backup_id, content = self.changed()
        found = self.act(backup_id, 200, restore={'dry_run': True})
        self.assertEqual(share_id, found['share_id'])
        found = found['dry_run']
        self.assertEqual((1, ['/new'], 1, ['/d2/f2'], True), tuple(
            found[name] for name in (
                'removed', 'removed_paths', 'conflicts', 'conflicting_paths',
                'complete')))
        self.assertGreater(found['unchanged'], 10)
        self.assertIn('d1/f1', content)
        self.assert_nothing_left(share_id)

    def test_of_what_is_not_there(self):
        share_id, backup_id, _ = self.changed()
        self.service.cloud.tolerate = 'Nothing was restored'
        self.act(backup_id, 404, restore_files={
            'paths': ['/none'], 'dry_run': True})
        self.assertEqual('available', self.show_backup(backup_id)['status'])
        self.assert_nothing_left(share_id)


class TestLongDryRun(TestCase):

    options = {'api__question_timeout': '1'}

    def test_is_told_by_its_operation(self):
        share_id, backup_id, _ = self.changed()
        with self.manila.gate() as reached:
            found = self.act(backup_id, restore_files={
                'paths': ['/d2'], 'dry_run': True})
            self.assertNotIn('dry_run', found)
            reached()
            rule, = self.manila.rules(share_id)
            self.assertEqual('ro', rule['access_level'])
            # Its owner may do with it what he likes.
            self.assertEqual([], self.locks(share_id))
            # Nothing else is done with it meanwhile.
            self.act(backup_id, 400, restore=None)
            self.assertEqual(400, self.request(
                'POST', '/share-backups',
                {'share_backup': {'share_id': share_id}}).status)
        operation = self.operation(found['operation_id'])
        told = operation['restore_files']
        self.assertEqual(('done', False, True, ['/d2/f2']), (
            operation['status'], bool(operation['share_changed']),
            told['dry_run'], told['found']['conflicting_paths']))
        self.assert_nothing_left(share_id)

    def test_is_cancelled(self):
        share_id, backup_id, _ = self.changed()
        with self.manila.gate() as reached:
            found = self.act(backup_id, restore_files={
                'paths': ['/d2'], 'dry_run': True})
            reached()
            self.assertEqual(202, self.request(
                'POST', f'/share-backups/{backup_id}/action',
                {'cancel': None}, headers=EXTENSION).status)
            operation = self.operation(found['operation_id'])
        self.assertEqual('cancelled', operation['status'])
        self.wait_backup(backup_id, 'available')
        functional.eventually('the share to be free', lambda: self.request(
            'POST', f'/share-backups/{backup_id}/action',
            {'restore': None}).status == 202)
        self.wait_backup(backup_id, 'available')
        self.assert_nothing_left(share_id)


class TestNewShare(TestCase):

    def test_all_of_it(self):
        share_id, backup_id, content = self.changed()
        made = self.openstack(
            'share', 'create', 'NFS', '--from-backup', backup_id, '--name',
            'again', '--share-type', 'mountable', '--property', 'a=b',
            '--wait', '-f', 'json')
        shown = self.manila.show('shares', made['id'], 'alice')
        self.assertEqual(
            ('available', 'again', 1, 'NFS', 'mountable', {'a': 'b'}),
            (*(shown[name] for name in ('status', 'name', 'size',
                                        'share_proto', 'share_type_name')),
             shown['metadata']))
        self.assertEqual(
            self.manila.keystone.project_id('alice'), shown['project_id'])
        self.assertEqual(content, self.share_content(made['id']))
        self.assertEqual('changed', self.read(share_id, 'new'))
        self.assert_nothing_left(share_id)
        self.assert_nothing_left(made['id'], metadata={'a': 'b'})

    def test_as_large_and_of_the_same_protocol_by_default(self):
        share = self.manila.create_share(size=2)
        backup = self.backed_up(share['id'])
        made = self.act(backup['id'], restore_to_new_share={})
        self.assertEqual('done', self.operation(
            made['operation_id'])['status'])
        shown = self.manila.show('shares', made['share_id'], 'alice')
        self.assertEqual((2, 'NFS', 'plain'), tuple(
            shown[name] for name in ('size', 'share_proto',
                                     'share_type_name')))

    def test_what_is_refused(self):
        share_id, backup_id, _ = self.changed()
        before = self.manila.list('shares')
        self.assertIn('Share type', self.act(
            backup_id, 400, restore_to_new_share={'share_type': 'golden'}))
        self.act(backup_id, 400, restore_to_new_share={
            'share_proto': 'PAPER'})
        self.act(backup_id, 400, restore_to_new_share={'size': 0})
        # Nor are other projects' backups restored to shares of one's own.
        self.act(backup_id, 404, 'admin', restore_to_new_share={})
        self.assertEqual(before, self.manila.list('shares'))
        self.manila.request(
            'PUT', '/quota-sets/' + self.manila.keystone.project_id('alice'),
            {'quota_set': {'gigabytes': 100_000}})
        self.addCleanup(
            self.manila.request, 'DELETE',
            '/quota-sets/' + self.manila.keystone.project_id('alice'))
        self.act(backup_id, 403, restore_to_new_share={'size': 900_000})
        self.assertEqual(before, self.manila.list('shares'))
        self.assertEqual('available', self.show_backup(backup_id)['status'])
