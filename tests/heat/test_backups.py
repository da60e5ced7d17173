# SPDX-License-Identifier: Apache-2.0
"""``OS::ManilaBackup::Backup`` in Heat's engine."""

import json
import os

from tests.functional import cloud
from tests.heat import base


class Backups(base.TestCase):

    tolerate = 'attempt [0-9]+ failed'

    def backup(self, do, status='COMPLETE', **properties):
        """Create or update a stack of a backup; what is told of that."""
        return self.stack(do, {'b': ('Backup', properties)}, status=status)[
            'resources']['b']

    def test_life(self):
        share_id = self.create_share()
        self.assertTrue(self.heat(
            'available', resource_type='OS::ManilaBackup::Backup'))
        told = self.stack(
            'create', {'b': ('Backup', {
                'share': 'documents', 'name': 'monday',
                'metadata': {'ticket': 17, 'a': 'b'}})},
            outputs={name: {'value': {'get_attr': ['b', name]}}
                     for name in ('status', 'stored_bytes', 'size',
                                  'progress', 'result', 'content_bytes')})
        backup, = self.backups()
        self.assertEqual(
            (backup['id'], 'monday', share_id, {'ticket': '17', 'a': 'b'}),
            (told['resources']['b']['id'], backup['name'],
             backup['share_id'], backup['metadata']))
        self.assertEqual(
            {'status': 'available', 'size': 1, 'progress': 100,
             'result': 'complete', 'content_bytes': 3000,
             'stored_bytes': backup['stored_bytes']}, told['outputs'])
        shown = self.heat('attribute', name='s', resource='b',
                          attribute='show')
        self.assertEqual(('monday', 'available'),
                         (shown['name'], shown['status']))
        self.assertEqual('CHECK_COMPLETE',
                         self.heat('check', name='s')['status'])
        self._update(backup)
        self.delete()
        self.assertEqual([], self.backups())

    def _update(self, backup):
        """Change it in place, to and fro."""
        told = self.backup(
            'update', share='documents', name='tuesday', description='x',
            metadata={'ticket': '18', 'c': 'd'})
        found, = self.backups()
        self.assertEqual(
            (backup['id'], backup['id'], 'tuesday', 'x',
             {'ticket': '18', 'c': 'd'}),
            (told['id'], found['id'], found['name'], found['description'],
             found['metadata']))
        live = self.heat('live', name='s', resource='b')
        self.assertEqual('tuesday', live['name'])
        # The id means the same share.
        told = self.backup('update', share=backup['share_id'])
        found, = self.backups()
        self.assertEqual((backup['id'], '', {}), (
            found['id'], found['description'], found['metadata']))
        self.assertIn('s-b-', found['name'])

    def test_replacement(self):
        first = self.create_share('first')
        second = self.create_share('second')
        before = self.backup('create', share='first')['id']
        after = self.backup('update', share='second')['id']
        found, = self.backups()
        self.assertEqual((after, second), (found['id'], found['share_id']))
        self.assertNotEqual(before, after)
        self.cloud.wait_share(first, 'available', self.token)

    def test_one_after_the_other(self):
        """Of a share one is made at any time."""
        self.create_share()
        self.stack('create', {name: ('Backup', {'share': 'documents'})
                              for name in 'abc'})
        self.assertEqual(['available'] * 3,
                         [each['status'] for each in self.backups()])

    def test_failure(self):
        """Failed creations say why, and the next update makes it."""
        share_id = self.create_share()
        path = self.cloud.share_path(share_id)
        os.rename(path, f'{path}.away')
        told = self.backup('create', 'FAILED', share=share_id)
        self.assertIn('Went to status error due to "The share',
                      told['reason'])
        os.rename(f'{path}.away', path)
        self.backup('update', share=share_id)
        self.assertEqual(['available'],
                         [each['status'] for each in self.backups()])

    def test_what_is_refused(self):
        share_id = self.create_share()
        for properties, reason in (
                ({'share': 'nobody'}, 'nobody'),
                ({}, 'share'),
                ({'share': share_id, 'name': 'x' * 256}, 'length')):
            self.assertIn(reason, str(self.assertRaises(
                base.Refused, self.backup, 'create', **properties)))
        told = self.backup('create', 'FAILED', share=share_id,
                           backup_options={'colour': 'red'})
        self.assertIn('backup_options does not have colour', told['reason'])
        self.assertEqual([], self.backups())
        # There is nothing that it would have to delete.
        self.delete()

    def test_gone_already(self):
        share_id = self.create_share()
        told = self.backup('create', share=share_id)
        self.cloud.ask(202, 'DELETE', f'/share-backups/{told["id"]}',
                       token=self.token)
        self.cloud.wait_backup(told['id'], None, self.token)
        self.assertEqual('CHECK_FAILED',
                         self.heat('check', name='s')['status'])
        # It is made again.
        self.assertNotEqual(told['id'],
                            self.backup('update', share=share_id)['id'])
        backup, = self.backups()
        self.cloud.ask(202, 'DELETE', f'/share-backups/{backup["id"]}',
                       token=self.token)
        self.cloud.wait_backup(backup['id'], None, self.token)
        self.delete()


class Busy(base.TestCase):
    """Nothing is done of what is asked for until a test says so."""

    tolerate = cloud.NO_WORKER

    def setUp(self):
        super().setUp()
        self.share_id = self.create_share()
        backup = self.stack('create', {'b': ('Backup', {
            'share': self.share_id})})['resources']['b']
        self.backup_id = backup['id']
        for each in self.workers():
            each.stop()
        self.addCleanup(self.work)
        self.cloud.ask(202, 'POST', f'/share-backups/{self.backup_id}/action',
                       {'restore': None}, token=self.token)

    def workers(self):
        """The workers that there are."""
        return [each for each in self.cloud.processes
                if each.command == 'manila-backup-worker' and each.running()]

    def work(self):
        """Have what was asked for done."""
        if not self.workers():
            self.cloud.start_worker()

    def begin(self, looks, **what):
        """Have Heat begin something, and wait until it has asked for it and
        seen more than once that it can't be done."""
        self.heat.begin(**what)
        cloud.eventually('Heat asks', lambda: self.heat.said().count(
            looks) > 2)
        self.assertEqual('restoring', self.cloud.show_backup(
            self.backup_id, self.token)['status'])

    def test_deletion_waits(self):
        self.begin(f'GET {self.backup_id}', do='delete', name='s')
        self.work()
        self.assertEqual('DELETE_COMPLETE', self.heat.answer()['status'])
        self.assertIsNone(self.cloud.show_backup(self.backup_id, self.token))

    def test_creation_waits(self):
        self.begin('POST ', do='create', name='t', template=json.dumps({
            'heat_template_version': '2021-04-16',
            'resources': {'b': {'type': 'OS::ManilaBackup::Backup',
                                'properties': {'share': self.share_id}}}}))
        self.work()
        self.assertEqual('CREATE_COMPLETE', self.heat.answer()['status'])
        self.assertEqual(2, len(self.backups()))
