# SPDX-License-Identifier: Apache-2.0
"""Making a backup: restic reads the share, we look at it meanwhile.

What is to be published is then prepared in a file of this host: publishing
adds it to the repository as the backup's mark.
"""

import contextlib
import dataclasses
import datetime
import json
import math
import os
import tempfile
import time

from manila_backup.copying import reporting
from manila_backup.copying import roots
from manila_backup.copying import warnings
from manila_backup.drivers import base
from manila_backup.drivers.restic import absent
from manila_backup.drivers.restic import changed
from manila_backup.drivers.restic import command
from manila_backup.drivers.restic import mounted
from manila_backup.drivers.restic import repository
from manila_backup.drivers.restic import sidecar_scan
from manila_backup.drivers.restic import twice
from manila_backup.drivers.restic import unread
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import syscalls
from manila_backup import private
from manila_backup import warning_codes

_Code = warning_codes.WarningCode

# restic's exit status when it could not read something.
_UNREADABLE = 3

# What it says where there is nothing that it keeps.
_EMPTY = 'snapshot is empty'

# Bytes of paths not to be read that restic is given as arguments, of which a
# process may have some megabytes. With more, it is given what is beside them.
_MOST_EXCLUDED = 64 << 10

# How long, in seconds, we look at the share before we look at restic again.
_SLICE = 0.02


