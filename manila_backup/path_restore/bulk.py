# SPDX-License-Identifier: Apache-2.0
"""Making directories with many entries, by several processes.

It is for those that are made aside: nothing else is in them, and nobody sees
them before they are whole. The operation's own process walks through the index
and makes the directories in them. Entries that are no directories it puts into
batches, of one directory each, which whoever is free works through. What may
have more names comes back, and is made after all others, by one process; then
the directories get their attributes.
"""

import os

from manila_backup.contents import database
from manila_backup.contents import item
from manila_backup.copying import pool
from manila_backup.fs import handles
from manila_backup.fs import spools
from manila_backup.path_restore import frames

#: Entries below which more processes are not worth their starts.
FEW = 200

_BATCH = 250


class Bulk:
    """The batches, the processes, and the directories that are still to be
    finished; a context manager.

    :param placed: the :class:`~.placing.Placing`.
    :param processes: int, the most.
    :param progress: each process counts in a slot of its own.
    """

    def __init__(self, placed, processes, progress):
        self._placed = placed
        self._processes = processes
        self._progress = progress
        self._spools = [spools.Spool(handles.scratch())
                        for _ in range(processes + 2)]
        self._left = spools.Stack(self._spools[-1])
        self._place = None
        self._items = []

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        for spool in self._spools:
            os.close(spool.fd)

    # -- the operation's own process

    def add(self, one):
        """Put an entry of the directory at hand into a batch.

        :returns: a batch that is to be worked through, or None.
        """
        full = None
        if self._placed.place != self._place or len(self._items) == _BATCH:
            full = self.rest()
            self._place = self._placed.place
        self._items.append(tuple(one))
        return full

    def rest(self):
        """Return the batch with the last entries, or None."""
        if not self._items:
            return None
        span = self._spools[0].put((self._place, self._items))
        self._items = []
        return 0, *span

    def leave(self):
        """Go back from the directory at hand, which is finished later."""
        self._left.put(self._placed.put_off())

    def run(self, batches, make):
        """Have batches worked through, then finish.

        :param batches: iterator of them.
        :param make: called with an item, in any of the processes, when the
            directory that it is to be in is at hand: makes it, unless it may
            have more names and ``placed.leaves_links``; returns whether that
            was done.
        :raises NoRoom: there is none.
        :raises OSError: of a directory.
        """
        back = []
        for told in pool.run(self._processes, lambda inbox, number: (
                self._work(inbox, number, make)), batches, self._progress,
                threads=False):
            if isinstance(told, Exception):
                raise told
            done, more = told
            self._placed.include(done)
            back += more
        for span in back:
            for one in self._stand(span):
                make(one)
        while left := self._left.get():
            self._placed.finish(left)

    def _stand(self, span):
        """Have the directory of a batch at hand; returns its items."""
        number, offset, size = span
        place, items = self._spools[number].get(offset, size)
        self._placed.stand(place)
        return [item.Item(*each) for each in items]

    # -- any of the others

    def _work(self, inbox, number, make):
        self._placed.share()
        spool = self._spools[number]
        spool.resume()
        back = []
        try:
            for span in inbox:
                left = [tuple(one) for one in self._stand(span)
                        if not make(one)]
                if left:
                    back.append((number, *spool.put((
                        self._placed.place, left))))
        except (frames.NoRoom, database.DamagedIndex) as exc:
            for _ in inbox:
                pass    # nobody is to write to what nobody reads
            return exc
        return self._placed.done(), back


class Below:
    """Iterator over what is below a directory, up to its end.

    :param walk: iterator, as of
        :meth:`~manila_backup.contents.reader.Reader.walk`, in that directory.
    """

    def __init__(self, walk):
        self._walk = walk
        self._depth = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self._depth < 0:
            raise StopIteration
        one = next(self._walk, None)
        if one is None:
            self._depth -= 1
            if self._depth < 0:
                raise StopIteration
        else:
            self._depth += one.is_directory
        return one

    def skip(self):
        """Pass over the rest."""
        for _ in self:
            pass
