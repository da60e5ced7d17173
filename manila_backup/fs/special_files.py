# SPDX-License-Identifier: Apache-2.0
"""Entries that are neither regular files nor directories."""

import errno
import os
import stat

from manila_backup.fs import attributes
from manila_backup.fs import dirent
from manila_backup.fs import errnos

_TRIES = 20


def read(directory, name):
    """The entry of anything but a directory.

    :returns: a :class:`~.dirent.Entry`; of kind ``F``, without a digest,
        for a regular file; None for a directory.
    :raises OSError: among others if it is gone.
    """
    for _ in range(_TRIES):
        try:
            return _read(directory, name)
        except OSError as exc:
            # Not a symbolic link any more: replaced since it was looked at.
            if exc.errno != errno.EINVAL:
                raise
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


def _read(directory, name):
    st = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if stat.S_ISREG(st.st_mode):
        return dirent.of_stat(b'F', name, st)
    kind = dirent.KINDS.get(stat.S_IFMT(st.st_mode))
    if kind is None:
        return None
    extra, size = None, 0
    if kind == b'L':
        extra = os.readlink(name, dir_fd=directory)
        size = len(extra)
    elif kind in b'CB':
        extra = st.st_rdev
    xattrs = attributes.read_xattrs(attributes.special(directory, name),
                                    follow=False)
    return dirent.of_stat(kind, name, st, extra, xattrs, size)


def make(directory, entry, setter, name=None, inherits=False):
    """Create anything but a regular file or directory, attributes and all.

    :param name: bytes, to create it under another name.
    :param inherits: bool, whether it may get attributes by itself.
    :returns: list of bytes for ``lost=``; just ``node`` if it can't be.
    """
    name = name or entry.name
    try:
        if entry.kind == b'L':
            os.symlink(entry.extra, name, dir_fd=directory)
        else:
            os.mknod(name, dirent.TYPES[entry.kind] | entry.mode,
                     entry.extra or 0, dir_fd=directory)
    except OSError as exc:
        if exc.errno == errno.EPERM or errnos.can_not_hold(exc):
            return [b'node']
        raise
    path = attributes.special(directory, name)
    lost = setter.apply(path, entry, os.stat(
        name, dir_fd=directory, follow_symlinks=False), follow=False,
        had=attributes.read_xattrs(path, follow=False) if inherits else ())
    # A chown takes bits off.
    if entry.kind != b'L' and not setter.set_mode(
            directory, name, entry, b'owner' not in lost) and (
                b'mode' not in lost):
        lost.append(b'mode')
    return lost
