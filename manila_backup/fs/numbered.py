# SPDX-License-Identifier: Apache-2.0
"""Paths of directories that have numbers, each larger than that of the one
that it is in: so a path takes room once, however much is in it."""

from manila_backup.fs import handles

#: The root's number.
ROOT = 0


class Paths:
    """Paths of directories by their numbers.

    Whoever asks in about the order in which they were found gets each in a
    step or two: what the last path and the new one share is not looked up.

    :param look: called with a number; returns (number of the directory that
        it is in, which is smaller, name).
    """

    def __init__(self, look):
        self._look = look
        self._chain = [ROOT]
        self._depths = {ROOT: 0}
        self._ends = [0]
        self._path = handles.ROOT

    def path(self, number):
        """The path of a directory, as bytes.

        :raises Exception: what looking it up raises.
        """
        if number == self._chain[-1]:
            return self._path
        ways = []
        while number not in self._depths:
            parent, name = self._look(number)
            ways.append((number, name))
            number = parent
        depth = self._depths[number]
        for gone in self._chain[depth + 1:]:
            del self._depths[gone]
        del self._chain[depth + 1:], self._ends[depth + 1:]
        names = [name for _, name in reversed(ways)]
        if depth:
            names.insert(0, self._path[:self._ends[depth]])
        end = self._ends[depth]
        for number, name in reversed(ways):
            end += len(name) + (end > 0)
            self._depths[number] = len(self._chain)
            self._chain.append(number)
            self._ends.append(end)
        self._path = b'/'.join(names) if names else handles.ROOT
        return self._path
