# SPDX-License-Identifier: Apache-2.0
"""The content of regular files: read, digested, copied.

How a digest is formed is part of the format: repository-format.rst.
"""

import contextlib
import errno
import hashlib
import mmap
import os
import struct
import threading

from manila_backup.fs import overlap
from manila_backup.fs import syscalls

# Read in one system call.
_CHUNK = 1 << 20

#: Bytes of a block of a file with holes, for its digest.
BLOCK = 1 << 16
_ZEROS = bytes(BLOCK)

_HOLES = b'holes:'
_SPARSE_FROM = 1 << 20

# How much is written before the disk is asked to begin with it.
_WRITE_BEHIND = 16 << 20

#: Files up to this size are read in one go.
SMALL = 1 << 16


class _Buffer(threading.local):
    """The buffer that all files share which a thread reads; it takes no memory
    in one that reads none."""

    def __init__(self):
        self.view = memoryview(mmap.mmap(-1, _CHUNK, mmap.MAP_PRIVATE
                                         | mmap.MAP_ANONYMOUS))


_buffer = _Buffer()


class Changed(Exception):
    """The file is not what it was when reading began."""


class WriteFailed(OSError):
    """The side that is written to failed, not the one that is read."""


def holed(st):
    """Tell whether a file has holes."""
    return st.st_blocks * 512 < st.st_size


def sparse(st):
    """Tell whether a file has holes and is large enough to skip them."""
    return st.st_size >= _SPARSE_FROM and holed(st)


def write_all(fd, data):
    """Write everything.

    :raises WriteFailed: it could not be.
    """
    try:
        done = os.write(fd, data)
        while done < len(data):
            done += os.write(fd, memoryview(data)[done:])
    except OSError as exc:
        raise WriteFailed(exc.errno, exc.strerror) from exc


def write_like(source, target, data):
    """Write all of a file's content, leaving the holes that it has in
    another file.

    :param source: int, the file that ``data`` was read from.
    :raises WriteFailed: it could not be.
    """
    for start, end in segments(source, len(data)):
        pwrite(target, data[start:end], start)
    truncate(target, len(data))


def read_small(fd, size):
    """All of a file that should have ``size`` bytes.

    :raises Changed: it has more or fewer.
    """
    data = os.read(fd, size + 1)
    if len(data) != size:
        raise Changed
    return data


def is_by_block(digest_):
    """Tell whether a digest is one of a file with holes."""
    return digest_.startswith(_HOLES)


def digest(fd, size, like, tick):
    """The digest of an open file.

    :param size: int, how large it should be.
    :param like: bytes, a digest: the same kind is made.
    :param tick: called with the number of bytes after each chunk.
    :returns: bytes.
    :raises Changed: it isn't as large as that.
    """
    if is_by_block(like):
        return _copy_sparse(fd, None, size, tick)[0]
    if size <= SMALL:
        data = read_small(fd, size)
        tick(size)
        return hashlib.sha256(data).hexdigest().encode()
    return _copy_dense(fd, None, size, tick)[0]


def copy(source, target, st, tick):
    """Copy an open file to an empty one, digesting it.

    :param st: os.stat_result of the source.
    :param tick: called with the number of bytes after each chunk.
    :returns: (digest, bytes written).
    :raises Changed: it did not have its size, or changed meanwhile.
    :raises WriteFailed: the target could not be written.
    """
    return _copy(source, target, st.st_size, sparse(st), tick, st)


def copy_like(source, target, size, like, tick):
    """Copy an open file that nobody changes, digesting it.

    :param size: int, how large it should be.
    :param like: bytes, a digest: the same kind is made.
    :param tick: as of :func:`copy`; so are the result and the errors.
    """
    return _copy(source, target, size, is_by_block(like), tick)


def _copy(source, target, size, by_block, tick, st=None):
    """Copy.

    :param by_block: bool, whether the digest is one of a file with holes.
    :param st: os.stat_result that the source must keep; None: nobody changes
        it.
    """
    if by_block:
        return _copy_sparse(source, target, size, tick, st)
    if size < _SPARSE_FROM and holed(st or os.fstat(source)):
        # Small enough for one read, and for not to need a digest of its own.
        data = read_small(source, size)
        write_like(source, target, data)
        tick(size)
        return hashlib.sha256(data).hexdigest().encode(), size
    return _copy_dense(source, target, size, tick, st)


def digest_like_copy(source, st, tick):
    """The digest that :func:`copy` would give an open file.

    :param st: os.stat_result of it.
    """
    return digest(source, st.st_size, _HOLES if sparse(st) else b'', tick)


def same(one, other):
    """Tell whether a file did not change between two stats."""
    return (one.st_ctime_ns == other.st_ctime_ns
            and one.st_mtime_ns == other.st_mtime_ns
            and one.st_size == other.st_size)


def may_be_same(one, other):
    """Tell whether a file may be what it was, between two stats: nothing
    tells of a change but what its removal did, where it has no name any more.
    Whoever relies on that reads it again, for the ctime hides what was written
    since.

    :param one: os.stat_result, the later one.
    """
    return same(one, other) or (
        not one.st_nlink and bool(other.st_nlink)
        and one.st_mtime_ns == other.st_mtime_ns
        and one.st_size == other.st_size)


