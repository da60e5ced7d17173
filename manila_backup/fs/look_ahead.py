# SPDX-License-Identifier: Apache-2.0
"""Attributes of a directory's entries, asked for by many threads where each
answer takes long.

Of a local file system, an answer takes some microseconds, and threads would
only cost; over a network it takes as long as the way to the server and back,
during which any number of others can be asked for. The threads live only
while the caller waits for them: it may fork in between.
"""

import contextlib
import itertools
import threading
import time

# Entries that are looked at together; of them, those whose answers tell how
# long one takes; and the nanoseconds for all of these from which on the rest
# is asked for by threads.
_TOGETHER = 512
_PROBES = 4
_SLOW_NS = _PROBES * 150_000

# Threads at most, and how many entries are worth one.
_THREADS = 32
_WORTH = 4


def entries(listing):
    """Iterate over a directory, ahead of whoever uses its entries.

    :param listing: iterator of os.DirEntry, which remember what they were
        told. An error is raised where it is met.
    """
    while True:
        together, error = [], None
        try:
            for entry in itertools.islice(listing, _TOGETHER):
                together.append(entry)
        except OSError as exc:
            error = exc
        _look_at(together)
        yield from together
        if error:
            raise error
        if len(together) < _TOGETHER:
            return


def _look_at(together):
    waiting = iter(together)
    start = time.monotonic_ns()
    for entry in itertools.islice(waiting, _PROBES):
        _look(entry)
    if time.monotonic_ns() - start < _SLOW_NS:
        return

    def work():
        # To take the next one is a single step for all of them.
        for entry in waiting:
            _look(entry)

    threads = [threading.Thread(target=work) for _ in range(
        min(_THREADS, (len(together) - _PROBES) // _WORTH))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _look(entry):
    # Whoever uses the entry meets the error again.
    with contextlib.suppress(OSError):
        if not entry.is_dir(follow_symlinks=False):
            entry.stat(follow_symlinks=False)
