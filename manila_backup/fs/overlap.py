# SPDX-License-Identifier: Apache-2.0
"""Reading, digesting and writing of one large file at the same time.

Some threads read ahead and write behind, while whoever asked for it digests
one chunk after another: so where storage answers slowly, several calls are
under way for the one file, and where it does not, the digest costs no time of
its own as long as a processor is free. The threads live only as long as the
copy of the file does.
"""

import collections
from concurrent.futures import thread
import mmap
import os
import threading

#: Bytes of a file from which on it is worth the threads.
FROM = 8 << 20

# Bytes read in one call; buffers; threads.
_CHUNK = 1 << 19
_BUFFERS = 4
_THREADS = 3


class _Account(threading.local):
    """Bytes that were moved for this thread by others, so far."""

    moved = 0


_account = _Account()


def moved():
    """Count the bytes that others have read or written for this thread,
    whichever is more: the kernel has them in their accounts."""
    return _account.moved


def chunks(source, size, write):
    """Read an open file in order, and write it behind.

    :param source: int, a descriptor; its position does not count.
    :param size: int, bytes to read.
    :param write: called in any thread, and in any order, with a memoryview
        and its offset.
    :returns: iterator of memoryviews, of which each is good until the next one
        is asked for. Where the file ends before, so does it.
    :raises OSError: what reading or writing raises.
    """
    free = [memoryview(mmap.mmap(-1, _CHUNK, mmap.MAP_PRIVATE
                                 | mmap.MAP_ANONYMOUS))
            for _ in range(_BUFFERS)]
    reading, writing = collections.deque(), collections.deque()
    asked = 0
    with thread.ThreadPoolExecutor(_THREADS) as pool:
        try:
            while True:
                while free and asked < size:
                    view = free.pop()
                    part = view[:min(_CHUNK, size - asked)]
                    reading.append((pool.submit(_read, source, part, asked),
                                    view, asked))
                    asked += len(part)
                if not reading:
                    break
                found, view, offset = reading.popleft()
                part = view[:found.result()]
                if not part:
                    break
                writing.append((pool.submit(write, part, offset), view))
                yield part
                _account.moved += len(part)
                while writing and (writing[0][0].done() or not reading):
                    written, view = writing.popleft()
                    written.result()
                    free.append(view)
            for written, _ in writing:
                written.result()
        finally:
            for found, *_ in (*reading, *writing):
                found.cancel()


def _read(fd, view, offset):
    """Fill a buffer.

    :returns: int, bytes; fewer than it has room for where the file ends.
    """
    done = 0
    while done < len(view):
        count = os.preadv(fd, (view[done:],), offset + done)
        if not count:
            break
        done += count
    return done
