# SPDX-License-Identifier: Apache-2.0
"""Processes that work through batches, and how many of them there are."""

import itertools
import os
from unittest import mock

from oslotest import base

from manila_backup.copying import growth
from manila_backup.copying import pool
from manila_backup.drivers import progress
from manila_backup import exception


class Pool(base.BaseTestCase):

    def _run(self, count, work, batches):
        return pool.run(count, work, batches, progress.Progress())

    def test_each_batch_is_taken_once(self):
        batches = [(number, 0, 0) for number in range(5000)]
        with mock.patch.object(growth.Growth, 'more', return_value=1):
            results = self._run(4, lambda inbox, number: list(inbox),
                                iter(batches))
        self.assertEqual(4, len(results))
        self.assertEqual(batches, sorted(itertools.chain(*results)))

    def test_nothing_to_do(self):
        self.assertEqual([], self._run(4, lambda inbox, number: 1, iter(())))

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


class Growth(base.BaseTestCase):

    def _growth(self, most, processors, there, states):
        """One that watches processes whose states are made up.

        :param states: the letters that the kernel tells of them, one for each
            of them at each look.
        """
        made = growth.Growth(most, processors)
        self.addCleanup(made.close)
        for _ in range(there):
            made.add(os.getpid())
        told = itertools.cycle(states)
        patched = mock.patch.object(
            growth.os, 'pread', lambda fd, size, offset:
            b'7 (a) name) %b 1 2' % next(told).encode())
        patched.start()
        self.addCleanup(patched.stop)
        return made

    def _looked(self, made):
        """Return what it says first that is not nothing, within some looks."""
        with mock.patch.object(growth.time, 'monotonic_ns',
                               itertools.count(1 << 62,
                                               10 ** 9).__next__):
            return next(filter(None, (made.more() for _ in range(50))), 0)

    def test_one_for_each_processor(self):
        self.assertEqual(1, self._growth(8, 4, 3, 'R').more())
        self.assertEqual(0, self._growth(3, 4, 3, 'R').more())

    def test_none_where_they_run(self):
        self.assertEqual(0, self._looked(self._growth(32, 2, 2, 'R')))
        self.assertEqual(0, self._looked(self._growth(32, 2, 4, 'RRSD')))

    def test_twice_as_many_where_they_wait(self):
        self.assertEqual(2, self._looked(self._growth(32, 2, 2, 'S')))
        self.assertEqual(4, self._looked(self._growth(32, 2, 4, 'RSDS')))
        self.assertEqual(7, self._looked(self._growth(32, 2, 25, 'S')))

    def test_not_by_one_look(self):
        made = self._growth(32, 2, 2, 'S')
        self.assertEqual(0, made.more())

    def test_one_that_is_gone(self):
        made = growth.Growth(4, 1)
        self.addCleanup(made.close)
        # More than the kernel numbers.
        made.add(1 << 30)
        self.assertEqual(1, self._looked(made))