class ResticBackup:
    """One run.

    :param driver: the driver, for its settings.
    :param project: a :class:`~.repository.Repository`.
    """

    def __init__(self, driver, project, place, attempt, options, record,
                 progress):
        self._driver = driver
        self._project = project
        self._place = place
        self._attempt = attempt
        self._record = record
        self._options = options
        self._progress = progress
        self._problems = reporting.Problems()
        self._stored = 0
        self._parent = ()
        self._is_empty = False
        self._counted = [0, 0]
        self._expected = (0, 0)

    def run(self, source):
        """Copy a directory.

        :param source: str.
        :returns: a :class:`~manila_backup.drivers.base.Result`.
        """
        began = _now()
        if self._attempt > 1:
            report = self._take_over()
            if report:
                return report
        with contextlib.ExitStack() as stack:
            root = open_share(source, self._project.restic)
            stack.callback(os.close, root)
            with contextlib.suppress(OSError):
                syscalls.syncfs(root)
            apart = roots.apart(root)
            stack.callback(os.close, apart)
            stack.enter_context(roots.staying(root))
            self._copy(root, apart)
        return self._finish(began)

    def _take_over(self):
        """Add to the index what interrupted attempts stored, for restic to
        find it again, and remove their locks.

        :returns: the report, if one of them was published; or None.
        """
        self._project.restic.unlock()
        found = self._project.snapshots(self._place.backup_id)
        if repository.published(found):
            report = report_of(self._project.about(self._place))
            self._progress.expect(report.files, report.bytes)
            self._progress.advance(report.files, report.bytes)
            return report
        # Needs the repository for itself. If that is not to be had, what
        # was stored is stored again.
        with contextlib.suppress(base.DriverError):
            self._project.restic.run('repair', 'index', wait=False, sink=True)
        return None

    # -- restic at work

    def _copy(self, root, apart):
        self._twice = frozenset()
        self._doubtful = set()
        self._read(root, apart)
        changes = self._look_again(apart)
        if changes.paths and not changes.are_many and not self._is_empty:
            again = changed.Again(self._project, self._place, self._attempt)
            self._parent = '--parent', again.parent(
                [pattern('', each) for each in changes.paths])
            self._read(root, apart)
            again.end()
            changes = self._look_again(apart, frozenset(changes.others))
        self._tell(changes)

    def _read(self, root, apart):
        """Have restic read the share, and look at it meanwhile."""
        ignore = self._driver.ignore
        left_out = []
        while True:
            # restic takes longer to begin than any tick of the clock.
            self._began_ns = time.time_ns()
            self._mounts = mounted.Mounted(
                root, ignore, self._driver.include_mounts)
            self._survey = self._new_survey(apart)
            if self._restic(root, left_out):
                if self._unread.is_twice and self._search(root):
                    # It kept one of each, so only we look again.
                    self._survey = self._new_survey(apart)
                    self._survey.finish(self._progress.check)
                break
            left_out = self._survey.left_out
            # It may have been too busy to take its lock away.
            self._project.restic.unlock()
        if self._is_empty:
            self._store_nothing()

    def _tell(self, changes):
        """Tell what is not in the backup, or not as it should be.

        :param changes: a :class:`.changed.Changes` that is done.
        """
        self._problems.include(changes.problems)
        self._tell_doubtful(changes)
        for each in self._survey.absent:
            self._unread.absent.add(each)
        self._about = {**self._survey.about(), **self._mounts.about(),
                       'absent': self._unread.absent.quoted}
        self._mounts.tell(self._problems)
        self._problems.include(self._survey.problems)
        for path, code, each in self._survey.missed:
            self._unread.problems.add(each, missing=True,
                                      note=warnings.note(path, code))
        self._tell_doubtful(self._survey)
        self._tell_attributes()
        self._unread.check(self._survey.files - self._unread.problems.count,
                           self._driver.on_unreadable == 'error')
        self._problems.include(self._unread.problems)

    def _new_survey(self, apart):
        return sidecar_scan.SidecarScan(
            apart, frozenset(map(os.fsencode, self._driver.ignore)),
            self._driver.hole_limit, *self._looking())

    def _looking(self):
        """Return the arguments that every walk of the share gets."""
        return (self._mounts.paths, self._driver.include_mounts, self._twice)

    def _is_twice(self, root, exc):
        """Tell whether restic failed because of listings that name an entry
        twice, and those were not known before."""
        if unread.TWICE not in exc.message:
            return False
        return self._search(root)

    def _search(self, root):
        """Search for listings that name an entry twice; returns whether there
        are any that were not known before."""
        search = twice.Search(
            root, frozenset(map(os.fsencode, self._driver.ignore)),
            *self._looking()[:2])
        search.finish(self._progress.check)
        before, self._twice = self._twice, self._twice | search.found
        return self._twice != before

    @contextlib.contextmanager
    def _targets(self, root, without):
        """Yield the arguments that name the paths restic is to read, and a
        file for it to read more of them from, or None.

        :param without: set of paths, as bytes, that it must not read.
        """
        directories = self._twice | {
            handles.split(path)[0] for path in without}
        if not directories:
            yield ('--', '.'), None
            return
        with tempfile.TemporaryFile() as names:
            for path in twice.targets(root, directories, without):
                names.write(path + b'\0')
            names.seek(0)
            yield ('--files-from-raw', '-'), names

    def _look_again(self, apart, suspects=frozenset()):
        """restic does not notice what changes while it reads it."""
        changes = changed.Changes(
            apart, frozenset(map(os.fsencode, self._driver.ignore)),
            self._began_ns, suspects, *self._looking())
        changes.finish(self._progress.check)
        return changes

    def _tell_attributes(self):
        """Tell whose extended attributes could not be read, by restic or by
        us; it keeps silent of single ones."""
        # Of any number: it is only not to tell one twice.
        told = absent.Absent(most=math.inf)
        for path in (*self._unread.incomplete, *self._survey.unread):
            if path not in self._unread.absent and path not in told:
                told.add(path)
                self._problems.lost(path, [b'x:*'])
                self._problems.take_notes([warnings.note(
                    path, _Code.PROPERTIES, ['xattrs'])])

    def _tell_doubtful(self, looked):
        """Tell what only we could not look at, or only then.

        :param looked: a :class:`~.sidecar_scan.SidecarScan` that is done.
        """
        for path, why in looked.doubtful:
            if path not in self._unread.absent and path not in self._doubtful:
                self._doubtful.add(path)
                self._problems.add(
                    f'"{errors.printable(path)}" could not be looked at '
                    f'({why}): holes, links and attributes of it or in it '
                    'may not be in the backup as they are.',
                    note=warnings.note(path, _Code.PROPERTIES))
        if looked.more_doubtful:
            self._problems.merge([
                'More entries that could not be looked at: '
                f'{looked.more_doubtful}.'], looked.more_doubtful)
            self._problems.are_cut = True

    def _restic(self, root, left_out):
        """One run of it. False if there turned out to be what it must not
        read; then it was stopped."""
        shown, without = [], frozenset()
        if sum(map(len, left_out)) > _MOST_EXCLUDED:
            without = frozenset(left_out)
        else:
            shown = [name for each in left_out for name in (
                '--exclude', pattern(self._path(root), each))]
        for name in self._driver.ignore:
            shown += ['--exclude', pattern(self._path(root),
                                           os.fsencode(name))]
        for name in self._mounts.directories:
            shown += ['--exclude', pattern(self._path(root), name) + '/*']
        for name in self._mounts.files:
            shown += ['--exclude', pattern(self._path(root), name)]
        known = len(left_out)
        self._unread = unread.Unread(root, self._driver.settings.view)

        def look():
            end = time.monotonic() + _SLICE
            more = True
            while more and time.monotonic() < end:
                more = self._survey.step()
            self._expect()
            if len(self._survey.left_out) > known:
                raise _StartAgain
            return more

        try:
            with self._targets(root, without) as (targets, names):
                self._project.restic.run(
                    'backup', '--json', *repository.tags(
                        self._place, self._attempt, repository.CONTENT),
                    *self._parent, *shown, *targets, stdin=names, view=root,
                    on_line=self._status, on_error=self._unread.take,
                    idle=look, limits=self._driver.limited(self._options),
                    accept=self._is_told)
            while look():
                self._progress.check()
        except _StartAgain:
            self._survey.finish(self._progress.check)
            return False
        except base.DriverError as exc:
            if self._is_twice(root, exc):
                return False
            if _EMPTY not in exc.message:
                raise
            self._is_empty = True
            self._survey.finish(self._progress.check)
        return True

    def _store_nothing(self):
        """restic makes no snapshot of nothing: a file says it."""
        with tempfile.TemporaryFile() as file:
            file.write(b'There was nothing to be kept but this.\n')
            file.seek(0)
            self._project.restic.run(
                'backup', '--quiet', '--stdin', '--stdin-filename',
                'nothing-but-this', *repository.tags(
                    self._place, self._attempt, repository.CONTENT),
                stdin=file)

    def _path(self, root):
        """Return the share's path as restic sees it."""
        view = self._driver.settings.view
        if os.geteuid() == 0:
            return view
        return os.readlink(f'/proc/self/fd/{root}')

    def _expect(self):
        """The totals are the scan's; until it is over, at least what
        restic has found."""
        found = self._survey.files, self._survey.bytes
        if not self._survey.done:
            found = tuple(map(max, found, self._expected))
        self._expected = found
        self._progress.expect(*found)

    def _status(self, line):
        try:
            said = json.loads(line)
        except ValueError:
            return
        kind = said.get('message_type')
        if kind == 'status':
            if not self._survey.done:
                self._expected = tuple(map(max, self._expected, (
                    said.get('total_files', 0), said.get('total_bytes', 0))))
            self._reached(said.get('files_done', 0),
                          said.get('bytes_done', 0))
        elif kind == 'summary':
            self._stored += said.get('data_added_packed', 0)

    def _reached(self, *done):
        """Count what restic has done: of files only, so never all."""
        steps = [max(0, min(now, most) - before) for now, most, before in
                 zip(done, self._expected, self._counted)]
        self._counted = [sum(pair) for pair in zip(self._counted, steps)]
        self._progress.advance(*steps)

    def _is_told(self, code):
        """Tell whether restic has named an entry for each failure that an exit
        status stands for.
        """
        return code == _UNREADABLE and self._unread.heard > 0

    # -- the end

    def _finish(self, began):
        found = self._survey
        self._progress.expect(found.files, found.bytes)
        self._progress.advance(found.files - self._counted[0],
                               found.bytes - self._counted[1])
        report = base.Result(
            found.files, found.bytes, self._stored,
            tuple(self._problems.sentences), self._problems.count,
            self._problems.missing, began)
        about = {
            'version': repository.VERSION, 'state': repository.PUBLISHED,
            **dataclasses.asdict(self._place), 'attempt': self._attempt,
            'created_at': began, 'options': self._options,
            'files': report.files,
            'bytes': report.bytes, 'read': found.read,
            'stored_bytes': report.stored_bytes,
            'problems': list(report.problems),
            'problem_count': report.problem_count,
            'missing': report.missing,
            warnings.NOTES: self._problems.notes,
            warnings.CUT: self._problems.are_cut, 'record': self._record,
            'is_empty': self._is_empty,
            **self._about,
        }
        self._driver.prepared(self._place, self._attempt).write(about)
        if self._attempt > 1:
            self._sweep()
        return report

    def _sweep(self):
        """Remove what earlier attempts got to an end. What stays is found
        and removed by whoever sweeps the repository."""
        with contextlib.suppress(base.DriverError):
            self._project.forget(
                [each for each in self._project.snapshots(
                    self._place.backup_id)
                 if each.attempt < self._attempt], wait=False)


