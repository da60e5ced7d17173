# SPDX-License-Identifier: Apache-2.0
"""Processes that die, are frozen, or have lost their lease."""

import os
import random
import shutil
import signal
import time

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers import progress


class CrashSafety(case.Case):

    def test_a_backup_killed_and_tried_again(self):
        trees.many(self.source, 20, 40)
        for number in range(3):
            os.link(os.path.join(self.source, 'd0', f'f{number}'),
                    os.path.join(self.source, 'd1', f'link{number}'))
        before = trees.snapshot(self.source)
        numbers = random.Random(5)
        for attempt in range(1, 7):
            process = case.Process(self.driver.backup, case.place(), attempt,
                                   self.source, {}, None)
            process.wait_for_files(numbers.randrange(800))
            process.kill()
            self.assertNotIn('published', str(self.states()))
        report = self.backup(attempt=7)
        self.assertEqual(len(before) - 1, report.files)
        self.assertEqual([('published', None)], self.states())
        self.assertStored(before)

    def test_a_restore_killed_and_tried_again(self):
        self.everything()
        trees.many(self.source, 20, 40)
        before = trees.snapshot(self.source)
        self.backup()
        numbers = random.Random(6)
        for attempt in range(1, 7):
            process = case.Process(self.driver.restore, case.place(),
                                   attempt, self.target)
            process.wait_for_files(numbers.randrange(800))
            process.kill()
        self.restore(attempt=7)
        self.assertSame(before, self.target)

    def test_whatever_it_started_dies_with_an_operation(self):
        trees.many(self.source, 30, 60)
        self._dies(self.driver.backup, case.place(), 1, self.source, {}, None)
        self.backup(attempt=2)
        self._dies(self.driver.restore, case.place(), 1, self.target)
        self._dies(self.driver.verify, case.place())

    def _dies(self, *call):
        process = case.Process(*call)
        process.wait_for_files(100)
        process.kill()
        self.eventually(lambda: not process.left())
        done = process.progress.read()
        time.sleep(0.1)
        self.assertEqual(done, process.progress.read())

    def test_a_share_that_is_removed_meanwhile(self):
        trees.many(self.source, 20, 40)
        before = trees.snapshot(self.source)
        self.get_ready(case.place())
        process = case.Process(self.driver.backup, case.place(), 1,
                               self.source, {}, None)
        process.wait_for_files(20)
        process.signal(signal.SIGSTOP)
        shutil.rmtree(self.source)
        process.signal(signal.SIGCONT)
        try:
            process.result()
        except base.DriverError:
            self.assertNotIn('published', str(self.states()))
        else:
            # It had all of it by then.
            self.driver.publish(case.place(), 1)
            self.assertStored(before)

    def test_an_operation_without_a_lease_ends(self):
        trees.many(self.source, 10, 30)
        late = progress.Progress(context=case.FORK)
        late.extend(-1)
        worker = case.FORK.Process(target=self.driver.backup, args=(
            case.place(), 1, self.source, {}, None, late))
        worker.start()
        worker.join()
        self.assertEqual(progress.FENCED_EXIT, worker.exitcode)
        self.assertNotIn('published', str(self.states()))

    def test_a_frozen_attempt_thaws_too_late(self):
        trees.many(self.source, 20, 40)
        process = case.Process(self.driver.backup, case.place(), 1,
                               self.source, {}, None)
        process.wait_for_files(200)
        process.signal(signal.SIGSTOP)
        self.backup(attempt=2)
        process.signal(signal.SIGCONT)
        try:
            process.result()
        except (base.DriverError, EOFError):
            pass
        self.driver.publish(case.place(), 1)
        self.assertStored(self.source)
        self.driver.discard(case.place(), 2)
        self.assertEqual([('published', None)], self.states())

    def test_a_killed_delete_is_completed(self):
        trees.many(self.source, 20, 40)
        self.backup()
        self._kill_delete()
        self.assertNotIn('published', str(self.states()))
        self.delete()
        self.assertEqual([], self.states())

    def test_discard_completes_a_killed_delete(self):
        trees.many(self.source, 20, 40)
        self.backup(case.place(1))
        self.backup(case.place(2))
        self._kill_delete()
        self.driver.discard(case.place(1), 0)
        self.assertEqual([base.RepositoryItem(case.place(2),
                                              base.ItemState.PUBLISHED)],
                         list(self.driver.contents()))
        self.assertStored(self.source, case.place(2))

    def _kill_delete(self):
        """Kill it once it has removed something."""
        process = case.Process(self.driver.delete, case.place(1))
        process.wait_for_files(200)
        process.kill()
