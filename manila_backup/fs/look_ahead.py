# SPDX-License-Identifier: Apache-2.0
"""Attributes of a directory's entries, asked for ahead of whoever uses them;
many at once where each answer takes long: see :mod:`.at_once`."""

import contextlib
import itertools
import os
import time

from manila_backup.fs import at_once
from manila_backup.fs import handles

# Entries that are looked at together.
_TOGETHER = 512

# Entries of a directory, at most, that are asked for because one was.
_MOST = 2048


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
        at_once.each(_look, together)
        yield from together
        if error:
            raise error
        if len(together) < _TOGETHER:
            return


def _look(entry):
    # Whoever uses the entry meets the error again.
    with contextlib.suppress(OSError):
        if not entry.is_dir(follow_symlinks=False):
            entry.stat(follow_symlinks=False)


class Looker:
    """Looks at entries of one directory after another.

    Where the first look into a directory takes long, those that follow are
    made ready by listing it: over a network, a listing brings hundreds of
    entries with their attributes in the time that a look at one takes.
    """

    def __init__(self):
        self._path = None

    def stat(self, path, directory, name):
        """Return the os.stat_result of an entry, whose links are not followed.

        :param path: bytes, of the directory.
        :param directory: int, its descriptor.
        """
        if path == self._path:
            return os.stat(name, dir_fd=directory, follow_symlinks=False)
        self._path = path
        start = time.monotonic_ns()
        st = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if time.monotonic_ns() - start >= at_once.SLOW_NS:
            with contextlib.suppress(OSError), handles.entries(
                    directory) as listing:
                for _ in itertools.islice(entries(listing), _MOST):
                    pass
        return st
