# SPDX-License-Identifier: Apache-2.0
"""Reading a file of the share while others may write to it.

What tells of a change is the ctime. The kernel sets it when a write begins,
and when a page of a memory map is first stored to after it was last saved. So
what a write does that was begun before, or a store into a page that waits to
be saved already, leaves no trace in it. Both are only possible for a while
after a ctime: of pages, since the share was synced. A file whose ctime is as
young as that is read a second time. Where both readings agree, each byte was
the same from the first to the second: they have what the file was in between.
"""

import errno
import os
import stat
import time

from manila_backup.fs import content
from manila_backup.fs import errors
from manila_backup.fs import handles

#: Of one that isn't there any more, or can't be opened since it is another.
GONE = errors.GONE | {errno.ENXIO, errno.ENODEV}

# Of a symbolic link; of a socket, or a device without a driver.
_OTHER = {errno.ELOOP, errno.ENXIO, errno.ENODEV}

# A change within the clock tick of the one before leaves the ctime as it is:
# a file is only read once its last change is older than any tick.
_TICK_NS = 20_000_000

# How long a single write may take.
_WRITE_NS = 5_000_000_000


class Gone(Exception):
    """An entry that was listed is gone."""


class Other(Exception):
    """Not a regular file any more."""


def surely_from(synced_ns):
    """Up to when a ctime is surely that of the last change.

    :param synced_ns: int, when syncing the share began.
    :returns: int, nanoseconds like that.
    """
    return synced_ns - _WRITE_NS


def open_file(directory, name):
    """Open what was a regular file.

    :param directory: int, descriptor of the directory it is in.
    :returns: int, a descriptor.
    :raises Gone: it isn't there.
    :raises Other: it is nothing that could be opened.
    :raises content.Changed: another process has it for itself right now, or
        puts others in its place.
    :raises OSError: it can't be read.
    """
    flags = handles.READ | os.O_NOATIME
    denied = None
    while True:
        try:
            return os.open(name, flags, dir_fd=directory)
        except OSError as exc:
            if exc.errno == errno.EPERM and flags != handles.READ:
                flags = handles.READ    # only its owner may say O_NOATIME
                continue
            if exc.errno == errno.EAGAIN:
                raise content.Changed from exc  # someone has a lease
            if exc.errno in _OTHER:
                raise Other from exc
            if exc.errno in GONE:
                raise Gone from exc
            if exc.errno != errno.EACCES:
                raise
            # It, or a device that was in its place just then: those can't be
            # opened.
            st = _regular(directory, name)
            if st is None:
                raise Other from exc
            if denied is None:
                denied = st
            elif os.path.samestat(denied, st) and content.same(denied, st):
                raise
            else:
                raise content.Changed from exc


def _regular(directory, name):
    """A regular file's os.stat_result; None if it is none."""
    try:
        st = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return None
    return st if stat.S_ISREG(st.st_mode) else None


def settle(fd):
    """Wait until a further change of a file would show.

    :returns: os.stat_result.
    :raises Other: it is no regular file.
    :raises content.Changed: it did change.
    """
    st = os.fstat(fd)
    if not stat.S_ISREG(st.st_mode):
        raise Other
    if 0 <= time.time_ns() - st.st_ctime_ns < _TICK_NS:
        time.sleep(_TICK_NS / 1e9)
        if not content.may_be_same(os.fstat(fd), st):
            raise content.Changed
    return st


def check(fd, st, digest, tick):
    """Make sure that what was read of a file is what it was all the time.

    One whose last name was removed meanwhile, as programs do that save a file
    by renaming a new one, is as good as another, and read a second time.

    :param st: os.stat_result from before it was read.
    :param digest: bytes, of what was read.
    :param tick: called with the number of bytes after each chunk.
    :raises content.Changed: it is not, or nobody can tell.
    """
    if content.same(os.fstat(fd), st):
        return
    if not content.may_be_same(os.fstat(fd), st):
        raise content.Changed
    again(fd, st, digest, tick)
    if not content.may_be_same(os.fstat(fd), st):
        raise content.Changed


def again(fd, st, digest, tick):
    """Read a file a second time.

    :param st: os.stat_result from before it was read.
    :param digest: bytes, of what was read.
    :param tick: called with the number of bytes after each chunk.
    :raises content.Changed: it has something else now.
    """
    os.lseek(fd, 0, os.SEEK_SET)
    if content.digest(fd, st.st_size, digest, tick) != digest:
        raise content.Changed