class _StartAgain(Exception):
    """There is something that restic must not read."""


class Prepared:
    """File on this host with a mark that is about to be published.

    :param directory: str.
    """

    def __init__(self, directory, place, attempt):
        self._directory = directory
        self._path = os.path.join(
            directory, f'{place.backup_id}.{int(attempt)}.json')

    def write(self, about):
        """Keep it.

        :param about: dict that JSON can hold.
        """
        temporary = f'{self._path}.{os.urandom(4).hex()}'
        try:
            private.make_directories(self._directory)
            with open(temporary, 'w', encoding='utf-8', opener=_private) as (
                    target):
                json.dump(about, target)
            os.rename(temporary, self._path)
        except OSError as exc:
            raise errors.failed('write', self._path, exc) from exc

    def read(self):
        """It, as bytes; None if there is nothing."""
        try:
            with open(self._path, 'rb') as source:
                return source.read()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise errors.failed('read', self._path, exc) from exc

    def remove(self):
        with contextlib.suppress(OSError):
            os.unlink(self._path)


def _private(path, flags):
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def report_of(about):
    """The Result in the mark of a backup that is published."""
    return base.Result(
        about['files'], about['bytes'], about['stored_bytes'],
        tuple(about['problems']), about['problem_count'],
        reporting.missing_of(about), about['created_at'],
        about.get('record'))


def open_share(path, restic):
    """Open a share's directory.

    :returns: int, a descriptor.
    :raises DriverError: it can't be, or it and the repository are within
        one another.
    """
    local = command.local_path(restic.url)
    with contextlib.ExitStack() as stack:
        there = None
        if local:
            try:
                # That of the project may not be there yet.
                there = os.open(os.path.dirname(local.rstrip('/')),
                                handles.DIRECTORY & ~os.O_NOFOLLOW)
                stack.callback(os.close, there)
            except FileNotFoundError:
                pass
            except OSError as exc:
                raise errors.failed('open the repository', local, exc,
                                    base.RepositoryUnavailable) from exc
        return roots.open_root(path, there, restic.shown)


def pattern(root, path):
    """A pattern of restic's for just one path.

    :param root: str, what restic takes the share's path to be.
    :param path: bytes, below it.
    """
    return ''.join(f'\\{char}' if char in '\\*?[' else char
                   for char in f'{root}/{os.fsdecode(path)}')


def _now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(
        timespec='microseconds')
