# SPDX-License-Identifier: Apache-2.0
"""Workers that are killed, frozen, told to stop, or called off."""

import contextlib
import os
import signal
import time

import psutil

from tests.functional import base
from tests.functional import cloud


def children():
    """List the processes that copy, and what they are forked from: their
    pids."""
    found = []
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if 'forkserver' in ' '.join(each.cmdline()):
                found.append(each.pid)
    return found


class DyingWorkersTestCase(base.TestCase):
    """Shares large enough for an operation to be caught in its middle."""

    # Long enough to be caught in the middle, short enough to wait for.
    FILES, SIZE = 4000, 20000

    #: It is not caught before more files than that are stored.
    STORED = 0

    options = {'posix__processes': 1, 'posix__incremental': False,
               'backup__progress_interval': 0.1}

    def setUp(self):
        super().setUp()
        self.worker = self.cloud.start()

    def _big_share(self):
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        return share, self.fill(path, self.FILES, self.SIZE)

    def _catch(self, backup_id, others, kind='create'):
        """Wait until an operation on a backup is in the middle of its work,
        and have it stand still there.

        :param others: pids of children that have nothing to do with it.
        :returns: bool; False if it was over before it could be caught.
        """
        def check():
            status, done = self._state(backup_id, kind)
            return (status == 'running' and done > self.STORED
                    or status in ('done', 'failed'))

        cloud.eventually('an operation to run', check, pause=0.005)
        # Twice: the first time, one may just be making another.
        for _ in range(2):
            self.stopped = [pid for pid in self._children()
                            if pid not in others]
            self._tell(self.stopped, signal.SIGSTOP)
        self.addCleanup(self._tell, self.stopped, signal.SIGCONT)
        if self._stand_still(self.stopped, f"backup_id = '{backup_id}' "
                                           f"AND kind = '{kind}'"):
            return True
        self._tell(self.stopped, signal.SIGCONT)
        return False

    def _stand_still(self, stopped, which):
        """Tell whether children were stopped in the middle of an operation.

        Its worker looks whether a child has come to its end before it
        renews the lease; once it has done so twice, it has looked since the
        stop. Whoever had sent a result is gone by then.

        :param stopped: their pids.
        :param which: str, a condition in SQL that one operation meets.
        """
        leases = set()

        def renewed():
            found = self.cloud.rows('SELECT lease_until FROM operations '
                                    f"WHERE status = 'running' AND {which}")
            leases.update(found)
            return not found or len(leases) > 2

        cloud.eventually('an operation to end or go on', renewed)
        return (len(leases) > 2 and bool(stopped)
                and all(self._stopped(pid) for pid in stopped))

    def _stopped(self, pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(pid).status() == psutil.STATUS_STOPPED

    def _state(self, backup_id, kind):
        found, = self.cloud.rows(
            'SELECT status, files_done FROM operations '
            'WHERE backup_id = :id AND kind = :kind',
            id=backup_id, kind=kind)
        return found

    def _caught_backup(self, share_id):
        """A backup whose making is under way, and stands still."""
        for _ in range(10):
            others = self._children()
            backup = self.cloud.create_backup(share_id)
            if self._catch(backup['id'], others):
                return backup
            self.cloud.wait_backup(backup['id'], 'available')
        self.fail('every backup was made before it could be disturbed')

    def _children(self):
        return children()

    def _tell(self, pids, number):
        for pid in pids:
            # A child may have come to its end meanwhile.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _attempt(self, backup_id, kind='create'):
        (attempt,), = self.cloud.rows(
            'SELECT attempt FROM operations WHERE backup_id = :id '
            'AND kind = :kind', id=backup_id, kind=kind)
        return attempt

    def _partial(self):
        """Names in the repository that are not finished backups."""
        return [os.path.join(folder, name)
                for folder, folders, _ in os.walk(self.cloud.repository)
                if folder.count('/') - self.cloud.repository.count('/') == 2
                for name in folders if not self.cloud.show_backup(name)]

    def _descendants(self, pid):
        return [each.pid
                for each in psutil.Process(pid).children(recursive=True)]


class TakenOverMySQL(DyingWorkersTestCase):

    def test_killed_in_a_backup_and_finished_by_another(self):
        doomed = self.worker
        share, made = self._big_share()
        backup = self._caught_backup(share['id'])
        doomed.kill()
        self.assertEqual('creating',
                         self.cloud.show_backup(backup['id'])['status'])
        self.cloud.start_worker()
        backup = self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(2, self._attempt(backup['id']))
        self.assertEqual(made, self.content(self.cloud.backup_path(backup)))
        cloud.eventually('no leftovers', lambda: not self._partial())

    def _freeze_in_a_backup(self, worker, share_id):
        """Stop a worker and all its processes while it makes a backup.

        :returns: (the backup, pids).
        """
        for _ in range(5):
            backup = self._caught_backup(share_id)
            os.kill(worker.pid, signal.SIGSTOP)
            everyone = [worker.pid, *self._descendants(worker.pid)]
            self._tell(everyone, signal.SIGSTOP)
            if self.cloud.show_backup(backup['id'])['status'] == 'creating':
                return backup, everyone
            self._tell(everyone, signal.SIGCONT)
        self.fail('every backup was made before the worker could be stopped')

    def test_frozen_worker_publishes_nothing_when_it_wakes(self):
        frozen = self.worker
        share, made = self._big_share()
        backup, everyone = self._freeze_in_a_backup(frozen, share['id'])
        self.cloud.start_worker()
        backup = self.cloud.wait_backup(backup['id'], 'available')
        self.assertEqual(2, self._attempt(backup['id']))
        manifest = os.stat(os.path.dirname(self.cloud.backup_path(backup)))
        self._tell(everyone, signal.SIGCONT)
        cloud.eventually('the frozen worker to notice',
                         lambda: 'lost its lease' in frozen.said()
                         or 'had lost its lease' in frozen.said())
        self.assertEqual(2, self._attempt(backup['id']))
        again = os.stat(os.path.dirname(self.cloud.backup_path(backup)))
        self.assertEqual((manifest.st_ino, manifest.st_ctime_ns),
                         (again.st_ino, again.st_ctime_ns))
        self.assertEqual(made, self.content(self.cloud.backup_path(backup)))
        self.assertEqual('available',
                         self.cloud.show_backup(backup['id'])['status'])
        self.cloud.tolerate = 'attempt 1 failed'


class TakenOverPostgreSQL(TakenOverMySQL):

    server = 'postgresql'


class EndedEarly(DyingWorkersTestCase):

    def test_killed_in_a_restore_and_finished_by_another(self):
        doomed = self.worker
        share, made = self._big_share()
        path = self.cloud.share_path(share['id'])
        backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        for number in range(0, self.FILES, 2):
            with open(os.path.join(path, f'd{number % 10}', f'f{number}'),
                      'r+b') as file:
                file.write(b'damage')
        others = self._children()
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': None})
        self.assertTrue(self._catch(backup['id'], others, 'restore'))
        doomed.kill()
        self.cloud.start_worker()
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(2, self._attempt(backup['id'], 'restore'))
        self.assertEqual(made, self.content(path))

    def test_copier_dies_with_its_worker(self):
        doomed = self.worker
        share, _ = self._big_share()
        self._caught_backup(share['id'])
        group = self._descendants(doomed.pid)
        self.assertNotEqual([], group)
        doomed.kill()
        self._tell(self.stopped, signal.SIGCONT)
        cloud.eventually('the children to end', lambda: not [
            pid for pid in group if os.path.exists(f'/proc/{pid}')])
        self.cloud.start_worker()
        self.cloud.wait_share(share['id'], 'available')

    def test_worker_told_to_stop_hands_over_at_once(self):
        share, made = self._big_share()
        leaving = self.cloud.start_worker(self._hasty())
        self.worker.stop()
        backup = self._caught_backup(share['id'])
        self.cloud.start_worker()
        began = time.monotonic()
        self.assertEqual(0, leaving.stop())
        backup = self.cloud.wait_backup(backup['id'], 'available')
        self.assertLess(time.monotonic() - began, cloud.PATIENCE)
        self.assertEqual(made, self.content(self.cloud.backup_path(backup)))
        (failures,), = self.cloud.rows(
            'SELECT failures FROM operations WHERE backup_id = :id',
            id=backup['id'])
        self.assertEqual(0, failures)

    def _hasty(self):
        path = os.path.join(self.cloud.root, 'hasty.conf')
        with open(path, 'w') as file:
            file.write('[backup]\nshutdown_grace = 15\n')
        return path

    def test_called_off_in_the_middle(self):
        share, _ = self._big_share()
        backup = self._caught_backup(share['id'])
        self.assertEqual(403, self.cloud.request(
            'POST', f'/share-backups/{backup["id"]}/action',
            {'reset_status': {'status': 'error'}}).status)
        self.cloud.ask(
            202, 'POST', f'/share-backups/{backup["id"]}/action',
            {'reset_status': {'status': 'error'}}, token='admin:admin')
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual('error',
                         self.cloud.show_backup(backup['id'])['status'])
        cloud.eventually('no leftovers', lambda: not self._partial())
        self.cloud.ask(202, 'DELETE', f'/share-backups/{backup["id"]}')
        self.cloud.wait_backup(backup['id'], None)
        again = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(again['id'], 'available')

    def test_operation_that_kills_every_worker_ends_in_error(self):
        share, _ = self._big_share()
        self.worker.stop()
        backup = self.cloud.create_backup(share['id'])
        for attempt in (1, 2, 3):
            worker = self.cloud.start_worker()
            self._wait_running(backup['id'], attempt)
            worker.kill()
        self.cloud.start_worker()
        self.cloud.wait_backup(backup['id'], 'error')
        self.cloud.wait_share(share['id'], 'available')
        shown = self.cloud.show_backup(backup['id'], token='admin:admin')
        self.assertIn('died 3 times', shown['fail_reason'])
        self.assertNotIn('fail_reason', self.cloud.show_backup(backup['id']))
        self.cloud.tolerate = 'failed: Its worker died 3 times'

    def _wait_running(self, backup_id, attempt):
        cloud.eventually(f'attempt {attempt}', lambda: self.cloud.rows(
            "SELECT id FROM operations WHERE backup_id = :id AND "
            "status = 'running' AND attempt = :attempt",
            id=backup_id, attempt=attempt), pause=0.002)
