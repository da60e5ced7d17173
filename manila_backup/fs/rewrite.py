# SPDX-License-Identifier: Apache-2.0
"""Making the content of one file that of another, holes and all, by writing no
more than what differs: it takes little room, and what is equal stays shared
with clones of it."""

import errno
import os

from manila_backup.fs import content
from manila_backup.fs import syscalls

# Holes that are smaller than these, or than a block, don't count.
_SMALLEST, _LARGEST = 4096, 1 << 16

_CHUNK = 1 << 20
_PIECE = 1 << 16
_ZEROS = bytes(_PIECE)

_NO_HOLES = frozenset((errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL,
                       errno.ENODEV))


def apply(source, target, size, tick):
    """Make an open file what another one is.

    :param source: int, descriptor of what it is to be.
    :param target: int, of what is changed, for reading and writing.
    :param size: int, how large the source should be.
    :param tick: called with the number of bytes after each chunk.
    :returns: int, bytes written.
    :raises Changed: the source is shorter.
    :raises WriteFailed: the target could not be written.
    """
    if os.fstat(target).st_size > size:
        content.truncate(target, size)
    # What gives room back comes first.
    position = 0
    for start, end in (*content.segments(source, size), (size, size)):
        _clear(target, position, start, size)
        tick(start - position)
        position = end
    written = 0
    for start, end in content.segments(source, size):
        written += _write(source, target, start, end, tick)
    content.truncate(target, size)
    return written


def _clear(target, start, end, size):
    """Make a hole where there is data."""
    for at, stop in content.segments(target, end, start):
        # All of the last block, which a file may end in the middle of.
        beyond = _LARGEST if stop == size else 0
        try:
            syscalls.punch(target, at, stop - at + beyond)
        except OSError as exc:
            if exc.errno not in _NO_HOLES:
                raise content.WriteFailed(exc.errno, exc.strerror) from exc
            _zero(target, at, stop)


def _zero(target, start, end):
    for at in range(start, end, _PIECE):
        data = os.pread(target, min(_PIECE, end - at), at)
        if data.count(0) != len(data):
            content.pwrite(target, _ZEROS[:len(data)], at)


def _write(source, target, start, end, tick):
    written = 0
    for at in range(start, end, _CHUNK):
        data = content.pread(source, min(_CHUNK, end - at), at)
        have = os.pread(target, len(data), at)
        if data != have or _has_hole(target, at, at + len(data)):
            written += _pieces(target, at, data, have)
        tick(len(data))
    return written


def _pieces(target, at, data, have):
    written = 0
    for offset in range(0, len(data), _PIECE):
        piece = data[offset:offset + _PIECE]
        start = at + offset
        if piece != have[offset:offset + _PIECE] or _has_hole(
                target, start, start + len(piece)):
            content.pwrite(target, piece, start)
            written += len(piece)
    return written


def _has_hole(fd, start, end):
    try:
        return os.lseek(fd, start, os.SEEK_HOLE) < end
    except OSError:
        return False        # no way to ask, or it ends before


def is_laid_out_like(one, other, size):
    """Tell whether two open files with equal content have the same holes, as
    far as both file systems can have them.

    :param size: int, of each.
    """
    block = max(_SMALLEST, *(min(os.fstat(fd).st_blksize, _LARGEST)
                             for fd in (one, other)))
    return all(_is_hole(other, *hole) for hole in _holes(one, size, block)
               ) and all(_is_hole(one, *hole)
                         for hole in _holes(other, size, block))


def _holes(fd, size, block):
    """The holes of a file, less what is no whole block of them."""
    position = 0
    for start, end in (*content.segments(fd, size), (size, size)):
        first = -(-position // block) * block
        last = start if start == size else start // block * block
        if first < last:
            yield first, last
        position = end


def _is_hole(fd, start, end):
    try:
        return os.lseek(fd, start, os.SEEK_DATA) >= end
    except OSError as exc:
        # Nothing more; else, that there is no way to ask.
        return exc.errno == errno.ENXIO
