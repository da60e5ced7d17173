# SPDX-License-Identifier: Apache-2.0
"""Finding out what a share has: one process reads all directories, ahead of
those that copy, and puts what it finds into batches in a scratch file.

Memory is bounded whatever the tree: directories still to be read wait in a
queue that overflows to disk, and names that are hard links are spread over
buckets by inode, of which one at a time is in memory.
"""

import collections
import marshal
import os
import stat

from manila_backup.drivers import base
from manila_backup.drivers.posix import attributes
from manila_backup.drivers.posix import beneath
from manila_backup.drivers.posix import errors
from manila_backup.drivers.posix import inode
from manila_backup.drivers.posix import manifest

# Longer than any tree needs (depth 1,000 of the longest names), and short
# enough that no tree can fill the repository with its directories' paths.
_LONGEST_PATH = 300_000

_BUCKETS = 64
_BUCKET_BUFFER = 256
_QUEUE = 4096


class Spool:
    """Objects in a scratch file, found again by their place in it.

    :param fd: int, a descriptor of its own for all that share it.
    """

    def __init__(self, fd):
        self.fd = fd
        self._end = 0

    def resume(self):
        """Go on at the end of what another process has put into it."""
        self._end = os.fstat(self.fd).st_size

    def put(self, thing):
        """Append something that ``marshal`` can hold.

        :returns: (offset, size).
        """
        data = marshal.dumps(thing)
        offset = self._end
        view = memoryview(data)
        try:
            while view:
                done = os.pwrite(self.fd, view, self._end)
                self._end += done
                view = view[done:]
        except OSError as exc:
            raise errors.failed('write to a', 'scratch file',
                                exc) from exc
        return offset, len(data)

    def get(self, offset, size):
        data = os.pread(self.fd, size, offset)
        while len(data) < size:
            more = os.pread(self.fd, size - len(data), offset + len(data))
            if not more:
                raise EOFError('a scratch file was cut short')
            data += more
        return marshal.loads(data)


class Queue:
    """First in, first out, of bytes; what is too much goes to disk."""

    def __init__(self, spool):
        self._spool = spool
        self._head = collections.deque()
        self._tail = []
        self._chunks = collections.deque()

    def put(self, item):
        if len(self._head) < _QUEUE and not self._tail and not self._chunks:
            self._head.append(item)
            return
        self._tail.append(item)
        if len(self._tail) >= _QUEUE:
            self._chunks.append(self._spool.put(self._tail))
            self._tail = []

    def get(self):
        """The next one, or None."""
        if not self._head:
            if self._chunks:
                self._head.extend(self._spool.get(*self._chunks.popleft()))
            else:
                self._head.extend(self._tail)
                self._tail = []
        return self._head.popleft() if self._head else None


