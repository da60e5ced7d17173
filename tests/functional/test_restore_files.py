# SPDX-License-Identifier: Apache-2.0
"""Restores of chosen paths, with the processes that do them."""

import os
import signal

from tests.functional import cloud
from tests.functional import test_dying_workers

EXTENSION = {'OpenStack-API-Version': 'shared-file-system-backup 1.2'}


class RestoreFilesMySQL(test_dying_workers.DyingWorkersTestCase):

    def setUp(self):
        super().setUp()
        # Of what these tests ask for that can't be done.
        self.cloud.tolerate = 'could not be restored|Nothing was restored'

    def _made(self, files=0):
        """A share with a small tree, and more files in another directory; and
        its backup."""
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        for name in ('db/a.sql', 'db/old/b.sql'):
            self._write(path, name, name)
        if files:
            os.mkdir(os.path.join(path, 'many'))
            self.fill(os.path.join(path, 'many'), files, self.SIZE)
        backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.wait_share(share['id'], 'available')
        return share, path, backup

    @staticmethod
    def _write(root, name, text):
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as target:
            target.write(text)

    @staticmethod
    def _read(root, name):
        with open(os.path.join(root, name)) as source:
            return source.read()

    def _ask(self, backup, *paths, status=202, token='demo:p1', **asked):
        return self.cloud.ask(
            status, 'POST', f'/share-backups/{backup["id"]}/action',
            {'restore_files': {'paths': paths, **asked}}, token=token,
            headers=EXTENSION)

    def _operation(self, operation_id, token='demo:p1'):
        return self.cloud.ask(
            200, 'GET', f'/share-backup-operations/{operation_id}',
            token=token, headers=EXTENSION)['share_backup_operation']

    def _ended(self, operation_id):
        def check():
            found = self._operation(operation_id)
            return found['status'] not in (
                'queued', 'running', 'cancelling') and found
        return cloud.eventually('the operation to end', check)

    def _restored(self, backup, *paths, status='done', **asked):
        """Restore, wait for it, and return the operation."""
        found = self._ended(self._ask(backup, *paths, **asked)[
            'restore_files']['operation_id'])
        self.assertEqual(status, found['status'])
        self.cloud.wait_backup(backup['id'], 'available')
        return found

    def assertDone(self, operation, **counts):
        done = operation['restore_files']
        self.assertEqual(
            dict.fromkeys(('created', 'replaced', 'renamed', 'unchanged',
                           'skipped'), 0) | counts,
            {name: count for name, count in done.items()
             if name not in ('paths', 'target_path', 'conflict', 'dry_run',
                             'found')})

    def test_conflicts(self):
        share, path, backup = self._made()
        self._write(path, 'db/a.sql', 'changed')
        self._write(path, 'mine', 'stays')
        found = self._restored(backup, '/db', status='failed')
        self.assertEqual('files_exist', found['status_code'])
        self.assertIs(False, found['share_changed'])
        shown, = self.cloud.ask(
            200, 'GET', f'/messages?request_id={found["request_id"]}')[
                'messages']
        self.assertEqual('903', shown['detail_id'])
        self.cloud.wait_share(share['id'], 'available')
        self.assertDone(self._restored(backup, '/db', conflict='skip'),
                        unchanged=2, skipped=2)
        self.assertEqual('changed', self._read(path, 'db/a.sql'))
        self.assertDone(self._restored(backup, '/db', conflict='keep_both'),
                        renamed=1, unchanged=3)
        self.assertEqual('db/a.sql', self._read(path, 'db/a.restored.sql'))
        found = self._restored(backup, 'db/a.sql/', conflict='overwrite')
        self.assertDone(found, replaced=1)
        self.assertEqual(('/db/a.sql', None, 'overwrite'), (
            *found['restore_files']['paths'],
            found['restore_files']['target_path'],
            found['restore_files']['conflict']))
        self.assertEqual('db/a.sql', self._read(path, 'db/a.sql'))
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual('stays', self._read(path, 'mine'))

    def test_beside_and_to_another_share(self):
        share, path, backup = self._made()
        self._write(path, 'db/a.sql', 'changed')
        self.assertDone(self._restored(backup, '/', target_path='restored'),
                        created=4)
        self.assertEqual('db/a.sql', self._read(path, 'restored/db/a.sql'))
        self.assertEqual('changed', self._read(path, 'db/a.sql'))
        other = self.cloud.create_share()
        self.assertDone(self._restored(
            backup, '/db/old', target_share_id=other['id']), created=2)
        self.assertEqual('db/old/b.sql', self._read(
            self.cloud.share_path(other['id']), 'db/old/b.sql'))
        self.assertEqual('available', self.cloud.wait_share(
            other['id'], 'available')['status'])

    def test_dry_runs(self):
        share, path, backup = self._made()
        self._write(path, 'db/a.sql', 'changed')

        def dry(*paths, **asked):
            return self._ask(backup, *paths, status=200, dry_run=True,
                             **asked)['restore_files']['dry_run']
        self.assertEqual(
            {'entries': 4, 'bytes': 20, 'unchanged': 1, 'conflicts': 1,
             'conflicting_paths': ['/db/a.sql'], 'removed': 0,
             'removed_paths': [], 'complete': True}, dry('/db'))
        self.assertEqual((4, 0), tuple(
            dry('/', target_path='x')[name]
            for name in ('entries', 'conflicts')))
        self._write(path, 'mine/too', 'goes')
        for asked, codes in (({'dry_run': True}, 200), (
                {'dry_run': True, 'target_share_id': share['id']}, 200)):
            found = self.cloud.ask(
                codes, 'POST', f'/share-backups/{backup["id"]}/action',
                {'restore': asked}, headers=EXTENSION)['restore']['dry_run']
            self.assertEqual((4, 1, 2, ['/mine', '/mine/too'], True), tuple(
                found[name] for name in (
                    'entries', 'conflicts', 'removed', 'removed_paths',
                    'complete')))
        self.assertEqual('changed', self._read(path, 'db/a.sql'))
        self._ask(backup, '/none', status=404, dry_run=True)
        self._ask(backup, '/db', status=404, dry_run=True, token='other:p2')
        self.assertEqual([], list(self.cloud.rows(
            "SELECT id FROM operations WHERE kind = 'restore'")))

    def test_what_is_refused(self):
        share, path, backup = self._made()
        for asked in ({'target_path': '../x'}, {'target_path': '/'},
                      {'target_path': 'lost+found/x'},
                      {'target_path': '.manila-backup-x'},
                      {'conflict': 'replace'}, {'target_share_id': 'x'}):
            self._ask(backup, '/db', status=400, **asked)
        self._ask(backup, '/db/../..', status=400)
        self._ask(backup, status=400)
        self._ask(backup, '/db', status=404, token='other:p2')
        self._ask(backup, '/db', status=403, token='reader:p1')
        foreign = self.cloud.create_share(token='other:p2')
        self._ask(backup, '/db', status=400, target_share_id=foreign['id'])
        self.cloud.ask(400, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore_files': {'paths': ['/db']}})
        found = self._restored(backup, '/db/none', status='failed')
        self.assertEqual('no_such_file', found['status_code'])
        # A share that is busy.
        other = self.cloud.create_share()
        self.cloud.ask(202, 'POST', f'/shares/{other["id"]}/action', {
            'reset_status': {'status': 'extending'}}, token='admin:admin')
        self._ask(backup, '/db', status=409, target_share_id=other['id'])

    def _new_share(self, backup, status=200, token='demo:p1', **values):
        return self.cloud.ask(
            status, 'POST', '/shares', {'share': {
                'share_proto': 'NFS', 'size': 1,
                'source_backup_id': backup['id'], **values}}, token=token,
            headers=EXTENSION)

    def test_new_shares(self):
        _, path, backup = self._made()
        share = self._new_share(backup)['share']
        self.assertEqual('creating', share['status'])
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(self.content(path), self.content(
            self.cloud.share_path(share['id'])))
        self.cloud.wait_backup(backup['id'], 'available')
        # It is one like others.
        other = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(other['id'], 'available')
        self._new_share(backup, 400, token='other:p2')
        self._new_share(backup, 403, token='reader:p1')
        self.cloud.ask(400, 'POST', '/shares', {'share': {
            'share_proto': 'NFS', 'size': 1,
            'source_backup_id': backup['id']}})
        self.cloud.tolerate = 'damaged'
        os.truncate(os.path.join(self.cloud.backup_path(backup),
                                 'db', 'a.sql'), 1)
        share = self._new_share(backup)['share']
        self.cloud.wait_share(share['id'], 'error')
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.ask(202, 'DELETE', f'/shares/{share["id"]}')
        self.cloud.wait_share(share['id'], None)

    def test_links_that_lead_away(self):
        share, path, backup = self._made()
        outside = os.path.join(self.cloud.state, 'outside')
        os.mkdir(outside)
        os.rename(os.path.join(path, 'db'), os.path.join(path, 'was'))
        os.symlink(outside, os.path.join(path, 'db'))
        for conflict in ('skip', 'overwrite', 'keep_both'):
            found = self._restored(backup, '/db/a.sql', status='failed',
                                   conflict=conflict)
            self.assertEqual('not_all_restored', found['status_code'])
        self._restored(backup, '/db', status='failed', conflict='overwrite',
                       target_path='db/x')
        self.assertEqual([], os.listdir(outside))
        self.assertEqual('available', self.cloud.wait_share(
            share['id'], 'available')['status'])

    def _caught(self, backup):
        """A restore of all beside, which stands still in its middle."""
        others = self._children()
        operation_id = self._ask(backup, '/', target_path='new/all')[
            'restore_files']['operation_id']
        self.assertTrue(self._catch(backup['id'], others, 'restore'),
                        'it was over before it could be disturbed')
        return operation_id

    def test_killed_in_the_middle_and_finished_by_another(self):
        share, path, backup = self._made(self.FILES)
        operation_id = self._caught(backup)
        self.assertFalse(os.path.exists(os.path.join(path, 'new')))
        doomed = self.worker
        self.cloud.start_worker()
        doomed.kill()
        found = self._ended(operation_id)
        self.assertEqual(('done', 2), (found['status'], found['attempt']))
        self.assertLess(self.FILES, found['restore_files']['created'])
        self.assertEqual(self.content(os.path.join(path, 'many')),
                         self.content(os.path.join(path, 'new/all/many')))
        self.assertEqual({'db', 'many', 'new'}, set(os.listdir(path)))
        self.cloud.wait_share(share['id'], 'available')

    def test_cancelled_in_the_middle(self):
        share, path, backup = self._made(self.FILES)
        before = os.stat(path).st_mtime_ns
        operation_id = self._caught(backup)
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'cancel': None}, headers=EXTENSION)
        found = self._ended(operation_id)
        self.assertEqual(('cancelled', True), (found['status'],
                                               found['share_changed']))
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual({'db', 'many'}, set(os.listdir(path)))
        self.assertEqual(before, os.stat(path).st_mtime_ns)
        self._tell(self.stopped, signal.SIGCONT)
        self.assertDone(self._restored(backup, '/db', conflict='skip'),
                        unchanged=2, skipped=2)
