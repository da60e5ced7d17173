# SPDX-License-Identifier: Apache-2.0
"""Inode flags, as chattr sets them, and project ids.

They stand among an entry's extended attributes, by names that no real one can
have. They are kept in the manifest, and never set on what is stored. An entry
without them tells nothing: a restore then leaves what the share has.
"""

import fcntl
import os
import struct
import sys

from manila_backup.fs import clones

_64 = sys.maxsize > 1 << 32
_GETFLAGS = 0x80086601 if _64 else 0x80046601
_SETFLAGS = 0x40086602 if _64 else 0x40046602
_GETXATTR, _SETXATTR = 0x801C581F, 0x401C5820

# Flags, extent size, number of extents, project, extent size of copies.
_FSXATTR = struct.Struct('=IIIII8x')

# The kernel uses half of what it says.
_FLAGS = struct.Struct('=I4x')

_FIXED = 0x10 | 0x20    # immutable, append only

# Synchronous, no dump, no access times, journalled data, no tails, synchronous
# directory, top of trees, no copy on write, direct access, project inherited.
_KEPT = (0x8 | 0x40 | 0x80 | 0x4000 | 0x8000 | 0x10000 | 0x20000 | 0x800000
         | 0x2000000 | 0x20000000)
_NO_COW = 0x800000

# As FS_IOC_FSGETXATTR has it.
_PREALLOCATED = 0x2

# Less may be what attributes take, or the rest of a block.
_LEAST_ROOM = 1 << 16

FLAGS, PROJECT = '*flags', '*project'
NAMES = frozenset((FLAGS, PROJECT))


def _flags(fd):
    """None where there are none."""
    try:
        return _FLAGS.unpack(fcntl.ioctl(fd, _GETFLAGS,
                                         bytes(_FLAGS.size)))[0]
    except OSError:
        return None


def _extended(fd):
    """Read _FSXATTR as a list; None if the file system has none."""
    try:
        return list(_FSXATTR.unpack(fcntl.ioctl(fd, _GETXATTR,
                                                bytes(_FSXATTR.size))))
    except OSError:
        return None


def are_there(fd):
    """Tell whether the file system of an open file or directory has any."""
    return _flags(fd) is not None or _extended(fd) is not None


def project(fd):
    """The project id of an open file or directory; None where there is
    none."""
    found = _extended(fd)
    return found and found[3]


def read(fd, usual):
    """Read the inode attributes of an open file or directory that a backup
    keeps.

    :param usual: int, the project id of the share's root, as all have it
        that were made there; None if the share has none.
    :returns: (whether it is immutable or append only, attributes as tuple of
        (name, value)).
    """
    flags = _flags(fd) or 0
    found = ()
    if flags & _KEPT:
        found = ((FLAGS, b'%x' % (flags & _KEPT)),)
    if usual is not None:
        mine = project(fd)
        if mine not in (None, usual):
            found += ((PROJECT, b'%d' % mine),)
    return bool(flags & _FIXED), found


def has_room(fd, st):
    """Tell whether space was preallocated beyond a file's end. xfs does so by
    itself, for a while, and flags only what it was told to allocate.

    :param st: os.stat_result of the open file.
    """
    if st.st_blocks * 512 - st.st_size < _LEAST_ROOM:
        return False        # of almost all, and that costs nothing
    found = _extended(fd)
    if found and found[2] and not found[0] & _PREALLOCATED:
        return False        # xfs alone tells the number of extents
    try:
        end = -(-st.st_size // _LEAST_ROOM) * _LEAST_ROOM
        return clones.is_allocated_at(fd, end)
    except OSError:
        return False


def current(fd, xattrs):
    """Read the current values of those inode attributes of an open file or
    directory that an entry has; tuple of (name, value)."""
    found = []
    for name, _ in xattrs:
        if name == FLAGS:
            found.append((name, b'%x' % ((_flags(fd) or 0) & _KEPT)))
        elif name == PROJECT:
            found.append((name, b'%d' % (project(fd) or 0)))
    return tuple(found)


def prepare(fd, xattrs):
    """Set what can only be set on a file that is empty."""
    for name, value in xattrs:
        if name == FLAGS and int(value, 16) & _NO_COW:
            _set_flags(fd, _NO_COW, _NO_COW)


def put(fd, name, value):
    """Set one.

    :param fd: int, an open file or directory; or a path, which has none.
    :returns: bool, whether that was possible.
    """
    try:
        if not isinstance(fd, int):
            return False
        if name == FLAGS:
            return _set_flags(fd, int(value, 16) & _KEPT, _KEPT)
        found = _extended(fd)
        if found is None:
            return False
        found[3] = int(value)
        fcntl.ioctl(fd, _SETXATTR, _FSXATTR.pack(*found))
        return True
    except (OSError, ValueError, struct.error):
        return False


def _set_flags(fd, wanted, mask):
    have = _flags(fd)
    if have is None:
        return not wanted
    if have & mask == wanted:
        return True
    try:
        fcntl.ioctl(fd, _SETFLAGS, _FLAGS.pack(have & ~mask | wanted))
    except OSError:
        return False
    return _flags(fd) & mask == wanted


def has_any(directory, name, usual):
    """Tell whether a regular file has inode attributes that a backup keeps.

    :param directory: int, a descriptor.
    """
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                     | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return False        # whoever copies it tells
    try:
        return bool(read(fd, usual)[1])
    finally:
        os.close(fd)
