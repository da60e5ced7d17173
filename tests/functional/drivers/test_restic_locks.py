# SPDX-License-Identifier: Apache-2.0
"""Locks of repositories of restic, and those who work beside one another."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers import progress
from manila_backup.drivers.restic import faults
from tests.functional.drivers import test_restic


class ResticLocksTest(test_restic.ResticMixin, case.Case):

    @contextlib.contextmanager
    def working(self):
        """Somebody else who works with the repository."""
        url, password = self.driver.export_key('project')
        with subprocess.Popen(
                ['restic', '--no-cache', 'backup', '--stdin'],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                env=dict(os.environ, RESTIC_REPOSITORY=url,
                         RESTIC_PASSWORD=password)) as process:
            locks = os.path.join(self.repository, 'project', 'locks')
            self.eventually(lambda: os.listdir(locks))
            try:
                yield process
            finally:
                process.kill()

    def test_a_delete_beside_a_backup(self):
        trees.many(self.source, 1, 3)
        self.backup(case.place(1))
        self.backup(case.place(2))
        with self.working() as process:
            self.delete(case.place(1))
            self.assertEqual([('published', None), ('trash', None)],
                             self.states())
            with self.assertRaisesRegex(base.DriverError, 'is not in'):
                self.restore(case.place(1))
            self.driver.settings = dataclasses.replace(
                self.driver.settings, lock=0.2)
            with self.assertRaises(faults.Locked):
                self.driver.discard(case.place(1), 0)
            said, = self.driver.maintain(progress.Progress())
            self.assertIn('in use', said)
            process.stdin.close()
            process.wait()
        self.assertEqual([], self.driver.maintain(progress.Progress()))
        self.assertEqual([('published', None)], self.states())
        self.assertStored(self.source, case.place(2))

    def test_locks_of_dead_processes_of_this_host_go(self):
        trees.many(self.source, 1, 3)
        self.backup()
        with self.working():
            pass
        locks = os.path.join(self.repository, 'project', 'locks')
        self.assertEqual(1, len(os.listdir(locks)))
        self.assertEqual([], self.driver.maintain(progress.Progress()))
        self.assertEqual([], os.listdir(locks))

    def test_who_is_killed_while_it_prunes_keeps_nobody_out(self):
        for number in (1, 2):
            trees.many(self.source, 3, 100, seed=number, size=60_000)
            self.backup(case.place(number))
        kept = trees.snapshot(self.source)
        self.delete(case.place(1))
        locks = os.path.join(self.repository, 'project', 'locks')
        process = case.Process(self.driver.maintain)

        def locked():       # not what is to become a lock
            return [name for name in os.listdir(locks) if len(name) == 64]

        while not locked():
            self.assertTrue(process._process.is_alive())
        process.signal(signal.SIGSTOP)
        name, = locked()
        self.assertTrue(json.loads(self.bare(
            'project', 'cat', 'lock', name, '--no-lock'))['exclusive'])
        process.kill()
        self.driver = self.make_driver(host='another')
        self.driver.check()
        self.backup(case.place(3))
        self.assertEqual([], os.listdir(locks))
        for number in (2, 3):
            self.assertStored(kept, case.place(number))

    def test_a_check_keeps_nobody_out(self):
        trees.many(self.source, 1, 3)
        self.backup()
        self.driver.settings = dataclasses.replace(
            self.driver.settings, lock=0.0)
        with self.working():
            self.assertEqual([], self.verify())
        locks = os.path.join(self.repository, 'project', 'locks')
        before = set(os.listdir(locks))
        process = case.Process(self.driver.verify, case.place())
        seen = set()
        while process._process.is_alive():
            seen.update(os.listdir(locks))
        self.assertEqual([], process.result())
        self.assertEqual(before, seen | before)
