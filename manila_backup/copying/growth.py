# SPDX-License-Identifier: Apache-2.0
"""The decision how many lanes work at once: threads of a few processes.

A process that computes, or waits for a processor, gains nothing from another
lane; one that waits for storage to answer does. Which of the two it is, the
kernel tells of each thread at any moment (``R`` in ``/proc/PID/task/*/stat``),
so a few looks tell for how much of the time none of a process's threads had
anything to compute. A file system that answers in milliseconds has many calls
under way soon, a local disk as many as there are processors, and nobody has to
say which it is.
"""

import os
import time

# Looks at the processes after which there may be more lanes, and the
# nanoseconds from one to the next.
_LOOKS = 4
_PAUSE_NS = 2_000_000

# What the kernel calls a thread that runs, or would if it could.
_RUNS = b'R'


def processors():
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0))


class Growth:
    """Tells when there are to be more lanes.

    :param most: int, how many there may be.
    :param available: int, processors that this process may use; None: ask.
    """

    def __init__(self, most, available=None):
        self._most = most
        self._processors = available or processors()
        self._lanes = 0
        # Of each process: descriptors of what the kernel tells of its
        # threads. None of one that is gone, which counts as one that waits.
        self._stats = {}
        self._begin()

    def _begin(self):
        self._looked = self._running = 0
        self._next = time.monotonic_ns() + _PAUSE_NS

    def add(self, pid=None):
        """Take note of a lane that has been started.

        :param pid: int, the process that was started for it, if one was.
        """
        self._lanes += 1
        if pid is not None:
            self._stats[pid] = {}
        self._begin()

    def close(self):
        """Watch none any more."""
        for stats in self._stats.values():
            for fd in stats.values():
                os.close(fd)
        self._stats.clear()

    def more(self):
        """Count the lanes to be started now. To be asked again and again
        while there is work that none of them has taken yet.

        :returns: int. As many as there are processors need no reason; beyond
            that, no more at once than there are already.
        """
        there = self._lanes
        if there < min(self._processors, self._most):
            return 1
        if there >= self._most or time.monotonic_ns() < self._next:
            return 0
        self._next = time.monotonic_ns() + _PAUSE_NS
        self._looked += 1
        # Each process has one thread more, which only waits.
        if sum(map(len, self._stats.values())) < there + len(self._stats):
            self._find()
        self._running += sum(any(map(_runs, stats.values()))
                             for stats in self._stats.values())
        if self._looked < _LOOKS:
            return 0
        waiting = 1 - self._running / (self._looked * len(self._stats))
        self._begin()
        return min(there, self._most - there) if waiting > 0.5 else 0

    def _find(self):
        """Watch the threads that there are by now."""
        for pid, stats in self._stats.items():
            try:
                for name in os.listdir(f'/proc/{pid}/task'):
                    if name not in stats:
                        stats[name] = os.open(f'/proc/{pid}/task/{name}/stat',
                                              os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                pass


def _runs(fd):
    try:
        # The name before it may have anything in it but a newline.
        text = os.pread(fd, 256, 0)
    except OSError:
        return False
    return text[text.rindex(b')') + 2:][:1] == _RUNS
