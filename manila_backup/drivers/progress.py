# SPDX-License-Identifier: Apache-2.0
"""Counters and a deadline in memory shared between worker and children.

The worker reads the counters at every tick and pushes the deadline forward
each time the database grants it another lease term; the process that copies,
and the lanes of any processes it forks, count in slots of their own (one
writer a slot, so no lock) and stop by themselves once the deadline has passed.
That is what keeps a worker that was frozen and thawed from writing another
byte: its lease ran out on the clock that goes on ticking during a suspend.
"""

import ctypes
import multiprocessing
import os
import threading
import time

from manila_backup.copying import pool
from manila_backup.drivers import pacing

#: What can count at once: an operation's own process, and the most lanes of
#: those that it may fork.
SLOTS = 33

(_DEADLINE, _FILES_TOTAL, _BYTES_TOTAL, _CHANGES, _LANES, _RATE, _CALL_RATE,
 _HEADER) = range(8)

# Of each slot: entries, bytes, calls, and when its lane last looked at its
# pace.
_FILES, _BYTES, _CALLS, _LOOKED, _CELLS = range(5)

# Looks at the pace for what may be done in a second, at least.
_LOOKS = 50

# Nanoseconds for which a lane that looked at its pace has its part of it.
_ACTIVE = 2_000_000_000

# Files with holes can say that they are as large as that, several of them
# that they are larger. Then what is said is at least not nonsense.
_MOST = (1 << 63) - 1

#: The exit status of a process that found its deadline passed.
FENCED_EXIT = pool.FENCED_EXIT


def now():
    """Nanoseconds on a clock that no one can set and that counts suspends."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class _Own(threading.local):
    """A thread's own things: where its slot begins, and its paces.

    :param cells: all the counters.
    """

    def __init__(self, cells):
        self.cells = cells
        self.use(0)

    def __reduce__(self):
        return type(self), (self.cells,)

    def use(self, number):
        """Have another slot."""
        cells, slot = self.cells, _HEADER + _CELLS * number
        self.slot = slot
        self.size = self.calls = 0      # since the last look at the paces
        self.pace = pacing.Pace()
        self.call_pace = pacing.Pace(lambda: (cells[slot + _CALLS],))
        if cells[_RATE] or cells[_CALL_RATE]:
            self.pace.begin()
            self.call_pace.begin()


class Progress:
    """One operation's counters.

    :param slots: int, how many processes and lanes can count at once.
    :param context: the multiprocessing context of the process that will be
        started with this object among its arguments.
    """

    def __init__(self, slots=SLOTS, context=multiprocessing):
        self._cells = context.RawArray(ctypes.c_int64,
                                       _HEADER + _CELLS * slots)
        self.slots = slots
        self._own = _Own(self._cells)

    def limit(self, bytes_per_second, operations_per_second=0):
        """Worker: have all of the operation's processes together do no more
        than that.

        :param bytes_per_second: int, bytes to move; 0 for no limit.
        :param operations_per_second: int, calls of the file systems to make;
            0 for no limit.
        """
        self._cells[_RATE] = bytes_per_second
        self._cells[_CALL_RATE] = operations_per_second

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
        """Child: count in this slot from here on, in this thread. Slot 0
        belongs to the operation's own process; each lane takes another."""
        if not 0 <= number < self.slots:
            raise ValueError(f'no slot {number}')
        self._own.use(number)

    def use_lanes(self, count):
        """Child: say how many lanes work at once by now."""
        self._cells[_LANES] = max(count, self._cells[_LANES])

    def advance(self, files, size, calls=0):
        """Child: count entries and bytes as done, and calls of the file
        systems that took; ends the process if the lease has run out."""
        cells = self._cells
        if files or size or calls:
            mine = self._own.slot
            cells[mine + _FILES] += files
            cells[mine + _BYTES] = min(cells[mine + _BYTES] + size, _MOST)
            cells[mine + _CALLS] += calls
        self._end_if_over()
        if cells[_RATE] or cells[_CALL_RATE]:
            self._keep_pace_if_due(size, calls)

    def _end_if_over(self):
        deadline = self._cells[_DEADLINE]
        if deadline and now() > deadline:
            # Not an exception: no handler or destructor may write again.
            os._exit(FENCED_EXIT)

    def _keep_pace_if_due(self, size, calls):
        """Look now and then, and sooner where much was done since: a lane may
        end before the next look."""
        cells, own = self._cells, self._own
        own.size += size
        own.calls += calls
        if (own.pace.is_due(now())
                or own.size * _LOOKS > cells[_RATE] > 0
                or own.calls * _LOOKS > cells[_CALL_RATE] > 0):
            own.size = own.calls = 0
            self._keep_pace()

    def _keep_pace(self):
        """Pause, if this lane has had its part of what may be done."""
        cells, own, moment = self._cells, self._own, now()
        looked = own.slot + _LOOKED
        cells[looked] = moment
        active = sum(moment - each < _ACTIVE
                     for each in cells[_HEADER + _LOOKED::_CELLS])
        # That of bytes always: it also tells when to look again.
        for rate, pace in ((cells[_CALL_RATE], own.call_pace),
                           (cells[_RATE] or _MOST, own.pace)):
            for _ in pace.pauses(rate / active, now) if rate else ():
                cells[looked] = now()
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

    def lanes(self):
        """Worker: the most lanes that have worked at once, an int; 0 if all
        was done by the operation's own process."""
        return self._cells[_LANES]

    def calls(self):
        """Count the calls of the file systems so far, as an int."""
        return sum(self._cells[_HEADER + _CALLS::_CELLS])

    def read(self):
        """(files done, bytes done, files total, bytes total) right now."""
        cells = self._cells
        return (sum(cells[_HEADER + _FILES::_CELLS]),
                min(sum(cells[_HEADER + _BYTES::_CELLS]), _MOST),
                cells[_FILES_TOTAL], cells[_BYTES_TOTAL])
