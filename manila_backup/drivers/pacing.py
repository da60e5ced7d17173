# SPDX-License-Identifier: Apache-2.0
"""Pauses that keep a process to a number of bytes a second.

What counts is what it has read and written by the kernel's account, whichever
is more: not what it only looked at, nor what a file system copies by itself
(reflinks).
"""

import re
import time

# Between two looks at the account; what may be caught up with after a pause of
# its own, such as for a slow disk; the longest single pause. In nanoseconds.
_EVERY = 20_000_000
_BURST = 100_000_000
_PAUSE = 100_000_000

_MOVED = re.compile(rb'^[rw]char: (\d+)$', re.M)


def moved():
    """Count the bytes that this process has read or written so far."""
    with open('/proc/self/io', 'rb', buffering=0) as file:
        return max(map(int, _MOVED.findall(file.read(512))))


class Pace:
    """Pauses of one process."""

    def __init__(self):
        self._next = 0          # look
        self._moved = None      # at the last look
        self._due = 0           # when all until then was due

    def is_due(self, moment):
        """Tell whether it is time for a look.

        :param moment: int, nanoseconds on a clock that only goes on.
        """
        return moment >= self._next

    def pauses(self, rate, clock):
        """Iterate over the pauses that are due now; each has been when it is
        yielded.

        :param rate: float, bytes that may be moved in a second.
        :param clock: returns the time, as for :meth:`is_due`.
        """
        now, count = clock(), moved()
        if self._moved is not None:
            self._due = (max(self._due, now - _BURST)
                         + int((count - self._moved) * 1e9 / rate))
        self._moved = count
        while (left := self._due - clock()) > 0:
            time.sleep(min(left, _PAUSE) / 1e9)
            yield
        self._next = clock() + _EVERY
