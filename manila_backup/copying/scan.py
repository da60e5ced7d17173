# SPDX-License-Identifier: Apache-2.0
"""Finding out what a share has: one process reads all directories, ahead of
those that copy, and puts what it finds into batches in a scratch file.

Memory is bounded whatever the tree: directories still to be read wait on a
stack that overflows to disk, and names that are hard links are spread over
buckets by inode, of which one at a time is in memory. So is the scratch file:
a directory is noted once, and mentioned by a number.
"""

import errno
import os
import stat

from manila_backup.copying import manifest
from manila_backup.copying import reporting
from manila_backup.copying import tree
from manila_backup import exception
from manila_backup.fs import attributes
from manila_backup.fs import dirent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import inode_flags
from manila_backup.fs import look_ahead
from manila_backup.fs import mountpoints
from manila_backup.fs import walk

_BUCKETS = 64
_BUCKET_BUFFER = 256

# So many directories of one directory are remembered, in case that a listing
# names one twice.
_SEEN = 100_000


class Scan:
    """Reads a tree and yields batches of what is in it.

    A batch of kind ``tree`` is a list of (directory, files, others): files
    are tuples (name, inode, size, mtime, ctime), others names. One of kind
    ``links`` is a list of (device, inode, directory, name), sorted; one of
    kind ``unread`` a list of (directory, name, why), of what can't be.
    Directories are given by the numbers that they have in the journal. Their
    own attributes are in batches of lists of lines for the manifest; see
    :attr:`directories`.

    :param root: int, descriptor of the share.
    :param ignore: set of bytes, names in the root to pass over.
    :param spool: a :class:`~manila_backup.fs.spools.Spool`.
    :param forbidden: (device, inode) of the repository.
    :param journal: a :class:`~.tree.Journal`.
    :param budget: a :class:`~.budget.Budget`.
    :param cross: bool, whether what is mounted in the share is part of it.
    :param mounts: paths where something is mounted in it, as bytes.
    :param partial: set of paths of directories, as bytes, of which is known
        that what is there is not all that they had.
    :param names: a :class:`~.names.Names` of the repository; None if it takes
        any that the share has.
    :ivar files: entries found so far.
    :ivar unread: how many of them can't be read.
    :ivar problems: :class:`~.reporting.Problems`.
    :ivar bytes: sum of their sizes.
    """

    def __init__(self, root, ignore, spool, forbidden, journal, budget,
                 cross=False, mounts=(), partial=frozenset(), names=None):
        self.root = root
        self.ignore = ignore
        self.spool = spool
        self.forbidden = forbidden
        self.journal = journal
        self.budget = budget
        self.files = self.bytes = self.unread = 0
        self.cross = cross
        self.mounts = frozenset(() if cross else mounts)
        self.partial = partial
        self.names = names
        self._fallen = {}       # of the directory at hand
        self.problems = reporting.Problems()
        self._unread = []
        self._seen = set()
        self.directories = []
        self._project = inode_flags.project(root)
        self._number = 0
        self._groups = []
        self._count = self._weight = 0
        self._lines = []
        self._length = 0
        self._buckets = {}
        self._chain = []        # numbers on the way to where we are

    def batches(self):
        """Yields (number, offset, size)."""
        here = walk.Walk(self.root, self.spool, self.cross)
        for _ in here:
            yield from self._directory(here)
        yield from self._flush()
        self._flush_directories()
        yield from self._links()

    def _directory(self, here):
        if self._is_full():
            yield from self._flush()
        path = here.path
        try:
            fd = here.enter()
            number, about = self._describe(fd, here)
            if self.names:
                self._fallen = self.names.fallen(
                    fd, () if here.depth else self.ignore)
            listing = handles.entries(fd)
        except OSError as exc:
            self._not_entered(here, exc)
            return
        self._groups.append((number, [], []))
        self._count += 1
        self._seen.clear()
        with listing:
            entries = look_ahead.entries(listing)
            while True:
                try:
                    entry = next(entries, None)
                    if entry is None:
                        break
                    self._entry(entry, here)
                except FileNotFoundError:
                    continue
                except OSError as exc:
                    self._check_entry(path, exc)
                    self._incomplete(path, errors.reason(exc))
                    about = about._replace(lost=(*about.lost, b'entries'))
                    break
                if self._is_full():
                    yield from self._flush()
                    self._groups.append((number, [], []))
        if path in self.partial:
            about = about._replace(lost=(*about.lost, b'entries'))
        self._note(about)

    def _check_entry(self, path, exc):
        """Go on only if an error is of one directory."""
        if path == handles.ROOT or not errnos.is_of_entry(exc, self.root):
            raise errors.failed('read the share\'s directory', path,
                                exc) from exc

    def _not_entered(self, here, exc):
        """Go on without a directory."""
        path = here.path
        if exc.errno in errors.GONE and path != handles.ROOT:
            return
        self._check_entry(path, exc)
        name = path.rpartition(b'/')[2]
        if exc.errno == errno.EXDEV:
            try:
                st = os.stat(name, dir_fd=here.enter_parent(),
                             follow_symlinks=False)
            except OSError as late:
                exc = late
            else:
                self.problems.add(mountpoints.left_out(path))
                number, about = self._numbered(here, st)
                self._note(about._replace(lost=(b'entries',)))
                self._groups.append((number, [], []))
                return
        del self._chain[here.depth:]
        # It was counted when its name was found.
        self.files -= 1
        self._miss(path, manifest.UNREADABLE, exc)

    def _incomplete(self, path, reason):
        self.unread += 1
        self.problems.add(
            f'"{errors.printable(path)}" could not be listed to its end '
            f'({reason}): not all that is in it is in the backup.',
            missing=True)

    def _miss(self, path, why, exc=None):
        """Have an entry told that can't be read.

        :param path: bytes, of the entry, in the last directory on the way.
        """
        shown = f'"{errors.printable(path)}"'
        name = path.rpartition(b'/')[2]
        self.files += 1
        self._count += 1
        self._unread.append((self._chain[-1], name, why))
        if why == manifest.MOUNTED:
            self.problems.add(mountpoints.left_out(path, False))
        elif why == manifest.UNREADABLE:
            self.unread += 1
            self.problems.add(f'{shown} is not in the backup: it could not '
                              f'be read ({errors.reason(exc)}).',
                              missing=True)
        elif exc:
            self.problems.add(
                f'{shown} and what is in it is not in the backup: the '
                f'repository can\'t hold it ({errors.reason(exc)}).',
                missing=True)
        elif self._fallen[name] is None:
            self.problems.add(
                f'{shown} is not in the backup: the repository\'s file '
                'system has its snapshots under that name.', missing=True)
        else:
            kept = handles.join(path[:-len(name) - 1] or handles.ROOT,
                                self._fallen[name])
            self.problems.add(
                f'{shown} is not in the backup: the repository\'s file '
                'system takes its name for that of '
                f'"{errors.printable(kept)}", which is.', missing=True)

    def _entry(self, entry, here):
        name = os.fsencode(entry.name)
        if not here.depth and name in self.ignore:
            return
        try:
            is_directory = entry.is_dir(follow_symlinks=False)
            if not is_directory:
                st = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            raise
        except OSError as exc:
            path = handles.join(here.path, name)
            self._check_entry(path, exc)
            self._miss(path, manifest.UNREADABLE, exc)
            return
        if name in self._fallen:
            self._miss(handles.join(here.path, name), manifest.TOO_MUCH)
            return
        if is_directory:
            self._subdirectory(name, here)
            return
        if self.mounts and handles.join(here.path, name) in self.mounts:
            self._miss(handles.join(here.path, name), manifest.MOUNTED)
            return
        if st.st_nlink > 1:
            self.files += 1
            self.bytes += st.st_size
            self._link(st.st_dev, st.st_ino, self._chain[-1], name)
        else:
            self._put_file(name, st)

    def _put_file(self, name, st):
        """Put an entry with one name into the batch."""
        self.files += 1
        self.bytes += st.st_size
        _, files, others = self._groups[-1]
        if stat.S_ISREG(st.st_mode):
            self._count += 1
            # No more than is really there has to be read.
            self._weight += min(st.st_size, st.st_blocks * 512)
            files.append((name, st.st_ino, st.st_size, st.st_mtime_ns,
                          st.st_ctime_ns))
        else:
            self._count += 1
            others.append(name)

    def _subdirectory(self, name, here):
        if name in self._seen:
            return
        if len(self._seen) < _SEEN:
            self._seen.add(name)
        refusal = self.names and (
            self.names.refusal(name)
            or self.names.too_long(handles.join(here.path, name)))
        if refusal:
            self._miss(handles.join(here.path, name), manifest.TOO_MUCH,
                       refusal)
            return
        self.files += 1
        here.put(name)

    def _describe(self, fd, here):
        """A directory's number, and its own attributes as an entry."""
        st = os.fstat(fd)
        if (st.st_dev, st.st_ino) == self.forbidden:
            raise exception.StorageFailed(
                'The repository lies inside the share, at '
                f'"{errors.printable(here.path)}".')
        fixed, more = inode_flags.read(fd, self._project)
        xattrs = tuple(sorted(more + attributes.read_xattrs(fd)))
        number, about = self._numbered(here, st)
        return number, about._replace(
            xattrs=xattrs, lost=(b'flags',) if fixed else ())

    def _numbered(self, here, st):
        """Note a directory: its number, and an entry for it."""
        name = here.path.rpartition(b'/')[2]
        del self._chain[here.depth:]
        parent = self._chain[-1] if self._chain else tree.ROOT
        number = self.journal.add(parent, name)
        self._chain.append(number)
        return number, dirent.of_stat(b'D', name, st, (number, parent))

    def _note(self, entry):
        """Keep a directory's attributes."""
        self._lines.append(dirent.line(entry))
        self._length += len(self._lines[-1])
        if (manifest.DIRECTORY * len(self._lines)
                >= manifest.block_entries(len(self.directories))
                or self._length >= manifest.BLOCK_BYTES):
            self._flush_directories()

    def _flush_directories(self):
        if self._lines:
            self.journal.flush()
            self.directories.append(
                (len(self.directories), *self.spool.put(self._lines)))
            self._lines = []
            self._length = 0

    def _is_full(self):
        return (self._count >= manifest.block_entries(self._number)
                or self._weight >= manifest.BLOCK_BYTES)

    def _flush(self):
        if self._groups:
            yield self._put('tree', self._groups)
            self._groups = []
            self._count = self._weight = 0
        if self._unread:
            yield self._put('unread', self._unread)
            self._unread = []

    def _put(self, kind, payload):
        number = self._number
        self._number += 1
        self.journal.flush()
        found = self.spool.put((kind, payload))
        self.budget.check(self.spool.size + self.journal.size, self.files)
        return (number, *found)

    def _link(self, device, inode, directory, name):
        pending, chunks = self._buckets.setdefault(inode % _BUCKETS, ([], []))
        pending.append((device, inode, directory, name))
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
