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
from manila_backup.drivers.restic import launch
from manila_backup import states
from tests.functional.drivers import test_restic


class ResticLocksTest(test_restic.ResticMixin, case.Case):

    @contextlib.contextmanager
    def working(self, host=None):
        """Somebody else who works with the repository.

        :param host: str, the name that its lock is of.
        """
        url, password = self.driver.export_key('project')
        with subprocess.Popen(
                ['restic', '--no-cache', 'backup', '--stdin'],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                env=dict(os.environ, RESTIC_REPOSITORY=url,
                         RESTIC_PASSWORD=password),
                preexec_fn=host and (lambda: launch.surround({
                    'parent': os.getppid(), 'host': host, 'view': False,
                    'alone': False}))) as process:
            before = set(self.locks())
            self.eventually(lambda: set(self.locks()) - before)
            try:
                yield process
            finally:
                process.kill()

    def locks(self):
        """The names of the locks, but not of what is to become one."""
        return [name for name in os.listdir(os.path.join(
            self.repository, 'project', 'locks')) if len(name) == 64]

    def left(self, host):
        """Have somebody killed who works with the repository; the name of
        its lock."""
        before = set(self.locks())
        with self.working(host):
            found, = set(self.locks()) - before
        return found

    def test_locks_of_an_operation_that_is_over_go_and_no_others(self):
        trees.many(self.source, 1, 3)
        self.backup()
        id_ = case.place().backup_id
        names = {states.Kind.BACKUP_CREATE: id_,
                 states.Kind.BACKUP_RESTORE: f'{id_}-restore',
                 states.Kind.BACKUP_DELETE: f'{id_}-delete'}
        for kind, host in names.items():
            others = {self.left(name) for name in (
                *(each for each in names.values() if each != host),
                f'{case.place(2).backup_id}-restore')}
            self.left(host)
            if kind == states.Kind.BACKUP_RESTORE:
                self.left(None)     # of a dry run
            with self.working() as alive:
                mine = set(self.locks()) - others
                # That of somebody alive, and the operation's.
                self.assertLessEqual(2, len(mine))
                self.driver.unlock(case.place(), kind, progress.Progress())
                self.assertEqual(1, len(set(self.locks()) - others))
                self.assertEqual(others, others & set(self.locks()))
                alive.stdin.close()
                alive.wait()
            self.assertEqual(others, set(self.locks()))
            for name in others:
                os.unlink(os.path.join(self.repository, 'project', 'locks',
                                       name))

    def test_a_sweep_beside_a_deletion_that_begins_just_then(self):
        trees.many(self.source, 1, 3)
        self.backup()
        self.driver.sweeps = True
        self.driver.settings = dataclasses.replace(
            self.driver.settings, lock=0.2)
        with self.working(f'{case.place().backup_id}-delete'):
            mine = self.locks()
            self.driver.delete(case.place(), progress.Progress())
            self.assertEqual(mine, self.locks())
            self.assertRaises(faults.Locked, self.driver.discard,
                              case.place(), 0)
            self.assertEqual(mine, self.locks())

    def test_whoever_only_reads_has_no_lock(self):
        trees.many(self.source, 1, 3)
        self.backup()
        self.driver = self.make_driver(program=self.logged()[0])
        self.driver.check()
        self.assertEqual([], self.driver.verify_alone(
            case.place(), progress.Progress()))
        self.driver.describe(case.place())
        self.driver.warnings(case.place(), 0, 10)
        with open(self.logged()[1]) as log:
            said = log.read().splitlines()
        self.assertIn(' dump ', ' '.join(said))
        self.assertEqual([], [
            line for line in said
            if '--no-lock' not in line and 'version' not in line])

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
