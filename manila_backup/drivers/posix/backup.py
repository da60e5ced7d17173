# SPDX-License-Identifier: Apache-2.0
"""Making a backup: scan, copy in parallel, put the manifest together, sync.

Nothing here is visible before :func:`~.layout.publish`.
"""

import contextlib
import datetime
import os
import time

from manila_backup.copying import budget
from manila_backup.copying import journal
from manila_backup.copying import manifest
from manila_backup.copying import names
from manila_backup.copying import pool
from manila_backup.copying import reporting
from manila_backup.copying import scan
from manila_backup.copying import stable_read
from manila_backup.copying import store
from manila_backup.drivers import base
from manila_backup.drivers.posix import layout
from manila_backup.drivers.posix import parent
from manila_backup.drivers.posix import resume
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import mountpoints
from manila_backup.fs import removal
from manila_backup.fs import spools
from manila_backup.fs import syscalls

# What the manifest is called until it is complete.
_NEW = 'manifest.new'


def report_of(totals):
    """The Report in a manifest's or metadata's totals."""
    return base.Report(
        files=totals['files'], bytes=totals['bytes'],
        stored_bytes=totals['stored_bytes'],
        problems=tuple(totals['problems']),
        problem_count=totals['problem_count'])


class Backup:
    """One run.

    :param repository: an open :class:`~.layout.Repository`.
    :param processes: int, how many copy.
    :param ignore: list of str, names in the share's root to pass over.
    :param incremental: bool, whether to take over what an earlier backup
        has.
    :param bytes_per_entry: int, see :class:`~.budget.Budget`.
    :param cross: bool, whether what is mounted in the share is part of it.
    """

    #: What finds out what there is, and what works through the batches.
    scanner = scan.Scan
    storer = store.Storer

    #: As for :class:`~.scan.Scan`.
    partial = frozenset()

    def __init__(self, repository, place, attempt, options, record,
                 processes, ignore, progress, incremental=True,
                 bytes_per_entry=0, cross=False):
        self.repository = repository
        self.place = place
        self.attempt = attempt
        self.options = options
        self.record = record
        self.processes = processes
        self.ignore = frozenset(os.fsencode(name) for name in ignore)
        self.progress = progress
        self.incremental = incremental
        self.budget = budget.Budget(bytes_per_entry)
        self.cross = cross
        self.problems = reporting.Problems()
        self.totals = {'files': 0, 'bytes': 0, 'stored_bytes': 0}
        self._spent = 0

    def run(self, source):
        """Copy a directory.

        :param source: str.
        :returns: a :class:`~manila_backup.drivers.base.Report`.
        """
        with self.repository.share(self.place) as share:
            if layout.is_published(share, self.place):
                return self._published(share)
        about = {
            'project_id': self.place.project_id,
            'share_id': self.place.share_id,
            'backup_id': self.place.backup_id,
            'attempt': self.attempt,
            'created_at': _iso(time.time()),
            'options': self.options,
            'record': self.record,
            'earlier': None,
            'has_flags': True,
        }
        aside = open_root(source, self.repository.fd, self.repository.path)
        root = apart(aside)
        surely = stable_read.surely_from(time.time_ns())
        # From here on, stores through a memory map show in a file's ctime.
        with contextlib.suppress(OSError):
            syscalls.syncfs(root)
        try:
            directory = layout.prepare(self.repository, self.place,
                                       self.attempt)
            try:
                self._copy(root, aside, directory, about, surely)
                return self._finish(directory, about)
            finally:
                os.close(directory)
        finally:
            os.close(aside)
            os.close(root)

    def _published(self, share):
        """An earlier attempt got as far as that before its worker died."""
        directory = layout.open_published(share, self.place)
        try:
            totals = layout.read_metadata(directory)
            report = report_of(totals)
        except KeyError as exc:
            raise base.DamagedBackup(
                f'The backup\'s {layout.METADATA} lacks {exc}.') from exc
        finally:
            os.close(directory)
        self.progress.expect(report.files, report.bytes)
        self.progress.advance(report.files, report.bytes)
        return report

    def _copy(self, root, aside, directory, about, surely):
        """Scan and copy; keeps what the processes said, in the manifest's
        order.

        :param aside: int, descriptor of the share's directory that can be
            written to, as ``root`` can't.
        :param surely: int, as for :class:`~.store.Storer`.
        """
        with names.Names(directory) as taken:
            self._copy_all(root, aside, directory, about, surely, taken)

    def _copy_all(self, root, aside, directory, about, surely, taken):
        """The same.

        :param taken: the :class:`~.names.Names` of the repository.
        """
        spool = spools.Spool(handles.scratch(directory))
        self._journal, opened = journal.journal(directory)
        found = self.scanner(
            root, self.ignore, spool, self.repository.identity,
            self._journal, self.budget, self.cross,
            mountpoints.inside(aside), self.partial, taken)
        formers = self._formers(taken.folds)
        about['read_since'] = min([about['created_at'], *(
            _iso(one.began) for one in formers)])
        before = (parent.find(self.repository, self.place)
                  if self.incremental else None)
        if before:
            about['earlier'] = before.name

        def work(inbox, _):
            return self.storer(root, aside, directory, spool,
                               self._journal.paths(), formers, before,
                               surely, self.progress, self.cross,
                               taken.folds)(inbox)

        def describe(inbox, _):
            return journal.set_directories(inbox, spool, self._journal.paths(),
                                           directory, self.progress)

        def batches():
            yield from found.batches()
            self.progress.expect(found.files, found.bytes)

        try:
            copied = pool.run(self.processes, work, batches(), self.progress)
            described = pool.run(self.processes, describe,
                                 found.directories, self.progress)
            self._check_read(found, copied)
            self._write(directory, about, (described, copied))
        finally:
            for fd in (spool.fd, *opened):
                os.close(fd)
            for one in formers:
                one.close()
            if before:
                before.close()

    def _check_read(self, found, copied):
        """Take what the scan says, and see that it is no sign of a broken
        file system."""
        self.problems.merge(*found.problems.said())
        unread = found.unread + sum(each['unread'] for each in copied)
        if not errnos.are_too_many(unread, sum(each['files']
                                               for each in copied)):
            return
        for each in copied:
            self.problems.merge(each['problems'], 0)
        raise base.DriverError(
            f'{unread} entries of the share could not be read, more than '
            f'could be: its file system is probably faulty. '
            + (self.problems.sentences or [''])[0])

    def _formers(self, folds):
        """Open the earlier attempts' work that this attempt can resume.

        :param folds: as for :class:`~.resume.Former`.
        """
        found = []
        with self.repository.share(self.place) as share:
            for name in layout.take(share, self.place, self.attempt):
                one = resume.Former.open(share, name, folds)
                if one:
                    found.append(one)
        return found

    def _write(self, directory, about, results):
        """Put the manifest together from what the processes wrote.

        :param results: what they said, a list for each section.
        """
        for each in (one for section in results for one in section):
            for key in self.totals:
                self.totals[key] += each[key]
            self.problems.merge(each['problems'], each['count'])
        self.totals.update(problem_count=self.problems.count,
                           problems=self.problems.sentences)
        try:
            out = os.open(_NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                          | os.O_CLOEXEC, 0o600, dir_fd=directory)
            with manifest.Writer(
                    out, about, self.repository.format,
                    self._journal.paths(), self._spend) as writer:
                for section in results:
                    self._gather(writer, directory, section)
                digest = writer.finish(self.totals)
            layout.write_metadata(directory, about, self.totals, digest)
        except OSError as exc:
            raise errors.failed('write the repository\'s', manifest.NAME,
                                exc) from exc

    def _spend(self, count):
        self._spent += count
        self.budget.check(self._spent, self.totals['files'], (
            '' if self.repository.format == layout.FORMAT else
            ' "manila-backup-manage repository upgrade" upgrades the '
            'repository to a format that stores each path only once.'))

    def _finish(self, directory, about):
        try:
            self.progress.check()
            # All of the data, then the name that says so.
            syscalls.syncfs(directory)
            os.rename(_NEW, manifest.NAME, src_dir_fd=directory,
                      dst_dir_fd=directory)
            removal.remove(layout.PARTS, directory)
            os.fsync(directory)
            self._sweep()
        except OSError as exc:
            raise errors.failed('finish in the repository the backup',
                                self.place.backup_id, exc) from exc
        return report_of(self.totals)

    def _gather(self, writer, directory, results):
        """Append what the processes wrote, in the order of the batches."""
        spans, opened = [], []
        for result in results:
            fd = os.open(result['part'], os.O_RDONLY | os.O_CLOEXEC,
                         dir_fd=directory)
            opened.append(fd)
            spans.extend((number, fd, offset, size)
                         for number, offset, size in result['spans'])
        for _, fd, offset, size in sorted(spans):
            writer.copy(fd, offset, size)
        for fd in opened:
            os.close(fd)

    def _sweep(self):
        """Remove the earlier attempts; what was worth it has been taken."""
        with self.repository.share(self.place) as share:
            try:
                layout.sweep(share, self.place, self.attempt - 1,
                             self.progress.check)
            except OSError:
                # One of their processes still writes. What stays is found
                # and removed by whoever sweeps the repository.
                pass


def _iso(timestamp):
    return datetime.datetime.fromtimestamp(
        timestamp, datetime.timezone.utc).isoformat(timespec='microseconds')


def open_root(path, repository, shown):
    """Open a share's directory.

    :param repository: int, descriptor of the repository's directory; None if
        that is nowhere on this host.
    :param shown: str, what the repository is called.
    :raises DriverError: it can't be, or it and the repository are within
        one another.
    """
    try:
        root = os.open(path, handles.DIRECTORY & ~os.O_NOFOLLOW)
    except OSError as exc:
        raise errors.failed('open the share\'s directory', path,
                            exc) from exc
    # It may have been named by a descriptor.
    path = os.readlink(f'/proc/self/fd/{root}')
    if repository is not None and (
            handles.is_within(root, os.fstat(repository))
            or handles.is_within(repository, os.fstat(root))):
        os.close(root)
        raise base.DriverError(
            f'The share\'s directory "{path}" and the repository '
            f'"{shown}" lie within one another.')
    return root


def apart(root, writable=False):
    """Open the same directory so that its device nodes can't be opened.

    :param writable: bool, whether it will be written to.
    """
    found = syscalls.mounted_apart(root, writable)
    return os.dup(root) if found is None else found
