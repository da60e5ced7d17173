# SPDX-License-Identifier: Apache-2.0
"""Workers that are killed whenever they have changed something in Manila, or
frozen."""

import contextlib
import signal
import threading

import psutil

from tests.functional import cloud as functional
from tests.manila import fault_case


class TestKills(fault_case.TestCase):
    """The worker is killed when Manila has done what it was asked, and the
    answer is still on its way: everything is undone all the same, and the
    next worker succeeds."""

    more = {'backup__max_attempts': 100, 'backup__lease_ttl': 2}

    def setUp(self):
        super().setUp()
        self.killed = threading.Event()
        self.worker = next(
            each for each in self.cloud.processes
            if each.command == 'manila-backup-worker' and each.running())

    def _kill_at(self, number, when):
        """Kill the worker at the so manieth change.

        :param when: str, ``before`` or ``after``.
        """
        self.killed.clear()
        seen = []
        lock = threading.Lock()

        def interfere(method, path, body):
            if method not in fault_case.CHANGES:
                return
            with lock:
                seen.append(path)
                mine = len(seen) == number
            if mine:
                self.worker.kill()
                self.killed.set()

        self.proxy.reset()
        setattr(self.proxy, when, interfere)

    def _next_worker(self):
        self.proxy.reset()
        if not self.worker.running():
            self.worker = self.cloud.start_worker()

    def _each(self, begin, end, when='after', first=1):
        """Kill it at the first change of an operation, at the second in the
        next operation, and so on, until one has no so many.

        :param first: int, the change to begin with.
        :param begin: begins an operation; its result goes to ``end``, which
            waits for its success.
        :returns: int, how many changes there are.
        """
        for number in range(first, 50):
            self._kill_at(number, when)
            begun = begin()
            functional.eventually('a kill, or the end',
                                  lambda begun=begun: self.killed.is_set()
                                  or self._over(begun))
            killed = self.killed.is_set()
            self._next_worker()
            end(begun)
            if not killed:
                return number - 1
        self.fail('there is no end of changes')

    def _over(self, backup_id):
        return not self.cloud.rows(
            'SELECT id FROM operations WHERE backup_id = :id AND '
            'live IS NOT NULL', id=backup_id)

    def _backups(self, share_id, when='after', first=1):
        def end(backup_id):
            self.wait_backup(backup_id, 'available')
            self.assertNothingLeft(share_id)
            self.assertEqual('available', self.share_status(share_id))

        return self._each(lambda: self.back_up(share_id), end, when, first)

    def test_backup_of_a_share_before_each_change(self):
        # A lock, metadata, a rule and its lock, and all of that undone.
        self.assertGreaterEqual(
            self._backups(self.make_share(), 'before'), 7)

    def test_backup_of_a_snapshot(self):
        self.assertGreaterEqual(
            self._backups(self.make_share('mountable')), 7)

    def test_backup_of_a_share_made_of_a_snapshot(self):
        # It goes another way once there is a snapshot.
        self.assertGreaterEqual(
            self._backups(self.make_share('copyable'), first=4), 9)

    def test_restore(self):
        share_id = self.make_share()
        backup_id = self.back_up(share_id)
        self.wait_backup(backup_id, 'available')

        def begin():
            with open(f'{self.manila.share_path(share_id)}/file', 'w') as out:
                out.write('changed')
            self.restore(backup_id)
            return backup_id

        def end(_):
            self.wait_backup(backup_id, 'available')
            self.assertNothingLeft(share_id)
            self.assertContent(share_id)
            self.assertEqual('available', self.share_status(share_id))

        self.assertGreaterEqual(self._each(begin, end), 7)


class TestFrozen(fault_case.TestCase):

    # Long enough for a worker on a busy machine to renew it.
    more = {'backup__lease_ttl': 10}

    def test_thawed_when_another_has_done_its_work(self):
        worker, = [each for each in self.cloud.processes
                   if each.command == 'manila-backup-worker']
        share_id = self.make_share()
        frozen, go = threading.Event(), threading.Event()
        self.addCleanup(self._tell, worker, signal.SIGCONT)
        self.addCleanup(go.set)

        def interfere(method, path, body):
            if 'allow_access' in body and not frozen.is_set():
                self._tell(worker, signal.SIGSTOP)
                frozen.set()
                go.wait(functional.PATIENCE)

        self.proxy.after = interfere
        backup_id = self.back_up(share_id)
        self.assertTrue(frozen.wait(functional.PATIENCE))
        self.cloud.start_worker()
        self.wait_backup(backup_id, 'available')
        self.assertNothingLeft(share_id)
        go.set()
        self._tell(worker, signal.SIGCONT)
        functional.eventually(
            'it to notice', lambda: 'lost its lease' in worker.said())
        self.assertNothingLeft(share_id)
        self.wait_backup(backup_id, 'available')

    @staticmethod
    def _tell(worker, number):
        for each in (psutil.Process(worker.pid),
                     *psutil.Process(worker.pid).children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)
