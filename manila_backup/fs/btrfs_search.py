# SPDX-License-Identifier: Apache-2.0
"""Search in the trees of btrfs for inodes that were written, by ioctl; for
root only.

Every block of such a tree has the generation in which it was written, which
only the kernel counts, so that all that has not changed since one is passed
over without being read, in whole branches. And each inode has the generation
in which it was last written itself: by any change of its content, its
attributes or its names, and of a directory by any change of what is in it.
Whoever may write to files can set neither.
"""

import fcntl
import stat
import struct
import typing

from manila_backup.fs import btrfs

# What to search: tree (0: the one at hand); least and most object, offset and
# generation; least and most type; how many items; 36 bytes unused; and the
# size of the room that follows.
_KEY = struct.Struct('=QQQQQQQIII36xQ')
_HEADER = struct.Struct('=QQQII')
# Bytes to have items put into; no item has more than the second.
_ROOM, _LITTLE = 1 << 20, 1 << 16
_SEARCH = btrfs.request(17, _KEY.size, btrfs.READ | btrfs.WRITE)

_MOST = (1 << 64) - 1
_FIRST_OBJECT, _LAST_OBJECT = btrfs.TOP, _MOST - 256

_INODE, _REFERENCE, _EXTENDED_REFERENCE = 1, 12, 13

# Of an inode: generation, number of links, mode, time of its last change.
_TRANSID = struct.Struct('<8xQ24xI8xI')
_CHANGED_AT = struct.Struct('<124xQI')
_IN_DIRECTORY = struct.Struct('<8xH')
_ANYWHERE = struct.Struct('<Q8xH')


class Inode(typing.NamedTuple):
    """An inode that was written.

    :ivar links: int, how many names it has.
    :ivar ctime: int, nanoseconds.
    """

    number: int
    links: int
    mode: int
    ctime: int

    @property
    def is_directory(self):
        """bool."""
        return stat.S_ISDIR(self.mode)


def written_since(fd, generation):
    """Find the inodes that were written in a generation or in a later one.

    :param fd: int, descriptor of anything in the subvolume.
    :returns: iterator of :class:`Inode`.
    :raises OSError: it can't be told: this is no btrfs, or not for root.
    """
    for number, _, kind, data in _items(
            fd, (_FIRST_OBJECT, 0, 0), (_LAST_OBJECT, 255, _MOST),
            generation):
        if kind != _INODE:
            continue
        written, links, mode = _TRANSID.unpack_from(data)
        if written >= generation:
            seconds, rest = _CHANGED_AT.unpack_from(data)
            yield Inode(number, links, mode, seconds * 10 ** 9 + rest)


def names(fd, inode):
    """Find the names of an inode.

    :returns: iterator of (inode of the directory, name as bytes).
    """
    for _, directory, kind, data in _items(
            fd, (inode, _REFERENCE, 0), (inode, _EXTENDED_REFERENCE, _MOST),
            size=_LITTLE):
        head = _IN_DIRECTORY if kind == _REFERENCE else _ANYWHERE
        at = 0
        while at < len(data):
            *found, size = head.unpack_from(data, at)
            at += head.size
            yield found[0] if found else directory, bytes(data[at:at + size])
            at += size


def _items(fd, least, most, generation=0, size=_ROOM):
    """Iterate over the items of a tree that are in blocks of a generation, or
    of a later one.

    :param least: (object, type, offset), the first key; so is ``most``.
    :param size: int, bytes that are asked for together.
    :returns: iterator of (object, offset, type, memoryview of the content).
    """
    room = bytearray(_KEY.size + size)
    while True:
        _KEY.pack_into(room, 0, 0, least[0], most[0], least[2], most[2],
                       generation, _MOST, least[1], most[1], (1 << 32) - 1,
                       size)
        fcntl.ioctl(fd, _SEARCH, room)
        count = _KEY.unpack_from(room)[9]
        if not count:
            return
        found = memoryview(bytes(room))
        at = _KEY.size
        for _ in range(count):
            _, number, offset, kind, length = _HEADER.unpack_from(found, at)
            at += _HEADER.size
            yield number, offset, kind, found[at:at + length]
            at += length
        if (number, kind, offset) >= most:
            return
        least = _next(number, kind, offset)


def _next(number, kind, offset):
    """The key after one."""
    if offset < _MOST:
        return number, kind, offset + 1
    if kind < 255:
        return number, kind + 1, 0
    return number + 1, 0, 0
