# SPDX-License-Identifier: Apache-2.0
"""The decision how many processes work at once.

A process that computes, or waits for a processor, gains nothing from another
one beside it; one that waits for storage to answer does. Which of the two it
is, the kernel tells of each process at any moment (``R`` in
``/proc/PID/stat``), so a few looks tell how many of them wait. A file system
that answers in milliseconds has many calls under way soon, a local disk as
many as there are processors, and nobody has to say which it is.
"""

import os
import time

# Looks at the processes after which there may be more of them, and the
# nanoseconds from one to the next.
_LOOKS = 4
_PAUSE_NS = 2_000_000

# What the kernel calls a process that runs, or would if it could.
_RUNS = b'R'


class Growth:
    """Tells when there are to be more processes.

    :param most: int, how many there may be.
    :param processors: int, of which this process may use; None: ask.
    """

    def __init__(self, most, processors=None):
        self._most = most
        self._processors = processors or len(os.sched_getaffinity(0))
        # Descriptors of what the kernel tells of each; None: of one that is
        # gone, which counts as one that waits.
        self._stats = []
        self._begin()

    def _begin(self):
        self._looked = self._running = 0
        self._next = time.monotonic_ns() + _PAUSE_NS

    def add(self, pid):
        """Watch a process that has been started."""
        try:
            fd = os.open(f'/proc/{pid}/stat', os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            fd = None
        self._stats.append(fd)
        self._begin()

    def close(self):
        """Watch none any more."""
        for fd in self._stats:
            if fd is not None:
                os.close(fd)
        self._stats.clear()

    def more(self):
        """Count the processes to be started now. To be asked again and again
        while there is work that none of them has taken yet.

        :returns: int. As many as there are processors need no reason; beyond
            that, no more at once than there are already.
        """
        there = len(self._stats)
        if there < min(self._processors, self._most):
            return 1
        if there >= self._most or time.monotonic_ns() < self._next:
            return 0
        self._next = time.monotonic_ns() + _PAUSE_NS
        self._looked += 1
        self._running += sum(map(self._runs, self._stats))
        if self._looked < _LOOKS:
            return 0
        waiting = 1 - self._running / (self._looked * there)
        self._begin()
        return min(there, self._most - there) if waiting > 0.5 else 0

    @staticmethod
    def _runs(fd):
        if fd is None:
            return False
        try:
            # The name before it may have anything in it but a newline.
            text = os.pread(fd, 256, 0)
        except OSError:
            return False
        return text[text.rindex(b')') + 2:][:1] == _RUNS
