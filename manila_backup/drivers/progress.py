# SPDX-License-Identifier: Apache-2.0
"""Counters and a deadline in memory shared between worker and children.

The worker reads the counters at every tick and pushes the deadline forward
each time the database grants it another lease term; the process that copies,
and any processes it forks, count in slots of their own (one writer a slot, so
no lock) and stop by themselves once the deadline has passed. That is what
keeps a worker that was frozen and thawed from writing another byte: its lease
ran out on the clock that goes on ticking during a suspend.
"""

import ctypes
import multiprocessing
import os
import time

from manila_backup.copying import pool
from manila_backup.drivers import pacing

#: The processes that can count at once: an operation's own, and the most that
#: it may fork.
SLOTS = 33

_DEADLINE, _FILES_TOTAL, _BYTES_TOTAL, _CHANGES, _RATE, _HEADER = range(6)

# Of each slot: entries, bytes, and when its process last looked at its pace.
_FILES, _BYTES, _LOOKED, _CELLS = range(4)

# Nanoseconds for which a process that looked at its pace has its part of it.
_ACTIVE = 2_000_000_000

# Files with holes can say that they are as large as that, several of them
# that they are larger. Then what is said is at least not nonsense.
_MOST = (1 << 63) - 1

#: The exit status of a process that found its deadline passed.
FENCED_EXIT = pool.FENCED_EXIT


def now():
    """Nanoseconds on a clock that no one can set and that counts suspends."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Progress:
    """One operation's counters.

    :param slots: int, how many processes can count at once.
    :param context: the multiprocessing context of the process that will be
        started with this object among its arguments.
    """

    def __init__(self, slots=SLOTS, context=multiprocessing):
        self._cells = context.RawArray(ctypes.c_int64,
                                       _HEADER + _CELLS * slots)
        self.slots = slots
        self._mine = _HEADER
        self._pace = pacing.Pace()

    def limit(self, bytes_per_second):
        """Worker: have all of the operation's processes together move no more
        bytes than that.

        :param bytes_per_second: int; 0 for no limit.
        """
        self._cells[_RATE] = bytes_per_second

    def extend(self, seconds):
        """Worker: let the children go on for so many seconds from now.

        :param seconds: float; counted from *before* the lease was asked
            for, so that it can't outlast what the database granted.
        """
        self._cells[_DEADLINE] = now() + int(seconds * 1e9)

    def expect(self, files, size):
        """Child: set what there is to do in all (entries, bytes)."""
        self._cells[_FILES_TOTAL] = files
        self._cells[_BYTES_TOTAL] = min(size, _MOST)

    def use_slot(self, number):
        """Child: count in this slot from here on. Slot 0 belongs to the
        operation's own process; each process it forks takes another."""
        if not 0 <= number < self.slots:
            raise ValueError(f'no slot {number}')
        self._mine = _HEADER + _CELLS * number
        self._pace = pacing.Pace()

    def advance(self, files, size):
        """Child: count entries and bytes as done; ends the process if the
        lease has run out."""
        cells, mine = self._cells, self._mine
        cells[mine + _FILES] += files
        cells[mine + _BYTES] = min(cells[mine + _BYTES] + size, _MOST)
        self._end_if_over()
        if cells[_RATE] and self._pace.is_due(now()):
            self._keep_pace()

    def _end_if_over(self):
        deadline = self._cells[_DEADLINE]
        if deadline and now() > deadline:
            # Not an exception: no handler or destructor may write again.
            os._exit(FENCED_EXIT)

    def _keep_pace(self):
        """Pause, if this process has had its part of what may be moved."""
        cells, moment = self._cells, now()
        cells[self._mine + _LOOKED] = moment
        active = sum(moment - looked < _ACTIVE
                     for looked in cells[_HEADER + _LOOKED::_CELLS])
        for _ in self._pace.pauses(cells[_RATE] / active, now):
            cells[self._mine + _LOOKED] = now()
            self._end_if_over()

    def check(self):
        """Child: end the process if the lease has run out."""
        self.advance(0, 0)

    def changes(self):
        """Child: say that the share is about to be changed. A restore does
        so before it first writes to it, or removes something."""
        self.check()
        self._cells[_CHANGES] = 1

    def has_changed(self):
        """Worker: whether the share may have been changed."""
        return bool(self._cells[_CHANGES])

    def read(self):
        """(files done, bytes done, files total, bytes total) right now."""
        cells = self._cells
        return (sum(cells[_HEADER + _FILES::_CELLS]),
                min(sum(cells[_HEADER + _BYTES::_CELLS]), _MOST),
                cells[_FILES_TOTAL], cells[_BYTES_TOTAL])
