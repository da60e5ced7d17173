# SPDX-License-Identifier: Apache-2.0
"""Operations that their owner cancels, with processes that do them."""

import json
import os
import shutil
import signal

from tests.functional import cloud
from tests.functional import test_dying_workers
from tests.functional import test_restic_service

EXTENSION = {'OpenStack-API-Version': 'shared-file-system-backup 1.0'}
OPERATIONS = '/share-backup-operations'


class CancelMySQL(test_dying_workers.DyingWorkersTestCase):

    def ask(self, status, method, path, body=None):
        return self.cloud.ask(status, method, path, body, headers=EXTENSION)

    def _cancel(self, path, status=202):
        self.ask(status, 'POST', f'{path}/action', {'cancel': None})

    def _operation(self, backup_id, kind):
        found, = self.ask(200, 'GET', f'{OPERATIONS}?kind={kind}'
                          f'&backup_id={backup_id}')[
                              'share_backup_operations']
        return found

    def _wait_cancelled(self, backup_id, kind):
        def check():
            found = self._operation(backup_id, kind)
            return found['status'] == 'cancelled' and found

        found = cloud.eventually('the operation to be cancelled', check)
        self.assertEqual('cancelled', found['status_code'])
        self.assertIsNotNone(found['finished_at'])
        return found

    def _assert_nothing_is_left(self, share_id, backup):
        """Of a creation that was cancelled."""
        self.assertEqual('available', self.cloud.wait_share(
            share_id, 'available')['status'])
        self.assertEqual('error',
                         self.cloud.show_backup(backup['id'])['status'])
        shown = self.cloud.show_backup(backup['id'], token='admin:admin')
        self.assertEqual('It was cancelled.', shown['fail_reason'])
        cloud.eventually('no leftovers',
                         lambda: not self._leftovers(backup['id']))
        self.cloud.ask(202, 'DELETE', f'/share-backups/{backup["id"]}')
        self.cloud.wait_backup(backup['id'], None)

    def _leftovers(self, backup_id):
        """List what there is of a backup in the repository."""
        return [name for _, folders, files in os.walk(self.cloud.repository)
                for name in folders + files if backup_id in name]

    def test_creation_in_the_middle(self):
        share, _ = self._big_share()
        backup = self._caught_backup(share['id'])
        path = f'/share-backups/{backup["id"]}'
        operation = self._operation(backup['id'], 'create')
        self.assertEqual(('running', 1, None), (
            operation['status'], operation['attempt'],
            operation['finished_at']))
        self.assertGreater(operation['files_done'], 0)
        # Which is not known before all of the share was looked through.
        if operation['files_total']:
            self.assertGreaterEqual(operation['files_total'], self.FILES)
        self.assertIsNotNone(operation['bytes_per_second'])
        self.assertNotIn('worker', operation)
        for _ in range(2):
            # The worker may have ended it before the second one comes.
            self._cancel(f'{OPERATIONS}/{operation["id"]}')
        self._wait_cancelled(backup['id'], 'create')
        self._cancel(path, 409)
        self._assert_nothing_is_left(share['id'], backup)

    def test_creation_whose_worker_is_killed(self):
        share, _ = self._big_share()
        backup = self._caught_backup(share['id'])
        self._tell([self.worker.pid], signal.SIGSTOP)
        self._cancel(f'/share-backups/{backup["id"]}')
        self.assertEqual('cancelling', self._operation(
            backup['id'], 'create')['status'])
        self.worker.kill()
        self.cloud.start_worker()
        operation = self._wait_cancelled(backup['id'], 'create')
        # More, where what is left takes longer to remove than a lease lasts.
        self.assertLessEqual(2, operation['attempt'])
        self._assert_nothing_is_left(share['id'], backup)

    def test_creation_that_no_worker_has_begun(self):
        share = self.cloud.create_share()
        self.worker.stop()
        self.cloud.tolerate = cloud.NO_WORKER
        backup = self.cloud.create_backup(share['id'])
        operation = self._operation(backup['id'], 'create')
        self.assertEqual(('queued', 0), (operation['status'],
                                         operation['attempt']))
        self._cancel(f'{OPERATIONS}/{operation["id"]}')
        self._wait_cancelled(backup['id'], 'create')
        self.cloud.start_worker()
        self._assert_nothing_is_left(share['id'], backup)

    def _backed_up_share(self):
        """A share, its content, and a backup of it."""
        share, made = self._big_share()
        backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.wait_share(share['id'], 'available')
        return share, made, backup

    def _restore(self, backup):
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': None})

    def _cancelled_restore(self, backup):
        """Cancel a restore in its middle.

        :returns: dict, the operation.
        """
        others = self._children()
        self._restore(backup)
        self.assertTrue(self._catch(backup['id'], others, 'restore'),
                        'it was over before it could be disturbed')
        self._cancel(f'/share-backups/{backup["id"]}')
        operation = self._wait_cancelled(backup['id'], 'restore')
        self.assertEqual('available',
                         self.cloud.show_backup(backup['id'])['status'])
        return operation

    def test_restore_in_the_middle(self):
        share, made, backup = self._backed_up_share()
        path = self.cloud.share_path(share['id'])
        for name in made:
            os.unlink(os.path.join(path, name))
        self.assertTrue(self._cancelled_restore(backup)['share_changed'])
        self.cloud.wait_share(share['id'], 'backup_restoring_error')
        self._restore_again(share, backup, made)

    def _restore_again(self, share, backup, made):
        """The way back, which needs no administrator."""
        self._restore(backup)
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(made, self.content(
            self.cloud.share_path(share['id'])))


