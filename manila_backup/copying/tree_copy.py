# SPDX-License-Identifier: Apache-2.0
"""The copy of a tree: scan, store in parallel, put the manifest together."""

import os

from manila_backup.copying import budget
from manila_backup.copying import journal
from manila_backup.copying import manifest
from manila_backup.copying import pool
from manila_backup.copying import reporting
from manila_backup.copying import scan
from manila_backup.copying import store
from manila_backup import exception
from manila_backup.fs import at_once
from manila_backup.fs import errnos
from manila_backup.fs import handles
from manila_backup.fs import mountpoints
from manila_backup.fs import spools
from manila_backup import wording

# Bytes of what a process wrote that are asked for before they are needed.
_AHEAD = 1 << 17


class TreeCopy:
    """One copy; a context manager.

    :param directory: int, descriptor of the directory to copy to, in which
        there is what :func:`.journal.prepare` makes.
    :param processes: int, how many may copy.
    :param ignore: names in the share's root to pass over, as bytes.
    :param cross: bool, whether what is mounted in the share is part of it.
    :param bytes_per_entry: int, see :class:`~.budget.Budget`.
    :ivar problems: :class:`~.reporting.Problems`.
    :ivar totals: dict of numbers, and of the problems once they are known.
    """

    #: What finds out what there is, and what works through the batches.
    scanner = scan.Scan
    storer = store.Storer

    #: As for :class:`~.scan.Scan`.
    partial = frozenset()

    def __init__(self, directory, processes, progress, ignore=frozenset(),
                 cross=False, bytes_per_entry=0):
        self.directory = directory
        self.processes = processes
        self.progress = progress
        self.ignore = ignore
        self.cross = cross
        self.budget = budget.Budget(bytes_per_entry)
        self.problems = reporting.Problems()
        self.totals = {'files': 0, 'bytes': 0, 'stored_bytes': 0}
        self._spent = 0
        self._spool = spools.Spool(handles.scratch(directory), in_memory=True)
        self._journal, self._opened = journal.open_list(directory)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._spool.close()
        for fd in self._opened:
            os.close(fd)

    def run(self, root, aside, surely, forbidden, names=None, interrupted=(),
            parent=None):
        """Scan and copy.

        :param root: int, descriptor of the share.
        :param aside: int, of one on the same filesystem that can be written
            to, as ``root`` can't.
        :param surely: int, as for :class:`~.store.Storer`; so are
            ``interrupted`` and ``parent``.
        :param forbidden: (device, inode) of a directory that is no part of
            what is copied.
        :param names: the :class:`~.names.Names` of the repository, or None.
        """
        found = self.scanner(
            root, self.ignore, self._spool, forbidden, self._journal,
            self.budget, self.cross, mountpoints.inside(aside), self.partial,
            names)

        parent = self.parent(parent)
        # The same for all of them: who asks makes a file.
        born = _born(self.directory)

        def work(inbox, _):
            return self.storer(root, aside, self.directory, born, self._spool,
                               self._journal.paths(),
                               [each.apart() for each in interrupted],
                               parent and parent.apart(),
                               surely, self.progress, self.cross,
                               bool(names and names.folds))(inbox)

        def describe(inbox, _):
            return journal.set_directories(
                inbox, self._spool, self._journal.paths(), self.directory,
                self.progress, self.storer.noted)

        def batches():
            for batch in found.batches():
                # Of what is listed, there is a directory for each at most.
                self.progress.advance(0, 0, reporting.COPIED)
                yield batch
            self.progress.expect(found.files, found.bytes)

        self._copied = pool.run(self.processes, work, batches(),
                                self.progress, root, spread=True)
        self._described = pool.run(self.processes, describe,
                                   found.directories, self.progress)
        self.problems.merge(*found.problems.said())
        self._unread = found.unread

    def parent(self, given):
        """Return the earlier backup that files are taken from, once it is
        known what there is to do.

        :param given: the one that was given to :meth:`run`.
        """
        return given

    def check_read(self):
        """See that what could not be read is no sign of a broken file
        system.

        :raises StorageFailed: it is.
        """
        unread = self._unread + sum(result['unread']
                                    for result in self._copied)
        if not errnos.are_too_many(unread, sum(
                result['files'] for result in self._copied)):
            return
        for result in self._copied:
            self.problems.merge(result['problems'], 0)
        raise exception.StorageFailed(
            f'{wording.entries(unread)} of the share could not be read, more '
            f'than could be: its file system is probably faulty. '
            + (self.problems.sentences or [''])[0])

    def add_up(self):
        """Have what the processes say in the totals and the problems."""
        for result in (*self._described, *self._copied):
            for key in self.totals:
                self.totals[key] += result[key]
            self.problems.merge(result['problems'], result['count'],
                                result['missing'])
            self.problems.take_notes(result['notes'], result['are_cut'])

    def write_manifest(self, name, about, version=manifest.SECOND, hint=''):
        """Put the manifest together from what the processes wrote.

        :param name: str, what to call it in the directory.
        :param about: dict, what it is of.
        :param hint: str, as for :meth:`.Budget.check`.
        :returns: str, its digest.
        """
        self.add_up()
        self.totals.update(problem_count=self.problems.count,
                           missing=self.problems.missing,
                           problems=self.problems.sentences,
                           notes=self.problems.notes,
                           notes_are_cut=self.problems.are_cut)

        def spend(count):
            self._spent += count
            self.budget.check(self._spent, self.totals['files'], hint)

        out = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                      | os.O_CLOEXEC, 0o600, dir_fd=self.directory)
        with manifest.Writer(out, about, version, self._journal.paths(),
                             spend) as writer:
            self.gather(writer)
            return writer.finish(self.totals)

    def gather(self, writer):
        """Write all entries."""
        for section in (self._described, self._copied):
            self.append(writer, section)

    def append(self, writer, results):
        """Append what the processes wrote, in the order of the batches."""
        for span in self.spans(results):
            writer.copy(*span)

    def spans(self, results):
        """Iterate over what the processes wrote, in the order of the batches.

        :returns: iterator of (descriptor, offset, size).
        """
        opened = at_once.opened(
            self._open_part, [result['part'] for result in results])
        spans = [(number, fd, offset, size)
                 for fd, result in zip(opened, results, strict=True)
                 for number, offset, size in result['spans']]
        try:
            for _, *span in sorted(spans):
                yield span
        finally:
            for fd in opened:
                os.close(fd)

    def _open_part(self, name):
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.directory)
        # Into the cache, together with the others.
        os.pread(fd, _AHEAD, 0)
        return fd

    def report(self):
        """Return a :class:`~.reporting.Result` of it."""
        return reporting.Result(
            *(self.totals[key] for key in ('files', 'bytes',
                                           'stored_bytes')),
            tuple(self.problems.sentences), self.problems.count,
            self.problems.missing)


def _born(directory):
    """Return the owner and group that a file gets which is made in the copy.

    :param directory: int, descriptor of the one that the copy is in.
    """
    data = os.open(journal.DATA, handles.DIRECTORY, dir_fd=directory)
    try:
        fd = handles.scratch(data)
        st = os.fstat(fd)
        os.close(fd)
    finally:
        os.close(data)
    return st.st_uid, st.st_gid
