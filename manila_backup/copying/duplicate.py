# SPDX-License-Identifier: Apache-2.0
"""A copy of a tree beside it, for snapshots of shares: as a backup is made,
but with no more than the tree itself in the end, and with files that share
their blocks with what they are copies of, where the filesystem can do that.
"""

import contextlib
import errno
import os
import time

from manila_backup.copying import budget
from manila_backup.copying import journal
from manila_backup.copying import pool
from manila_backup.copying import reporting
from manila_backup.copying import scan
from manila_backup.copying import stable_read
from manila_backup.copying import store
from manila_backup.drivers import base
from manila_backup.drivers.posix import backup
from manila_backup.drivers.posix import layout
from manila_backup.fs import attributes
from manila_backup.fs import clones
from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import inode_flags
from manila_backup.fs import mountpoints
from manila_backup.fs import removal
from manila_backup.fs import spools
from manila_backup.fs import syscalls

#: Where the copy is.
DATA = layout.DATA

# Not here; and not of this file, such as one for swapping.
_NO_CLONES = frozenset((errno.EXDEV, errno.EOPNOTSUPP, errno.ENOTTY,
                        errno.ENOSYS))
_NO_CLONE = frozenset((errno.EINVAL, errno.EPERM, errno.ETXTBSY))

# In place of a digest, which nobody asks for.
_NONE = b'-'


def duplicate(source, directory, processes, progress):
    """Copy a tree.

    :param source: int, descriptor of its directory.
    :param directory: int, of one that is empty, private and outside of it;
        has :data:`DATA` in the end, synced to the disk, and whatever it has
        if that could not be made.
    :param processes: int, how many copy.
    :returns: a :class:`~manila_backup.drivers.base.Report`.
    :raises DriverError: it can't be done.
    """
    try:
        root = backup.apart(source)
        try:
            return _Duplicate(root, source, directory, progress).run(
                processes)
        finally:
            os.close(root)
    except OSError as exc:
        raise errors.failed('copy the tree to', DATA, exc) from exc


class _Duplicate:
    def __init__(self, root, aside, directory, progress):
        self._root = root
        self._aside = aside
        self._directory = directory
        self._progress = progress
        self._surely = stable_read.surely_from(time.time_ns())

    def run(self, processes):
        # As for a backup: what is mapped into memory shows from here on.
        with contextlib.suppress(OSError):
            syscalls.syncfs(self._root)
        for name in (layout.DATA, layout.PARTS):
            os.mkdir(name, 0o700, dir_fd=self._directory)
        self._spool = spools.Spool(handles.scratch(self._directory))
        self._journal, opened = journal.journal(self._directory)
        try:
            results = self._copy(processes)
        finally:
            for fd in (self._spool.fd, *opened):
                os.close(fd)
        problems = reporting.Problems()
        problems.merge(*self._found.problems.said())
        for each in results:
            problems.merge(each['problems'], each['count'])
        removal.remove(layout.PARTS, self._directory, self._progress.check)
        self._progress.check()
        syscalls.syncfs(self._directory)
        files, size, stored = (
            sum(each[key] for each in results)
            for key in ('files', 'bytes', 'stored_bytes'))
        return base.Report(files, size, stored, tuple(problems.sentences),
                           problems.count)

    def _copy(self, processes):
        there = os.fstat(self._directory)
        self._found = found = scan.Scan(
            self._root, frozenset(), self._spool,
            (there.st_dev, there.st_ino), self._journal, budget.Budget(0),
            mounts=mountpoints.inside(self._aside))

        def work(inbox, _):
            return _Cloner(self._root, self._aside, self._directory,
                           self._spool, self._journal.paths(), (), None,
                           self._surely, self._progress)(inbox)

        def describe(inbox, _):
            return journal.set_directories(
                inbox, self._spool, self._journal.paths(), self._directory,
                self._progress, noted=False)

        def batches():
            yield from found.batches()
            self._progress.expect(found.files, found.bytes)

        copied = pool.run(processes, work, batches(), self._progress)
        return copied + pool.run(processes, describe, found.directories,
                                 self._progress)


class _Cloner(store.Storer):
    """Clones files where that is possible, of one instant each, and copies
    them where it is not."""

    _clones = True

    def __init__(self, *args):
        super().__init__(*args)
        self._setter = attributes.Setter(readable=True)

    def _copy_once(self, source, name, cloned=None):
        if self._clones:
            try:
                return self._clone(source, name)
            except _Impossible:
                pass
        return super()._copy_once(source, name, cloned)

    def _clone(self, source, name):
        try:
            st = stable_read.settle(source)
            fixed, more = inode_flags.read(source, self._project)
            xattrs = tuple(sorted(more + attributes.read_xattrs(source)))
            gone = ([b'flags'] * fixed
                    + [b'x:*room'] * inode_flags.has_room(source, st))
        except OSError as exc:
            raise self._unreadable(name, exc) from exc
        target = self._create(name, st.st_mode)
        try:
            inode_flags.prepare(target, more)
            try:
                clones.clone(source, target)
            except OSError as exc:
                self._clones = exc.errno not in _NO_CLONES
                if exc.errno in _NO_CLONES | _NO_CLONE:
                    raise _Impossible from exc
                raise errors.failed('clone', self._shown(name), exc) from exc
            if not content.same(os.fstat(source), st):
                raise content.Changed
            text = self._finish(target, dirent.of_stat(
                b'F', name, st, _NONE, xattrs, st.st_size), gone)
        except BaseException:
            handles.unlink(name, self._dfd)
            raise
        finally:
            os.close(target)
        return text, 0, st.st_size


class _Impossible(Exception):
    """A file can't share its blocks with another."""
