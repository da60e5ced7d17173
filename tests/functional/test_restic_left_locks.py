# SPDX-License-Identifier: Apache-2.0
"""Locks that restic can't take away, as it is killed, of operations that end
otherwise than they should."""

import contextlib
import os
import signal

import psutil

from tests.functional import base
from tests.functional import cloud

_EXTENSION = {'OpenStack-API-Version': 'shared-file-system-backup 1.2'}

# In the middle of a command, as long as there is a file that names it: it has
# its lock, under the name that it is run with, and goes on with nothing.
_PROGRAM = '''\
#!/bin/sh
for each; do
    if [ "$each" = "$(cat {flag} 2>/dev/null)" ]; then
        exec restic --no-cache backup --stdin 0<>{never}
    fi
done
exec restic "$@"
'''


class LeftLocksMySQL(base.TestCase):

    options = {'backup__enabled_drivers': 'restic',
               'backup__progress_interval': 0.1,
               # One that has failed is over.
               'backup__max_attempts': 1,
               'restic__command': '$state_path/restic-that-waits',
               'restic__repository': '$state_path/repository',
               'restic__prune_interval': 0}

    def setUp(self):
        super().setUp()
        self.flag = os.path.join(self.cloud.root, 'flag')
        never = os.path.join(self.cloud.root, 'never')
        os.mkfifo(never)
        program = os.path.join(self.cloud.state, 'restic-that-waits')
        with open(program, 'w') as file:
            file.write(_PROGRAM.format(flag=self.flag, never=never))
        os.chmod(program, 0o700)
        # Of what these tests have fail.
        self.cloud.tolerate = 'attempt . failed'
        self.worker = self.cloud.start()
        self.share = self.cloud.create_share()
        self.fill(self.cloud.share_path(self.share['id']), 3, 100)

    def _made(self):
        """A backup."""
        backup = self.cloud.create_backup(self.share['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.wait_share(self.share['id'], 'available')
        return backup

    def _locks(self):
        folder = os.path.join(self.cloud.repository, 'p1', 'locks')
        with contextlib.suppress(FileNotFoundError):
            # Not what is to become one.
            return [name for name in os.listdir(folder) if len(name) == 64]
        return []

    @contextlib.contextmanager
    def _waiting(self, command):
        """Have what is begun meanwhile get to a command, and no further.
        """
        with open(self.flag, 'w') as file:
            file.write(command)
        yield
        cloud.eventually('a lock', self._locks)
        os.unlink(self.flag)

    def _caught(self, kind):
        """An operation that has a lock: (the id of its backup, its kind)."""
        if kind == 'create':
            # Or there is no repository yet.
            self._made()
            with self._waiting('backup'):
                backup = self.cloud.create_backup(self.share['id'])
            return backup['id'], 'create'
        backup = self._made()
        path = f'/share-backups/{backup["id"]}'
        if kind == 'delete':
            with self._waiting('forget'):
                self.cloud.ask(202, 'DELETE', path)
            return backup['id'], 'delete'
        with self._waiting('restore'):
            self.cloud.ask(202, 'POST', f'{path}/action', {
                'restore': {'restore': None},
                'paths': {'restore_files': {'paths': ['/d1']}}}[kind],
                headers=_EXTENSION)
        return backup['id'], 'restore'

    def _over(self, backup_id, kind, expected):
        """Wait for the end of an operation, when no lock must be left."""
        def check():
            (status,), = self.cloud.rows(
                'SELECT status FROM operations WHERE backup_id = :id '
                'AND kind = :kind', id=backup_id, kind=kind)
            return status in ('done', 'failed', 'cancelled') and status

        status = cloud.eventually('the operation to end', check)
        left = self._locks()
        self.assertEqual((expected, []), (status, left))

    def _cancel(self, kind):
        backup_id, kind = self._caught(kind)
        path = f'/share-backups/{backup_id}/action'
        if kind == 'delete':
            # Which only an administrator can.
            self.cloud.ask(202, 'POST', path, {
                'reset_status': {'status': 'available'}},
                token='admin:admin')
        else:
            self.cloud.ask(202, 'POST', path, {'cancel': None},
                           headers=_EXTENSION)
        self._over(backup_id, kind, 'cancelled')

    def _give_up(self, kind):
        """Its worker dies, as often as it may."""
        found = self._caught(kind)
        self.worker.kill()
        self.worker = self.cloud.start_worker()
        self._over(*found, 'failed')

    def _fail(self, kind):
        """restic itself is killed."""
        found = self._caught(kind)
        for each in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if '--stdin' in each.cmdline():
                    each.send_signal(signal.SIGKILL)
        # Forgetting is tried again at once.
        self._over(*found, 'done' if kind == 'delete' else 'failed')

    def test_cancelled_creation(self):
        self._cancel('create')

    def test_cancelled_restore(self):
        self._cancel('restore')

    def test_cancelled_restore_of_paths(self):
        self._cancel('paths')

    def test_cancelled_deletion(self):
        self._cancel('delete')

    def test_creation_that_is_given_up(self):
        self._give_up('create')

    def test_restore_that_is_given_up(self):
        self._give_up('restore')

    def test_deletion_that_is_given_up(self):
        self._give_up('delete')

    def test_creation_that_fails(self):
        self._fail('create')

    def test_restore_that_fails(self):
        self._fail('restore')

    def test_restore_of_paths_that_fails(self):
        self._fail('paths')

    def test_deletion_that_fails(self):
        self._fail('delete')


class LeftLocksPostgreSQL(LeftLocksMySQL):

    server = 'postgresql'
