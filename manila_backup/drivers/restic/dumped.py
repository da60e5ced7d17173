# SPDX-License-Identifier: Apache-2.0
"""Single files out of snapshots, for one to read them in pieces.

restic gives a file from its beginning on, so that all of it is had at once. It
is kept for as long as somebody reads on, in a file of this host that has no
name: nothing of it is left when the process ends, however it ends.
"""

import collections
import dataclasses
import os
import tempfile
import threading
import time

from manila_backup.contents import digests
from manila_backup.contents import stored_file
from manila_backup.drivers import base
from manila_backup.fs import content
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup import wording

# Files that are kept at once, and seconds for which each is that nobody reads.
_MOST = 4
_LASTS = 300.0


@dataclasses.dataclass
class _Dump:
    fd: handles.Handle
    digest: str
    until: float


class Dumps:
    """Files that are kept.

    :param clock: returns the time in seconds.
    """

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._guard = threading.Lock()
        self._kept = collections.OrderedDict()
        self._making = set()
        self._timer = None

    def open(self, key, make, folder, one):
        """Open a file.

        :param key: names it, once and for all.
        :param make: called with what takes each piece of it, as bytes, if it
            is not there yet; and with whether that was in vain once.
        :param folder: str, a directory of the file system to keep it in.
        :param one: its :class:`~manila_backup.contents.item.Item`.
        :returns: a :class:`~manila_backup.contents.stored_file.StoredFile`.
        :raises DriverError: it is being made, for somebody else.
        """
        with self._guard:
            self._expire()
            found = self._find(key)
            if found is None:
                if key in self._making:
                    raise base.DriverError('The file is being fetched.',
                                           retryable=True)
                self._making.add(key)
        if found is None:
            try:
                found = self._make(key, make, folder, one)
            finally:
                with self._guard:
                    self._making.discard(key)
        # restic has compared it with what it stored.
        return stored_file.StoredFile(os.dup(found.fd), one.path, one.size,
                                      found.digest, True)

    def _find(self, key):
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            found.until = self._clock() + _LASTS
        return found

    def _make(self, key, make, folder, one):
        with tempfile.TemporaryFile(dir=folder) as file:
            fd = handles.Handle(os.dup(file.fileno()))
        try:
            digest = self._written(fd, make)
            size = os.fstat(fd).st_size
        except OSError as exc:
            raise errors.failed('fetch the backup\'s', one.path,
                                exc) from exc
        if size != one.size:
            raise base.DamagedBackup(
                f'The backup\'s "{errors.printable(one.path)}" has '
                f'{wording.counted(size, "byte")}, not {one.size}.')
        found = _Dump(fd, digest, self._clock() + _LASTS)
        with self._guard:
            self._kept[key] = found
            if len(self._kept) > _MOST:
                # Whoever reads it goes on reading.
                self._kept.popitem(last=False)
            self._watch()
        return found

    @staticmethod
    def _written(fd, make):
        """Write all of it to a file; returns its digest."""
        for again in (False, True):
            os.lseek(fd, 0, os.SEEK_SET)
            os.ftruncate(fd, 0)
            running = digests.Running()

            def take(data, running=running):
                running.update(data)
                content.write_all(fd, data)
            try:
                make(take, again)
                break
            except base.DamagedBackup:
                if again:
                    raise
        return running.text()

    def _expire(self):
        now = self._clock()
        for key in [key for key, each in self._kept.items()
                    if each.until <= now]:
            del self._kept[key]

    def _watch(self):
        """Look again while there is anything."""
        if self._timer is None and self._kept:
            self._timer = threading.Timer(_LASTS / 4, self._look)
            self._timer.daemon = True
            self._timer.start()

    def _look(self):
        with self._guard:
            self._expire()
            self._timer = None
            self._watch()
