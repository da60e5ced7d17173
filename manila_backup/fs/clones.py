# SPDX-License-Identifier: Apache-2.0
"""Files that share their blocks with others, where a filesystem can."""

import fcntl
import os
import struct

from manila_backup.fs import handles

_FICLONE = 0x40049409
_FS_IOC_FIEMAP = 0xC020660B

# Start, length, flags, extents mapped, room for extents, reserved; followed
# by extents: logical, physical, length, two reserved, flags, three reserved.
_HEAD = struct.Struct('=QQIIII')
_EXTENT = struct.Struct('=QQQQQIIII')
_ROOM = 256

_SYNC = 1               # write first what has no place on the disk yet
_LAST, _SHARED = 1, 0x2000


def clone(source, target):
    """Make an empty open file share all the blocks of another.

    :raises OSError: the filesystem can't do it, or not for these.
    """
    fcntl.ioctl(target, _FICLONE, source)


def is_supported(directory):
    """Tell whether files in a directory can share blocks.

    :param directory: int, a descriptor.
    """
    opened = []
    try:
        for _ in range(2):
            opened.append(handles.scratch(directory))
        one, other = opened
        os.write(one, bytes(4096))
        clone(one, other)
        return True
    except OSError:
        return False
    finally:
        for fd in opened:
            os.close(fd)


def is_allocated_at(fd, offset):
    """Tell whether a file has blocks allocated at an offset or after it.

    :param fd: int, the open file.
    :raises OSError: the filesystem doesn't tell.
    """
    request = bytearray(_HEAD.size + _EXTENT.size)
    _HEAD.pack_into(request, 0, offset, (1 << 63) - 1 - offset, 0, 0, 1, 0)
    fcntl.ioctl(fd, _FS_IOC_FIEMAP, request)
    return _HEAD.unpack_from(request)[3] > 0


def shared_bytes(fd, size):
    """Compute the amount of a file's data that it shares with other files.

    :param fd: int, the open file.
    :param size: int, its size.
    :returns: int, bytes; as far as the filesystem tells.
    """
    total = position = 0
    while position < size:
        request = bytearray(_HEAD.size + _ROOM * _EXTENT.size)
        _HEAD.pack_into(request, 0, position, size - position, _SYNC, 0,
                        _ROOM, 0)
        fcntl.ioctl(fd, _FS_IOC_FIEMAP, request)
        count = _HEAD.unpack_from(request)[3]
        if not count:
            break
        for number in range(count):
            logical, _, length, _, _, flags, *_ = _EXTENT.unpack_from(
                request, _HEAD.size + number * _EXTENT.size)
            if flags & _SHARED:
                total += length
        position = logical + length
        if flags & _LAST:
            break
    return total
