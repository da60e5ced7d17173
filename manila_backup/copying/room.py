# SPDX-License-Identifier: Apache-2.0
"""Ways to give a file of a share other content where it has no room for both:
a clone of it, into which what differs is written; the file itself; or its
room, once it is removed.
"""

import contextlib
import errno
import os
import stat

from manila_backup.fs import attributes
from manila_backup.fs import clones
from manila_backup.fs import content
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import syscalls

_UPDATE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def clone_of(directory, name, place, temporary):
    """Make a file that shares the blocks of another one.

    :param directory: int, descriptor of where that is.
    :param place: int, of where to make it; ``temporary`` its name there.
    :returns: int, descriptor for reading and writing; None if that can't be,
        and then there is nothing of it.
    """
    try:
        old = os.open(name, handles.READ, dir_fd=directory)
    except OSError:
        return None
    try:
        target = os.open(temporary, handles.CREATE_AND_READ, 0o600,
                         dir_fd=place)
        try:
            clones.clone(old, target)
        except OSError:
            os.close(target)
            handles.unlink(temporary, place)
            return None
        return target
    except OSError as exc:
        if errors.is_full(exc):
            return None
        raise
    finally:
        os.close(old)


def for_changes(directory, name, entry, source, is_shared):
    """Open a file to be changed itself, once there is room for all of it.
    Until it has all that it should have, nobody but its owner can use it.

    What gives privileges is never made of a file that somebody else may have
    open.

    :param entry: what it is to become.
    :param source: int, descriptor of what has its content.
    :param is_shared: function of an os.stat_result, which tells whether it has
        other names than those that change with it.
    :returns: int, descriptor for reading and writing; None if it must not be
        changed.
    """
    if attributes.gives_privileges(entry):
        return None
    try:
        target = os.open(name, _UPDATE, dir_fd=directory)
    except OSError:
        return None         # a program that runs, for one
    try:
        st = os.fstat(target)
        if stat.S_ISREG(st.st_mode) and not is_shared(st) and (
                _reserve(source, target, entry.size)):
            os.fchmod(target, 0o600)
            found, target = target, None
            return found
        return None
    finally:
        if target is not None:
            os.close(target)


def free(directory, name, source):
    """Remove a file, if that makes room enough for another one. The times of
    the directory stay.

    :param source: int, descriptor of a file that is as large as that.
    :raises OSError: it would not help, and nothing was removed.
    """
    old = os.stat(name, dir_fd=directory, follow_symlinks=False)
    lacking = os.fstat(source).st_blocks * 512
    if old.st_nlink == 1:
        lacking -= old.st_blocks * 512
    if not (_has(directory, lacking) and _can_allocate(directory, lacking)):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    st = os.fstat(directory)
    handles.unlink(name, directory)
    with contextlib.suppress(OSError):
        os.utime(directory, ns=(st.st_atime_ns, st.st_mtime_ns))


def _reserve(source, target, size):
    """Allocate in a file what it lacks of the blocks that another one has;
    where that is impossible, estimate whether they could be.

    :param size: int, of the source.
    :returns: bool, whether there is room; if not, it is as it was.
    """
    st = os.fstat(target)
    try:
        for start, end in content.segments(source, size):
            syscalls.allocate(target, start, end - start)
        return True
    except OSError as exc:
        if not errors.is_full(exc):
            return _has(target, (os.fstat(source).st_blocks
                                 - st.st_blocks) * 512)
    # What is allocated beyond its end.
    os.ftruncate(target, st.st_size)
    os.utime(target, ns=(st.st_atime_ns, st.st_mtime_ns))
    return False


def _has(fd, size):
    """Tell whether a file system says that it has room.

    :param size: int, bytes.
    """
    there = os.fstatvfs(fd)
    return there.f_bavail * there.f_frsize >= size


def _can_allocate(directory, size):
    """Tell whether there is room that may be used, as a quota has it; True
    where there is no way to try.

    :param size: int, bytes.
    """
    if size <= 0:
        return True
    try:
        probe = os.open('.', os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC,
                        0o600, dir_fd=directory)
    except OSError:
        return True
    try:
        syscalls.allocate(probe, 0, size)
        return True
    except OSError as exc:
        return not errors.is_full(exc)
    finally:
        os.close(probe)
