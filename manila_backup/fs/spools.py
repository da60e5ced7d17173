# SPDX-License-Identifier: Apache-2.0
"""Stacks and queues in scratch files, which take no memory."""

import collections
import marshal
import os

from manila_backup.fs import errors

# What of a stack is in memory at most is twice that.
_KEPT = 4096

_CHUNK = 100

# How much of a spool is in memory, if it may be.
_IN_MEMORY = 8 << 20


class Spool:
    """Objects in a scratch file, found again by their place in it.

    :param fd: int, a descriptor of its own for all that share it.
    :param in_memory: bool, whether the first part of it takes memory instead,
        for where each use of the file is a way over a network.
    """

    def __init__(self, fd, in_memory=False):
        self.fd = fd
        self._memory = os.memfd_create('spool') if in_memory else None
        self._end = 0

    def close(self):
        """Close the file."""
        os.close(self.fd)
        if self._memory is not None:
            os.close(self._memory)

    def resume(self):
        """Go on at the end of what another process has put into it."""
        self._end = os.fstat(self.fd).st_size

    def put(self, thing):
        """Append something that ``marshal`` can hold.

        :returns: (offset, size).
        """
        data = marshal.dumps(thing)
        fd = self.fd
        if self._memory is not None:
            if self._end + len(data) <= _IN_MEMORY:
                fd = self._memory
            else:
                self._end = max(self._end, _IN_MEMORY)
        offset = self._end
        view = memoryview(data)
        try:
            while view:
                done = os.pwrite(fd, view, self._end)
                self._end += done
                view = view[done:]
        except OSError as exc:
            raise errors.failed('write to a', 'scratch file',
                                exc) from exc
        return offset, len(data)

    @property
    def size(self):
        """int, bytes that were put into it here."""
        return self._end

    def get(self, offset, size):
        fd = (self.fd if self._memory is None or offset >= _IN_MEMORY
              else self._memory)
        data = os.pread(fd, size, offset)
        while len(data) < size:
            more = os.pread(fd, size - len(data), offset + len(data))
            if not more:
                raise EOFError('a scratch file was cut short')
            data += more
        return marshal.loads(data)


class Stack:
    """Last in, first out; what is too much goes to disk.

    :param spool: a :class:`~.spools.Spool`.
    """

    def __init__(self, spool):
        self._spool = spool
        self._items = []
        self._chunks = []

    def put(self, item):
        self._items.append(item)
        if len(self._items) >= 2 * _KEPT:
            self._chunks.append(self._spool.put(self._items[:_KEPT]))
            del self._items[:_KEPT]

    def get(self):
        """The next one, or None."""
        if not self._items and self._chunks:
            self._items = self._spool.get(*self._chunks.pop())
        return self._items.pop() if self._items else None


class PathQueue:
    """Paths, first in, first out, kept in a scratch file. Of what a path
    begins with as the one before it does, only the length is kept.

    :param spool: a :class:`~.spools.Spool`.
    """

    def __init__(self, spool):
        self._spool = spool
        self._chunks = collections.deque()
        self._first = collections.deque()
        self._items = []
        self._put = self._got = b''

    def put(self, path):
        same = _common(path, self._put)
        self._items.append((same, path[same:]))
        self._put = path
        if len(self._items) >= _CHUNK:
            self._chunks.append(self._spool.put(self._items))
            self._items = []

    def get(self):
        """The next one, or None."""
        if not self._first:
            if self._chunks:
                self._first.extend(self._spool.get(*self._chunks.popleft()))
            else:
                self._first.extend(self._items)
                self._items = []
        if not self._first:
            return None
        same, rest = self._first.popleft()
        self._got = self._got[:same] + rest
        return self._got


def _common(one, other):
    """Return the length in bytes of the common prefix."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
