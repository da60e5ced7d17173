# SPDX-License-Identifier: Apache-2.0
"""Calls of which many are under way at once where each answer takes long.

Of a local file system, an answer takes some microseconds, and threads would
only cost; over a network it takes as long as the way to the server and back,
during which any number of others can be asked for. The threads live only
while the caller waits for them: it may fork in between.
"""

import itertools
import os
import threading
import time

#: Nanoseconds from which on an answer takes long.
SLOW_NS = 150_000

# Calls whose answers tell how long one takes.
_PROBES = 4

# Threads at most, and how many calls are worth one.
_THREADS = 32
_WORTH = 2


def each(function, items):
    """Call a function with each of some items, in any order.

    :param function: must not raise, and may run in several threads at once.
    :param items: list.
    """
    waiting = iter(items)
    start = time.monotonic_ns()
    for item in itertools.islice(waiting, _PROBES):
        function(item)

    def work():
        # To take the next one is a single step for all threads.
        for item in waiting:
            function(item)

    if time.monotonic_ns() - start < _PROBES * SLOW_NS:
        work()
        return
    threads = [threading.Thread(target=work) for _ in range(
        min(_THREADS, -(-(len(items) - _PROBES) // _WORTH)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def opened(function, items):
    """Call a function that opens something with each of some items.

    :param function: returns a descriptor; see :func:`each` otherwise.
    :returns: list of int, in the order of the items.
    :raises OSError: the first that there was; then none stays open.
    """
    found, failed = {}, []

    def call(number):
        try:
            found[number] = function(items[number])
        except OSError as exc:
            failed.append(exc)

    each(call, list(range(len(items))))
    if failed:
        for fd in found.values():
            os.close(fd)
        raise failed[0]
    return [found[number] for number in range(len(items))]
