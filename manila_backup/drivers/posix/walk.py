# SPDX-License-Identifier: Apache-2.0
"""Going through all directories below one, whatever the tree is like: what
still has to be seen takes a name for each directory, and no path."""

import collections

from manila_backup.drivers import base
from manila_backup.drivers.posix import beneath
from manila_backup.drivers.posix import errors

#: Bytes of the longest path that is gone: more than any tree needs (depth
#: 1,000 of the longest names), and little enough to be kept in memory.
LONGEST_PATH = 300_000

# What of a stack is in memory at most is twice that.
_KEPT = 4096

_CHUNK = 100


class Stack:
    """Last in, first out; what is too much goes to disk.

    :param spool: a :class:`~.scan.Spool`.
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

    :param spool: a :class:`~.scan.Spool`.
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
    """How many bytes two have in common from the beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class Walk:
    """All directories, each after the one that it is in, and right after it
    what is below it.

    :param root: int, descriptor of the top.
    :param spool: a :class:`~.scan.Spool` for what does not fit into memory.
    :param cross: bool, whether to enter what is mounted below the root.
    :ivar path: bytes, of the current directory; the top to begin with.
    :ivar depth: int, how many names that has.
    """

    def __init__(self, root, spool, cross=False):
        self._descent = beneath.Descent(root, cross)
        self._stack = Stack(spool)
        self._ends = [0]
        self.path = beneath.ROOT
        self.depth = 0

    def enter(self):
        """The current directory.

        :returns: int, a descriptor that is valid until the next is entered.
        :raises OSError: it can't be.
        """
        return self._descent.enter(self.path)

    def enter_parent(self):
        """The directory that the current one is in, alike."""
        return self._descent.enter(self.path.rpartition(b'/')[0]
                                   or beneath.ROOT)

    def put(self, name):
        """Have a directory in the current one be walked through.

        :raises DriverError: its path would be too long.
        """
        if len(self.path) + 1 + len(name) > LONGEST_PATH:
            below = beneath.join(self.path, name)
            raise base.DriverError(
                f'"{errors.printable(below)}" is nested too deeply: its path '
                f'has more than {LONGEST_PATH} bytes.')
        self._stack.put((self.depth + 1, name))

    def next(self):
        """Go to the next one. False if there is none."""
        item = self._stack.get()
        if item is None:
            return False
        self.depth, name = item
        self.path = (name if self.depth == 1 else
                     self.path[:self._ends[self.depth - 1]] + b'/' + name)
        self._ends[self.depth:] = [len(self.path)]
        return True

    def close(self):
        self._descent.close()
