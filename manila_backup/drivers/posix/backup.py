# SPDX-License-Identifier: Apache-2.0
"""Making a backup: copy the tree, sync, say that it is whole.

Nothing here is visible before :func:`~.layout.publish`.
"""

from concurrent.futures import thread
import contextlib
import dataclasses
import datetime
import logging
import os
import time

from manila_backup.copying import journal
from manila_backup.copying import manifest
from manila_backup.copying import names
from manila_backup.copying import reporting
from manila_backup.copying import roots
from manila_backup.copying import stable_read
from manila_backup.copying import tree_copy
from manila_backup.drivers import base
from manila_backup.drivers.posix import contents_index
from manila_backup.drivers.posix import continuation
from manila_backup.drivers.posix import layout
from manila_backup.drivers.posix import marker
from manila_backup.drivers.posix import metadata
from manila_backup.drivers.posix import parent
from manila_backup.drivers.posix import resume
from manila_backup.fs import durable
from manila_backup.fs import errors
from manila_backup.fs import removal
from manila_backup.fs import syscalls

LOG = logging.getLogger(__name__)

# Entries up to which a backup that continues another gets its index at once.
_INDEXED_AT_ONCE = 50_000

# What the manifest is called until it is complete.
_NEW = 'manifest.new'


def report_of(about, totals):
    """The Result in a manifest's ``about`` and ``totals``."""
    return base.Result(
        files=totals['files'], bytes=totals['bytes'],
        stored_bytes=totals['stored_bytes'],
        problems=tuple(totals['problems']),
        problem_count=totals['problem_count'],
        missing=reporting.missing_of(totals), taken_at=about['created_at'])


