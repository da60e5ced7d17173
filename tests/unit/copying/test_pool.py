# SPDX-License-Identifier: Apache-2.0
"""Lanes that work through batches, and how many of them there are."""

import itertools
import os
import re
import threading
from unittest import mock

from oslotest import base

from manila_backup.copying import growth
from manila_backup.copying import pool
from manila_backup.drivers import progress
from manila_backup import exception


class Pool(base.BaseTestCase):

    def _run(self, count, work, batches, **kwargs):
        return pool.run(count, work, batches, progress.Progress(), **kwargs)

    def test_each_batch_is_taken_once(self):
        batches = [(number, 0, 0) for number in range(5000)]
        with mock.patch.object(growth.Growth, 'more', return_value=1):
            results = self._run(4, lambda inbox, number: list(inbox),
                                iter(batches))
        self.assertEqual(4, len(results))
        self.assertEqual(batches, sorted(itertools.chain(*results)))

    def test_nothing_to_do(self):
        self.assertEqual([], self._run(4, lambda inbox, number: 1, iter(())))

    def test_batches_put_apart(self):
        """Batches that no lane takes at once come from all over what there
        is."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)

        def batches():
            yield from ((number, 0, 0) for number in range(100))
            os.close(writer)

        def work(inbox, number):
            os.close(writer)
            first = next(inbox)
            os.read(reader, 1)
            return [first, *inbox]

        with mock.patch.object(growth.Growth, 'more', return_value=0):
            taken, = self._run(8, work, batches(), spread=True)
        numbers = [number for number, _, _ in taken]
        self.assertEqual(0, numbers[0])
        self.assertEqual([*range(100)], sorted(numbers))
        self.assertNotEqual([*range(100)], numbers)

    def test_one_that_ends_too_early(self):
        def work(inbox, number):
            next(inbox)
            os._exit(3)

        error = self.assertRaises(
            exception.StorageFailed, self._run, 2, work,
            itertools.repeat((0, 0, 0)))
        self.assertTrue(error.retryable)

    def test_one_that_raises(self):
        def work(inbox, number):
            raise exception.StorageFailed(f'number {number}')

        error = self.assertRaises(exception.StorageFailed, self._run, 1,
                                  work, itertools.repeat((0, 0, 0)))
        self.assertEqual('number 1', str(error))

    def test_more_where_they_wait(self):
        """None goes on before all of them are there, nor is anything new
        found meanwhile."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        self.addCleanup(os.close, reader)

        def work(inbox, number):
            if number == 12:
                os.write(writer, b'.' * 12)
            os.read(reader, 1)
            return number, len(list(inbox))

        results = self._run(12, work, ((number, 0, 0)
                                       for number in range(100)))
        self.assertEqual([*range(1, 13)], sorted(number for number, _ in
                                                 results))
        self.assertEqual(100, sum(count for _, count in results))

    def test_as_many_processes_as_processors(self):
        """Further lanes are threads in them, unless they may not be."""
        processors = growth.processors()
        for kwargs, expected in ({}, processors), ({'threads': False}, 12):
            barrier = os.pipe()
            for fd in barrier:
                self.addCleanup(os.close, fd)

            def work(inbox, number, barrier=barrier):
                if number == 12:
                    os.write(barrier[1], b'.' * 12)
                os.read(barrier[0], 1)
                return os.getpid(), threading.get_ident()

            results = self._run(12, work, ((number, 0, 0)
                                           for number in range(100)),
                                **kwargs)
            self.assertEqual(12, len(results))
            self.assertEqual(expected, len({pid for pid, _ in results}))

    def test_each_lane_counts_in_a_slot_of_its_own(self):
        counted = progress.Progress()

        def work(inbox, number):
            for _ in inbox:
                for _ in range(100):
                    counted.advance(1, 3)

        with mock.patch.object(growth.Growth, 'more', return_value=1):
            pool.run(8, work, ((number, 0, 0) for number in range(500)),
                     counted)
        self.assertEqual((50000, 150000), counted.read()[:2])


class Growth(base.BaseTestCase):

    def _growth(self, most, processors, states):
        """One that watches threads whose states are made up.

        :param states: list of the letters that the kernel tells of the lanes
            of each process.
        """
        made = growth.Growth(most, processors)
        self.addCleanup(made.close)
        told = {}

        def listed(path):
            pid = int(re.fullmatch('/proc/([0-9]+)/task', path)[1])
            # The first one only waits.
            return [str(number) for number in range(len(states[pid]) + 1)]

        def opened(path, flags):
            found = re.fullmatch('/proc/([0-9]+)/task/([0-9]+)/stat', path)
            pid, thread = map(int, found.groups())
            fd = os.dup(0)
            told[fd] = f'S{states[pid]}'[thread]
            return fd

        for name, fake in (('listdir', listed), ('open', opened), (
                'pread', lambda fd, size, offset:
                b'7 (a) name) %b 1 2' % told[fd].encode())):
            patched = mock.patch.object(growth.os, name, fake)
            patched.start()
            self.addCleanup(patched.stop)
        for number, lanes in enumerate(states):
            made.add(number)
            for _ in lanes[1:]:
                made.add()
        return made

    def _looked(self, made):
        """Return what it says first that is not nothing, within some looks."""
        with mock.patch.object(growth.time, 'monotonic_ns',
                               itertools.count(1 << 62,
                                               10 ** 9).__next__):
            return next(filter(None, (made.more() for _ in range(50))), 0)

    def test_one_for_each_processor(self):
        self.assertEqual(1, self._growth(8, 4, ['R'] * 3).more())
        self.assertEqual(0, self._growth(3, 4, ['R'] * 3).more())

    def test_none_where_they_run(self):
        self.assertEqual(0, self._looked(self._growth(32, 2, ['R', 'R'])))
        self.assertEqual(0, self._looked(self._growth(32, 2, ['R', 'S'])))

    def test_none_where_one_lane_of_each_runs(self):
        """The others wait for what only one at a time can have."""
        self.assertEqual(0, self._looked(self._growth(
            32, 2, ['SSSR', 'SRSS'])))

    def test_twice_as_many_where_they_wait(self):
        self.assertEqual(2, self._looked(self._growth(32, 2, ['S', 'S'])))
        self.assertEqual(6, self._looked(self._growth(32, 3, ['SR', 'SD',
                                                              'SS'])))
        self.assertEqual(7, self._looked(self._growth(32, 1, ['S' * 25])))

    def test_not_by_one_look(self):
        made = self._growth(32, 2, ['S', 'S'])
        self.assertEqual(0, made.more())

    def test_one_that_is_gone(self):
        made = growth.Growth(4, 1)
        self.addCleanup(made.close)
        # More than the kernel numbers.
        made.add(1 << 30)
        self.assertEqual(1, self._looked(made))
