# SPDX-License-Identifier: Apache-2.0
"""Subvolumes of btrfs, by ioctl. Whatever is no btrfs answers ENOTTY."""

import errno
import fcntl
import os
import struct
import typing
import uuid

from manila_backup.fs import handles
from manila_backup.fs import removal

#: The inode of every subvolume's top.
TOP = 256

_VOLUME_ARGS = struct.Struct('<q4088s')
_VOLUME_ARGS_V2 = struct.Struct('<qQQ32x4040s')
_LOOKUP_ARGS = struct.Struct('<QQ4080s')
_INFO_SIZE = 1024
_INFO = struct.Struct('=16x16s')
# UUIDs of it and of what it is a snapshot of; generations of its last change
# and of its creation.
_SUBVOLUME = struct.Struct('<280xQ8x16s16s16x8xQ144x')
_REFERENCE = struct.Struct('<QQ')
_REFERENCES = 255
_REFERENCES_SIZE = 4096

_READ_ONLY = 1 << 1

WRITE, READ = 1, 2


def request(number, size, direction):
    """The number of an ioctl of btrfs."""
    return direction << 30 | size << 16 | 0x94 << 8 | number


_SYNC = request(8, 0, 0)
_SNAP_DESTROY = request(15, _VOLUME_ARGS.size, WRITE)
_INO_LOOKUP = request(18, _LOOKUP_ARGS.size, READ | WRITE)
_SNAP_CREATE_V2 = request(23, _VOLUME_ARGS_V2.size, WRITE)
_SUBVOL_CREATE_V2 = request(24, _VOLUME_ARGS_V2.size, WRITE)
_SUBVOL_SETFLAGS = request(26, 8, WRITE)
_FS_INFO = request(31, _INFO_SIZE, READ)
_GET_SUBVOL_INFO = request(60, _SUBVOLUME.size, READ)
_GET_SUBVOL_ROOTREF = request(61, _REFERENCES_SIZE, READ | WRITE)


def create(name, parent):
    """Make a subvolume; its mode is what the umask leaves of 0777.

    :param name: str.
    :param parent: int, descriptor of the directory to make it in.
    """
    _call(parent, _SUBVOL_CREATE_V2,
          _VOLUME_ARGS_V2.pack(0, 0, 0, os.fsencode(name)))


def snapshot(top, name, parent, writable=False):
    """Make a snapshot of a subvolume, without the subvolumes that are in it.

    :param top: int, descriptor of the subvolume's top.
    :raises OSError: EXDEV, if the directory ``parent`` is on another
        filesystem.
    """
    _call(parent, _SNAP_CREATE_V2,
          _VOLUME_ARGS_V2.pack(top, 0, 0 if writable else _READ_ONLY,
                               os.fsencode(name)))


def remove(name, parent, tick):
    """Remove a snapshot; not being there is no error.

    :param tick: called now and then if that takes long.
    """
    try:
        if os.stat(name, dir_fd=parent, follow_symlinks=False).st_ino == TOP:
            _call(parent, _SNAP_DESTROY,
                  _VOLUME_ARGS.pack(0, os.fsencode(name)))
            return
    except FileNotFoundError:
        return
    except PermissionError:
        # Only root may, unless the filesystem is mounted otherwise; but
        # whoever made it can make it writable, and empty it.
        fd = os.open(name, handles.DIRECTORY, dir_fd=parent)
        try:
            _call(fd, _SUBVOL_SETFLAGS, bytes(8))
        finally:
            os.close(fd)
    removal.remove(name, parent, tick)


def destroy(name, parent):
    """Remove a subvolume with all that is in it, which takes no longer for a
    large one: the kernel frees it afterwards.

    :param parent: int, descriptor of the directory that it is in.
    :returns: bool, whether that was done: not if it is none, has another in
        it, or nobody but root may.
    """
    try:
        if os.stat(name, dir_fd=parent, follow_symlinks=False).st_ino != TOP:
            return False
        _call(parent, _SNAP_DESTROY, _VOLUME_ARGS.pack(0, os.fsencode(name)))
        # Else nothing is freed before its next turn, in half a minute.
        fcntl.ioctl(parent, _SYNC)
        return True
    except OSError:
        return False


def has_quotas(fd):
    """Tell whether there are quotas on the filesystem that an open directory
    is on: those of a subvolume don't hold for the subvolumes in it.

    :raises OSError: it is no btrfs.
    """
    name = str(uuid.UUID(bytes=uuid_of(fd)))
    return os.path.exists(f'/sys/fs/btrfs/{name}/qgroups')


def children(top):
    """The subvolumes in a subvolume, however deep.

    :returns: iterator of (int, its number; int, the inode of the directory
        that it is in).
    """
    least = 0
    while True:
        args = bytearray(_REFERENCES_SIZE)
        struct.pack_into('<Q', args, 0, least)
        try:
            fcntl.ioctl(top, _GET_SUBVOL_ROOTREF, args)
        except OSError as exc:
            if exc.errno != errno.EOVERFLOW:    # there are more than fit
                raise
        count = args[8 + _REFERENCES * _REFERENCE.size]
        found = [_REFERENCE.unpack_from(args, 8 + index * _REFERENCE.size)
                 for index in range(count)]
        yield from found
        if count < _REFERENCES:
            return
        least = found[-1][0] + 1


def uuid_of(fd):
    """bytes, the UUID of the filesystem that an open directory is on."""
    args = bytearray(_INFO_SIZE)
    fcntl.ioctl(fd, _FS_INFO, args)
    return _INFO.unpack_from(args)[0]


class Subvolume(typing.NamedTuple):
    """Information about a subvolume.

    :ivar uuid: str; two never have the same.
    :ivar origin: str, that of what it is a snapshot of.
    :ivar changed: int, the generation in which it was last written to.
    :ivar created: int, the one in which it was made.
    """

    uuid: str
    origin: str
    changed: int
    created: int


def subvolume_of(fd):
    """Read the :class:`Subvolume` that an open directory is in."""
    args = bytearray(_SUBVOLUME.size)
    fcntl.ioctl(fd, _GET_SUBVOL_INFO, args)
    changed, own, origin, created = _SUBVOLUME.unpack(args)
    return Subvolume(own.hex(), origin.hex(), changed, created)


def number_of(fd):
    """int, the number of the subvolume that an open directory is in."""
    args = bytearray(_LOOKUP_ARGS.pack(0, TOP, b''))
    fcntl.ioctl(fd, _INO_LOOKUP, args)
    return _LOOKUP_ARGS.unpack(args)[0]


def path_of(top, inode):
    """Return the path of a directory in a subvolume; needs privileges.

    :returns: bytes, such as ``a/b/``; empty for the top.
    """
    args = bytearray(_LOOKUP_ARGS.pack(0, inode, b''))
    fcntl.ioctl(top, _INO_LOOKUP, args)
    return _LOOKUP_ARGS.unpack(args)[2].partition(b'\0')[0]


def make_directory(name, parent):
    """Make a directory, for its owner only: a subvolume where that can be,
    for snapshots of its own.

    :raises FileExistsError: it is there.
    """
    try:
        create(name, parent)
    except FileExistsError:
        raise
    except OSError:
        os.mkdir(name, 0o700, dir_fd=parent)
        return
    fd = os.open(name, handles.DIRECTORY, dir_fd=parent)
    try:
        os.fchmod(fd, 0o700)
    finally:
        os.close(fd)


def _call(fd, number, args):
    # A mutable buffer: only those may be so large.
    fcntl.ioctl(fd, number, bytearray(args))