def _copy_dense(source, target, size, tick, st=None):
    digested = hashlib.sha256()
    done = asked = 0
    # Whatever is under way has ended before a descriptor is closed.
    with contextlib.closing(_parts(source, target, size)) as parts:
        for part in parts:
            digested.update(part)
            done += len(part)
            if done > size:
                raise Changed
            if (st is not None and done < size
                    and not may_be_same(os.fstat(source), st)):
                raise Changed
            if target is not None and done - asked >= _WRITE_BEHIND:
                syscalls.start_writing(target, asked, done - asked)
                asked = done
            tick(len(part))
    if done != size:
        raise Changed
    if asked:
        syscalls.start_writing(target, asked, done - asked)
    return digested.hexdigest().encode(), done


def _parts(source, target, size):
    """Iterate over the content of a file, part by part, up to its end or
    beyond a size; each is written, or about to be.

    :param target: int, what to write to, an empty file; or None.
    """
    if size >= overlap.FROM:
        yield from overlap.chunks(
            source, size, lambda part, offset:
            target is not None and pwrite(target, part, offset))
        yield from filter(None, [os.pread(source, 1, size)])
        return
    view = _buffer.view
    while count := os.readv(source, (view,)):
        part = view[:count]
        if target is not None:
            write_all(target, part)
        yield part


def _copy_sparse(source, target, size, tick, st=None):
    """Data segments only; digests by block, whatever the segments are."""
    digested = hashlib.sha256()
    written = position = 0
    current, block = -1, b''
    for start, end in segments(source, size):
        tick(start - position)
        position = start
        while position < end:
            base = position // BLOCK * BLOCK
            if base != current:
                current = base
                block = pread(source, min(BLOCK, size - base), base)
                add_block(digested, base, block)
                if st is not None and not may_be_same(
                        os.fstat(source), st):
                    raise Changed
            stop = min(end, base + len(block))
            if target is not None:
                pwrite(target, block[position - base:stop - base], position)
                written += stop - position
            tick(stop - position)
            position = stop
    tick(size - position)
    add_size(digested, size)
    if target is not None:
        truncate(target, size)
    return _HOLES + digested.hexdigest().encode(), written


def add_block(digested, offset, block):
    """Go on with the digest of a file with holes.

    :param digested: the hash so far.
    :param block: bytes, :data:`BLOCK` of them but at the end. One of zeros may
        be a hole, and may be stored: it does not count.
    """
    if block != _ZEROS[:len(block)]:
        digested.update(struct.pack('>Q', offset))
        digested.update(block)


def add_size(digested, size):
    """End the digest of a file with holes."""
    digested.update(struct.pack('>Q', size))


def segments(fd, size, position=0):
    """List the segments of a file that have data.

    :param size: int, where to end.
    :param position: int, where to begin.
    :returns: iterator of (start, end). What it has yielded may be changed
        meanwhile.
    """
    while position < size:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
            end = min(os.lseek(fd, start, os.SEEK_HOLE), size)
        except OSError as exc:
            if exc.errno == errno.ENXIO:
                return
            if exc.errno != errno.EINVAL:
                raise
            # A filesystem that knows no holes.
            start, end = position, size
        if start >= size:
            return
        yield start, end
        position = end


def pread(fd, size, offset):
    """Read all of a range.

    :raises Changed: the file ends before.
    """
    data = os.pread(fd, size, offset)
    while len(data) < size:
        more = os.pread(fd, size - len(data), offset + len(data))
        if not more:
            raise Changed
        data += more
    return data


def pwrite(fd, data, offset):
    """Write all of something at an offset.

    :raises WriteFailed: it could not be.
    """
    try:
        while data:
            done = os.pwrite(fd, data, offset)
            data, offset = data[done:], offset + done
    except OSError as exc:
        raise WriteFailed(exc.errno, exc.strerror) from exc


def truncate(fd, size):
    """Set the size of a file.

    :raises WriteFailed: it could not be.
    """
    try:
        os.ftruncate(fd, size)
    except OSError as exc:
        raise WriteFailed(exc.errno, exc.strerror) from exc


def clone(source, target, size, tick):
    """Copy a file whose digest is known to be right, holes kept, without its
    bytes passing through this process where the kernel can do that.

    :returns: bytes written.
    :raises Changed: it is shorter than ``size``.
    :raises WriteFailed: the target could not be written, or, which can't be
        told apart, the source not be read.
    """
    written = position = 0
    for start, end in segments(source, size):
        tick(start - position)
        position = start
        while position < end:
            done = _copy_range(source, target, end - position, position)
            if not done:
                raise Changed
            position += done
            written += done
            tick(done)
    tick(size - position)
    truncate(target, size)
    return written


def _copy_range(source, target, size, offset):
    size = min(size, 16 << 20)
    try:
        return os.copy_file_range(source, target, size, offset, offset)
    except OSError as exc:
        # EIO: it may be of either side, which the other way tells.
        if exc.errno not in (errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS,
                             errno.EINVAL, errno.EPERM, errno.EIO):
            raise WriteFailed(exc.errno, exc.strerror) from exc
    data = os.pread(source, min(size, _CHUNK), offset)
    pwrite(target, data, offset)
    return len(data)