class CancelPostgreSQL(CancelMySQL):

    server = 'postgresql'


class CancelRestic(test_restic_service.Bare, CancelMySQL):
    """With restic, which is a process of its own."""

    # It takes seconds then.
    options = {**test_dying_workers.DyingWorkersTestCase.options,
               'backup__enabled_drivers': 'restic',
               'restic__repository': '$state_path/restic-repository',
               'restic__limit_upload': 20000,
               'restic__limit_download': 20000}

    def _state(self, backup_id, kind):
        # While it restores it counts no files.
        done = 'bytes_done' if kind == 'restore' else 'files_done'
        found, = self.cloud.rows(
            f'SELECT status, {done} FROM operations '
            'WHERE backup_id = :id AND kind = :kind',
            id=backup_id, kind=kind)
        return found

    def _leftovers(self, backup_id):
        """The snapshots in the repository: there is no other backup."""
        if not os.path.exists(os.path.join(self.cloud.state,
                                           'restic-repository', 'p1')):
            return []
        return json.loads(self.bare(self.key('p1'), 'snapshots',
                                    '--json').stdout)

    def test_restore_in_the_middle(self):
        """Into an empty share, restic writes at once."""
        share, made, backup = self._backed_up_share()
        path = self.cloud.share_path(share['id'])
        for name in os.listdir(path):
            shutil.rmtree(os.path.join(path, name))
        self.assertTrue(self._cancelled_restore(backup)['share_changed'])
        self.cloud.wait_share(share['id'], 'backup_restoring_error')
        self._restore_again(share, backup, made)

    def test_restore_that_has_written_nothing(self):
        """For another share, it is put together beside that first."""
        share, made, backup = self._backed_up_share()
        path = self.cloud.share_path(share['id'])
        for name in made:
            os.unlink(os.path.join(path, name))
        self.assertFalse(self._cancelled_restore(backup)['share_changed'])
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual({}, self.content(path))
        self.assertEqual([], [
            name for _, folders, files in os.walk(os.path.join(
                self.cloud.state, 'restic', 'staging'))
            for name in folders + files if backup['id'] in name])
        self._restore_again(share, backup, made)
