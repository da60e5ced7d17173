# SPDX-License-Identifier: Apache-2.0
"""Going through all directories below one, whatever the tree is like: what
still has to be seen takes a name for each directory, and no path."""

import os

from manila_backup import exception
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import spools

#: Bytes of the longest path that is gone: more than any tree needs (depth
#: 1,000 of the longest names), and little enough to be kept in memory.
LONGEST_PATH = 300_000


class Walk:
    """All directories, each after the one that it is in, and right after it
    what is below it. To be iterated over once, which goes to each of them:
    what the current one has in it that is to be walked through is :meth:`put`
    meanwhile.

    :param root: int, descriptor of the top.
    :param spool: a :class:`~.spools.Spool` for what does not fit into memory;
        None for one of its own.
    :param cross: bool, whether to enter what is mounted below the root.
    :ivar path: bytes, of the current directory; the top to begin with.
    :ivar depth: int, how many names that has.
    """

    def __init__(self, root, spool=None, cross=False):
        self._descent = handles.Descent(root, cross)
        self._spool = None if spool else spools.Spool(handles.scratch())
        self._stack = spools.Stack(spool or self._spool)
        self._ends = [0]
        self.path = handles.ROOT
        self.depth = 0

    def __iter__(self):
        """Yields the path of each directory, and lets go of all in the
        end."""
        try:
            yield self.path
            while self._next():
                yield self.path
        finally:
            self.close()

    def close(self):
        """Let go of all; for who does not iterate over it."""
        self._descent.close()
        if self._spool:
            self._spool.close()

    def below(self, path, names):
        """Go through some of the directories in another one, and what is
        below them, instead of through all. May be called again.

        :returns: as of :meth:`__iter__`.
        """
        ways = [] if path == handles.ROOT else path.split(b'/')
        self.path, self.depth = path, len(ways)
        self._ends = [0]
        for name in ways:
            self._ends.append(self._ends[-1] + len(name)
                              + (len(self._ends) > 1))
        for name in names:
            self.put(name)
        while self._next():
            yield self.path

    def entries(self):
        """List the current directory, and put those that are in it.

        :returns: iterator of os.DirEntry.
        :raises OSError: it can't be entered or read.
        """
        with handles.entries(self.enter()) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    self.put(os.fsencode(entry.name))
                yield entry

    def enter(self):
        """The current directory.

        :returns: a :class:`~.handles.Handle`; for the top, what was given.
        :raises OSError: it can't be.
        """
        return self._descent.enter(self.path)

    def enter_parent(self):
        """The directory that the current one is in, alike."""
        return self._descent.enter(handles.split(self.path)[0])

    def put(self, name):
        """Have a directory in the current one be walked through.

        :raises StorageFailed: its path would be too long.
        """
        if len(self.path) + 1 + len(name) > LONGEST_PATH:
            below = handles.join(self.path, name)
            raise exception.StorageFailed(
                f'"{errors.printable(below)}" is nested too deeply: its path '
                f'has more than {LONGEST_PATH} bytes.')
        self._stack.put((self.depth + 1, name))

    def _next(self):
        """Go to the next one. False if there is none."""
        item = self._stack.get()
        if item is None:
            return False
        self.depth, name = item
        self.path = (name if self.depth == 1 else
                     self.path[:self._ends[self.depth - 1]] + b'/' + name)
        self._ends[self.depth:] = [len(self.path)]
        return True
