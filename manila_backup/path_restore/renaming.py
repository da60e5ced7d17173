# SPDX-License-Identifier: Apache-2.0
"""Giving what was made aside its place."""

import contextlib
import errno
import os

from manila_backup.fs import handles
from manila_backup.fs import syscalls

_UNKNOWN = frozenset((errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP))


def put(name, final, source, target):
    """Rename to a name that nothing has; that of a directory may be that of
    an empty one.

    :param name: bytes.
    :param final: bytes, the new name.
    :param source: int, descriptor of the directory that it is in.
    :param target: int, of the one that it gets into.
    :raises FileExistsError: something has the name.
    """
    try:
        syscalls.rename_new(name, final, source, target)
        return
    except OSError as exc:
        if exc.errno not in _UNKNOWN:
            raise
    try:
        # Of what gets the name meanwhile, a link leaves all as it is.
        os.link(name, final, src_dir_fd=source, dst_dir_fd=target,
                follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:     # a directory, which replaces none but an empty one
        if handles.look(target, final) is not None:
            raise FileExistsError(errno.EEXIST,
                                  os.strerror(errno.EEXIST)) from None
        os.rename(name, final, src_dir_fd=source, dst_dir_fd=target)
    else:
        handles.unlink(name, source)


def exchange(name, final, source, target):
    """Rename a directory over something that is none. Whatever ends this, the
    name has one of the two, where the file system can do that.

    Arguments are as for :func:`put`.
    """
    try:
        syscalls.exchange(name, final, source, target)
    except OSError as exc:
        if exc.errno not in _UNKNOWN:
            raise
        handles.unlink(final, target)
        put(name, final, source, target)
    else:
        handles.unlink(name, source)


def replace(name, final, source, target):
    """Rename over something that is no directory. The times of the directory
    stay: it has the same names as before."""
    st = os.fstat(target)
    os.rename(name, final, src_dir_fd=source, dst_dir_fd=target)
    with contextlib.suppress(OSError):
        os.utime(target, ns=(st.st_atime_ns, st.st_mtime_ns))