class Scan:
    """Reads a tree and yields batches of what is in it.

    A batch of kind ``tree`` is a list of (path, files, others): files are
    tuples (name, inode, size, mtime, ctime), others names. One of kind
    ``links`` is a list of (device, inode, path, name), sorted. Directories'
    own attributes are in batches of lists of lines for the manifest; see
    :attr:`directories`.

    :param root: int, descriptor of the share.
    :param ignore: set of bytes, names in the root to pass over.
    :param spool: a :class:`Spool`.
    :param forbidden: (device, inode) of the repository.
    :ivar files: entries found so far.
    :ivar bytes: sum of their sizes.
    """

    def __init__(self, root, ignore, spool, forbidden):
        self.root = root
        self.ignore = ignore
        self.spool = spool
        self.forbidden = forbidden
        self.files = self.bytes = 0
        self.directories = []
        self._project = inode.project(root)
        self._number = 0
        self._groups = []
        self._count = self._weight = 0
        self._lines = []
        self._length = 0
        self._buckets = {}

    def batches(self):
        """Yields (number, offset, size)."""
        descent = beneath.Descent(self.root)
        queue = Queue(self.spool)
        path = beneath.ROOT
        while path is not None:
            yield from self._directory(descent, queue, path)
            path = queue.get()
        descent.close()
        yield from self._flush()
        self._flush_directories()
        yield from self._links()

    def _directory(self, descent, queue, path):
        files, others = [], []
        try:
            fd = descent.enter(path)
            self._describe(fd, path)
            entries = beneath.entries(fd)
        except OSError as exc:
            if exc.errno in errors.GONE and path != beneath.ROOT:
                return
            raise errors.failed('read the share\'s directory', path,
                                exc) from exc
        self._groups.append((path, files, others))
        self._count += 1
        self._weight += len(path)
        with entries:
            while True:
                try:
                    entry = next(entries, None)
                    if entry is None:
                        return
                    self._entry(entry, path, files, others, queue)
                except FileNotFoundError:
                    continue
                except OSError as exc:
                    raise errors.failed('read the share\'s directory', path,
                                        exc) from exc
                if (self._count >= manifest.BLOCK_ENTRIES
                        or self._weight >= manifest.BLOCK_BYTES):
                    yield from self._flush()
                    files, others = [], []
                    self._groups.append((path, files, others))

    def _entry(self, entry, path, files, others, queue):
        name = os.fsencode(entry.name)
        if path == beneath.ROOT and name in self.ignore:
            return
        if entry.is_dir(follow_symlinks=False):
            self.files += 1
            queue.put(self._below(path, name))
            return
        st = entry.stat(follow_symlinks=False)
        self.files += 1
        self.bytes += st.st_size
        if st.st_nlink > 1:
            self._link(st.st_dev, st.st_ino, path, name)
        elif stat.S_ISREG(st.st_mode):
            self._count += 1
            # No more than is really there has to be read.
            self._weight += min(st.st_size, st.st_blocks * 512)
            files.append((name, st.st_ino, st.st_size, st.st_mtime_ns,
                          st.st_ctime_ns))
        else:
            self._count += 1
            others.append(name)

    def _below(self, path, name):
        below = beneath.join(path, name)
        if len(below) > _LONGEST_PATH:
            raise base.DriverError(
                f'"{errors.printable(below)}" is nested too deeply: its path '
                f'has more than {_LONGEST_PATH} bytes.')
        return below

    def _describe(self, fd, path):
        """Note a directory's own attributes."""
        st = os.fstat(fd)
        if (st.st_dev, st.st_ino) == self.forbidden:
            raise base.DriverError('The repository lies inside the share, at '
                                   f'"{errors.printable(path)}".')
        fixed, more = inode.read(fd, self._project)
        self._lines.append(manifest.line(
            manifest.of_stat(b'D', path, st, xattrs=tuple(sorted(
                more + attributes.read_xattrs(fd)))),
            (b'flags',) if fixed else ()))
        self._length += len(self._lines[-1])
        if (len(self._lines) >= manifest.BLOCK_ENTRIES
                or self._length >= manifest.BLOCK_BYTES):
            self._flush_directories()

    def _flush_directories(self):
        if self._lines:
            self.directories.append(
                (len(self.directories), *self.spool.put(self._lines)))
            self._lines = []
            self._length = 0

    def _flush(self):
        if self._groups:
            yield self._put('tree', self._groups)
            self._groups = []
            self._count = self._weight = 0

    def _put(self, kind, payload):
        number = self._number
        self._number += 1
        return (number, *self.spool.put((kind, payload)))

    def _link(self, device, inode, path, name):
        pending, chunks = self._buckets.setdefault(inode % _BUCKETS, ([], []))
        pending.append((device, inode, path, name))
        if len(pending) >= _BUCKET_BUFFER:
            chunks.append(self.spool.put(pending))
            pending.clear()

    def _links(self):
        for pending, chunks in self._buckets.values():
            records = list(pending)
            for chunk in chunks:
                records.extend(self.spool.get(*chunk))
            records.sort()
            yield self._put('links', records)
            pending.clear()