class PosixBackup:
    """One run.

    :param repository: an open :class:`~.layout.Repository`.
    :param processes: int, how many may copy.
    :param ignore: list of str, names in the share's root to pass over.
    :param incremental: bool, whether to take over what an earlier backup
        has.
    :param bytes_per_entry: int, see :class:`~.budget.Budget`.
    :param cross: bool, whether what is mounted in the share is part of it.
    :param lineage: as of :class:`~manila_backup.drivers.base.BackupDriver`.
    :param full_scan_every: int, of how many backups one looks at everything.
    """

    def __init__(self, repository, place, attempt, options, record,
                 processes, ignore, progress, incremental=True,
                 bytes_per_entry=0, cross=False, lineage=None,
                 full_scan_every=1):
        self.repository = repository
        self.place = place
        self.attempt = attempt
        self.options = options
        self.record = record
        self.processes = processes
        self.ignore = frozenset(os.fsencode(name) for name in ignore)
        self.progress = progress
        self.incremental = incremental
        self.bytes_per_entry = bytes_per_entry
        self.cross = cross
        self.lineage = lineage
        self.full_scan_every = full_scan_every

    def run(self, source):
        """Copy a directory.

        :param source: str.
        :returns: a :class:`~manila_backup.drivers.base.Result`.
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
        known = continuation.describe(self.lineage, self.ignore)
        if known:
            about[continuation.LINEAGE] = known
        aside = roots.open_root(source, self.repository.fd,
                                self.repository.path)
        root = roots.apart(aside)
        surely = stable_read.surely_from(time.time_ns())
        # From here on, stores through a memory map show in a file's ctime.
        with contextlib.suppress(OSError):
            syscalls.syncfs(root)
        try:
            return (self._continue(root, aside, about, surely)
                    or self._begin(root, aside, about, surely))
        finally:
            os.close(aside)
            os.close(root)

    def _continue(self, root, aside, about, surely):
        """Copy what has changed since the backup before, if that can be told.

        :returns: a Result; or None.
        """
        if (not self.incremental or self.cross or self.lineage is None
                or self.full_scan_every < 2):
            return None
        check = self.progress.check
        directory = None
        try:
            with contextlib.ExitStack() as stack:
                earlier, before = continuation.find(
                    self.repository, self.place, self.lineage, self.ignore,
                    self.full_scan_every)
                stack.callback(earlier.close)
                what = continuation.written(root, before['generation'], check)
                found = continuation.outlined(earlier, what, check)
                directory = layout.prepare(self.repository, self.place,
                                           self.attempt, subvolume=False)
                continuation.begin(earlier, directory)
                with self.repository.share(self.place) as share:
                    # None of them can be published any more.
                    layout.take(share, self.place, self.attempt)
                copy = continuation.Copy(
                    earlier, found, what, directory, self.processes,
                    self.progress, self.ignore, False, self.bytes_per_entry)
                about = {
                    **about, 'read_since': about['created_at'],
                    'earlier': earlier.name,
                    continuation.LINEAGE: continuation.describe(
                        self.lineage, self.ignore, before)}
                digest = self._run(copy, root, aside, directory, about,
                                   surely)
            # It would take longer than all else.
            self._finish(directory, digest,
                         copy.totals['files'] <= _INDEXED_AT_ONCE)
            return report_of(about, copy.totals)
        except continuation.Unfit as exc:
            LOG.info('Backup %s looks at all of the share: %s.',
                     self.place.backup_id, exc)
            return None
        finally:
            if directory is not None:
                os.close(directory)

    def _begin(self, root, aside, about, surely):
        """Copy all of the share."""
        directory = layout.prepare(self.repository, self.place, self.attempt)
        try:
            return self._copy(root, aside, directory, about, surely)
        finally:
            os.close(directory)

    def _published(self, share):
        """An earlier attempt got as far as that before its worker died."""
        directory = layout.open_published(share, self.place)
        try:
            found = metadata.read(directory)
            report = dataclasses.replace(report_of(found, found),
                                         record=found.get('record'))
        except KeyError as exc:
            raise base.DamagedBackup(
                f'The backup\'s {metadata.NAME} lacks {exc}.') from exc
        finally:
            os.close(directory)
        self.progress.expect(report.files, report.bytes)
        self.progress.advance(report.files, report.bytes)
        return report

    def _copy(self, root, aside, directory, about, surely):
        """Copy all of it, and make it ready to be published.

        :param aside: int, descriptor of the share's directory that can be
            written to, as ``root`` can't.
        :param surely: int, as for :class:`~.store.Storer`.
        """
        with contextlib.ExitStack() as stack:
            taken = stack.enter_context(names.Names(directory))
            interrupted = self._interrupted(taken.folds)
            for attempt in interrupted:
                stack.callback(attempt.close)
            about['read_since'] = min([about['created_at'], *(
                _iso(attempt.began) for attempt in interrupted)])
            parent_backup = (parent.find(self.repository, self.place)
                             if self.incremental else None)
            if parent_backup:
                stack.callback(parent_backup.close)
                about['earlier'] = parent_backup.name
            copy = tree_copy.TreeCopy(
                directory, self.processes, self.progress, self.ignore,
                self.cross, self.bytes_per_entry)
            digest = self._run(copy, root, aside, directory, about, surely,
                               taken, interrupted, parent_backup)
        # Nothing is open any more of what is about to be removed.
        self._finish(directory, digest, True)
        return report_of(about, copy.totals)

    def _run(self, copy, root, aside, directory, about, surely, taken=None,
             *reusable):
        """Copy.

        :returns: the digest of the manifest.
        """
        with copy:
            with roots.staying(aside):
                copy.run(root, aside, surely, self.repository.identity,
                         taken, *reusable)
            copy.check_read()
            return self._write(copy, directory, about)

    def _interrupted(self, folds):
        """Open the earlier attempts' work that this attempt can resume.

        :param folds: as for :class:`~.resume.InterruptedAttempt`.
        """
        found = []
        with self.repository.share(self.place) as share:
            for name in layout.take(share, self.place, self.attempt):
                one = resume.InterruptedAttempt.open(share, name, folds)
                if one:
                    found.append(one)
        return found

    def _write(self, copy, directory, about):
        hint = ('' if self.repository.format == marker.FORMAT else
                ' "manila-backup-manage repository upgrade" upgrades the '
                'repository to a format that stores each path only once.')
        try:
            digest = copy.write_manifest(_NEW, about, self.repository.format,
                                         hint)
            metadata.write(directory, about, copy.totals, digest)
            return digest
        except OSError as exc:
            raise errors.failed('write the repository\'s', manifest.NAME,
                                exc) from exc

    def _finish(self, directory, digest, with_index):
        with contextlib.ExitStack() as stack:
            try:
                index = self._sync(directory, digest, stack, with_index)
                self.progress.check()
                # All of the data, then the name that says so.
                continuation.seal(directory)
                os.rename(_NEW, manifest.NAME, src_dir_fd=directory,
                          dst_dir_fd=directory)
                removal.remove(journal.PARTS, directory)
                os.fsync(directory)
                self._sweep()
            except OSError as exc:
                raise errors.failed('finish in the repository the backup',
                                    self.place.backup_id, exc) from exc
            self.progress.check()
            if index:
                with self.repository.share(self.place) as share:
                    contents_index.add(index, share, self.place)

    def _sync(self, directory, digest, stack, with_index):
        """Have all of the backup on the disk, and meanwhile make what lets it
        be looked into quickly. Without, the first who looks has it made.

        :param with_index: bool, whether to make it.
        :returns: str, the path of its index, while the stack lasts; or None.
        """
        self.progress.check()
        with thread.ThreadPoolExecutor(1) as pool:
            synced = pool.submit(syscalls.syncfs, directory)
            fd = os.open(_NEW, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
            stack.callback(os.close, fd)
            index = (contents_index.make(stack, fd, digest) if with_index
                     else None)
            synced.result()
        durable.keep(fd)
        with open(metadata.NAME, 'rb', opener=lambda name, flags: os.open(
                name, flags, dir_fd=directory)) as short:
            durable.keep(short.fileno())
        return index

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
