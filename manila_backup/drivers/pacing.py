# SPDX-License-Identifier: Apache-2.0
"""Pauses that keep a thread to a number of bytes, or of calls, a second.

What counts of bytes is what it has read and written by the kernel's account,
whichever is more: not what it only looked at, nor what a file system copies by
itself (reflinks). Calls are counted by those who make them.
"""

import operator
import re
import time

from manila_backup.fs import overlap

# Between two looks at the account; what may be caught up with after a pause of
# its own, such as for a slow disk; the longest single pause. In nanoseconds.
_EVERY = 20_000_000
_BURST = 100_000_000
_PAUSE = 100_000_000

_MOVED = re.compile(rb'^[rw]char: (\d+)$', re.M)


def moved():
    """Count the bytes that this thread has read, and those that it has
    written, or others for it, so far.

    :returns: tuple of two ints.
    """
    with open('/proc/thread-self/io', 'rb', buffering=0) as file:
        return tuple(int(each) + overlap.moved()
                     for each in _MOVED.findall(file.read(512)))


class Pace:
    """Pauses of one thread.

    :param count: returns how much the thread has done so far, as a tuple; what
        has grown most since the last look counts. None: it is the bytes that
        it has moved.
    """

    def __init__(self, count=None):
        self._count = count
        self._next = 0          # look
        self._due = 0           # when all until then was due
        self._counted = None    # at the last look, or the beginning

    def begin(self):
        """Have all count that the thread does from now on, and not only what
        it does from the first look on. Without a limit, nobody needs the
        account, which not each process may read."""
        self._counted = (self._count or moved)()

    def is_due(self, moment):
        """Tell whether it is time for a look.

        :param moment: int, nanoseconds on a clock that only goes on.
        """
        return moment >= self._next

    def pauses(self, rate, clock):
        """Iterate over the pauses that are due now; each has been when it is
        yielded.

        :param rate: float, how much may be done in a second.
        :param clock: returns the time, as for :meth:`is_due`.
        """
        now, count = clock(), (self._count or moved)()
        if self._counted is not None:
            grown = max(0, *map(operator.sub, count, self._counted))
            self._due = max(self._due, now - _BURST) + int(grown * 1e9 / rate)
        self._counted = count
        while (left := self._due - clock()) > 0:
            time.sleep(min(left, _PAUSE) / 1e9)
            yield
        self._next = clock() + _EVERY
