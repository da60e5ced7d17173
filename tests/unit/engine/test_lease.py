# SPDX-License-Identifier: Apache-2.0
"""A lease as a named lock has it: real child processes."""

from concurrent import futures
import os
import threading
import time

from manila_backup.db import models
from manila_backup.engine import lease
from manila_backup.engine import named_lock
from manila_backup import exception
from tests.unit import base

#: Seconds that something may take on a slow machine.
LONG = 60


def add(one, other, progress):
    """Runs in a child."""
    return one + other


def wait_for(path, progress):
    """Runs in a child: waits until there is a file."""
    while not os.path.exists(path):
        progress.check()
        time.sleep(0.05)
    return 'seen'


class NamedLock(base.TestCase):

    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.root, 'file')
        self.pool = futures.ThreadPoolExecutor(1)
        self.addCleanup(self.pool.shutdown)
        self.lock = named_lock.NamedLock('x', self.conf, self.database, 3.0)
        self.addCleanup(self.lock.__exit__)
        self.assertTrue(self.lock.take())

    def row(self):
        return self.database.read(lambda conn: conn.execute(
            models.named_locks.select()).one())

    def begin(self):
        """Have something run under it that ends once there is a file."""
        first = self.row().held_until
        running = self.pool.submit(self.lock.run, wait_for, self.file)
        end = time.monotonic() + LONG
        while self.row().held_until == first:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        return running

    def make_file(self):
        with open(self.file, 'w'):
            pass

    def test_what_comes_of_a_child(self):
        self.assertEqual(3, self.lock.run(add, 1, 2))

    def test_is_renewed_while_a_child_runs(self):
        running = self.begin()
        second = self.row().held_until
        end = time.monotonic() + LONG
        while self.row().held_until == second:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        self.make_file()
        self.assertEqual('seen', running.result(LONG))

    def test_what_runs_ends_when_it_is_lost(self):
        running = self.begin()
        self.database.write(lambda conn: conn.execute(
            models.named_locks.update().values(holder='another')))
        self.assertRaises(exception.LeaseLost, running.result, LONG)

    def test_what_runs_ends_when_it_is_told_to(self):
        running = self.begin()
        self.lock.stop()
        self.assertRaises(named_lock.Stopped, running.result, LONG)
        self.assertRaises(named_lock.Stopped, self.lock.keep)

    def test_what_nobody_interrupts(self):
        self.lock.stop()
        run = self.lock._lease.run
        self.assertEqual(3, run(add, (1, 2), self.conf.backup, longest=LONG))
        self.assertRaises(TimeoutError, run, wait_for, (self.file,),
                          self.conf.backup, longest=0.1)
        self.assertRaises(named_lock.Stopped, run, wait_for, (self.file,),
                          self.conf.backup)

    def test_is_kept_by_a_thread(self):
        first = self.row().held_until
        end = time.monotonic() + LONG
        with self.lock.kept():
            while self.row().held_until == first:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.05)


class WithoutTheDatabase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.root, 'file')
        self.failures, self.ttl = 0, 10.0 * LONG
        self.lease = lease.Lease('test', self._renew, lambda: self.ttl,
                                 lambda: 0.05)
        self.addCleanup(self.lease.__exit__)

    def _renew(self, progress):
        if self.lease.granted:
            self.failures += 1
            raise OSError('no database')

    def begin(self):
        """Have something run that ends once there is a file."""
        pool = futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        running = pool.submit(self.lease.run, wait_for, (self.file,),
                              self.conf.backup)
        end = time.monotonic() + LONG
        while self.failures < 2:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        return running

    def test_it_goes_on_for_as_long_as_it_is_good_for(self):
        running = self.begin()
        with open(self.file, 'w'):
            pass
        self.assertEqual('seen', running.result(LONG))

    def test_it_ends_when_it_has_run_out(self):
        running = self.begin()
        self.ttl = 0
        self.assertRaises(exception.LeaseLost, running.result, LONG)

    def test_what_runs_here_comes_to_its_end(self):
        self.lease.renew()
        self.ttl = 0
        over = threading.Event()

        def work():
            while not self.failures:
                time.sleep(0.05)
            over.set()

        self.assertRaises(exception.LeaseLost, self.lease.run_here, work)
        self.assertTrue(over.is_set())
