# SPDX-License-Identifier: Apache-2.0
"""Making a share equal to a backup.

restic restores into a share that is empty at once. One that is not is no
place for it: it neither removes what the backup lacks, nor leaves what is
equal as it is; and on a file system that ignores case it would write names
that differ in nothing else over one another. Then it restores beside, and what
the posix driver knows of making a share equal to a tree does the rest.
"""

import contextlib
import dataclasses
import fcntl
import os
import secrets

from manila_backup.copying import reporting
from manila_backup.copying import restore
from manila_backup.copying import roots
from manila_backup.drivers import base
from manila_backup.drivers.restic import absent
from manila_backup.drivers.restic import attribute_names
from manila_backup.drivers.restic import backup
from manila_backup.drivers.restic import index
from manila_backup.drivers.restic import listed
from manila_backup.drivers.restic import mending
from manila_backup.drivers.restic import mounted
from manila_backup.drivers.restic import repository
from manila_backup.drivers.restic import sidecar_restore
from manila_backup.drivers.restic import times
from manila_backup.drivers.restic import unwritten
from manila_backup.fs import attributes
from manila_backup.fs import dirent
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import mountpoints
from manila_backup.fs import name_keys
from manila_backup.fs import removal
from manila_backup.fs import syscalls
from manila_backup import private
from manila_backup import status_codes

# Beside what a backup holds, for what it takes to keep that.
_SPARE = 64 << 20
PROCESSES = 2

# Why a backup has to be restored beside the share.
_NOT_EMPTY = ('The share is not empty, or its file system ignores case in '
              'names, so the backup has')
_FULL = ('The share has no room for all of the backup; for the rest to be '
         'restored, it has')

NONSENSE = (KeyError, ValueError, TypeError, IndexError, AttributeError,
            dirent.Malformed)


class Restore:
    """One run.

    :param driver: the driver, for its settings.
    :param project: a :class:`~.repository.Repository`.
    :cvar TAKES_DAMAGE: bool, whether what can be had of a damaged backup is
        to be restored.
    """

    TAKES_DAMAGE = False

    def __init__(self, driver, project, place, attempt, progress):
        self._driver = driver
        self._project = project
        self._place = place
        self._attempt = attempt
        self._progress = progress
        self._ignore = frozenset(map(os.fsencode, driver.ignore))
        self._counted = 0
        self._told = None

    def run(self, target):
        """Restore into a directory.

        :param target: str.
        :returns: a :class:`~manila_backup.drivers.base.Result`.
        """
        if self._attempt > 1:
            self._project.restic.unlock()
        self._about = about = self._project.about(self._place)
        self._files, self._bytes = about['files'], about['bytes']
        told = self._complete()
        return also(self._into(target), told)

    def _complete(self):
        """Add to the mark of an earlier release the times that it lacks.

        :returns: :class:`.reporting.Problems`, with those that can't be had.
        """
        problems = reporting.Problems()
        if 'times' in self._about or self._about['is_empty']:
            return problems
        listing = times.Listing()
        self._project.restic.run(
            'ls', '--json', *self._content(), on_line=listing.take)
        self._about['times'] = listing.times
        for path in listing.unknown:
            problems.lost(path, [b'time'])
        return problems

    def _into(self, target):
        root = backup.open_share(target, self._project.restic)
        why = _NOT_EMPTY
        try:
            if self._is_empty(root):
                # To find out makes files in it.
                self._progress.changes()
                if not name_keys.folds(root):
                    with contextlib.suppress(_Copies):
                        return self._directly(root)
        except _Full:
            why = _FULL
        finally:
            os.close(root)
        return self._beside(target, why)

    def _is_empty(self, root):
        with handles.entries(root) as found:
            return all(os.fsencode(entry.name) in self._ignore
                       for entry in found)

    # -- at once

    def _directly(self, root):
        self._progress.expect(self._files, self._bytes)
        # What is made in it must not inherit anything.
        with contextlib.suppress(OSError):
            os.removexattr(root, attributes.DEFAULT_ACL)
        try:
            written = self._restic(root, 'the share')
        except base.DriverError as exc:
            if exc.code != status_codes.StatusCode.NO_SPACE:
                raise
            self._empty(root)
            raise _Full from exc
        if written.copies:
            raise _Copies
        problems, _ = self._settle(written, root)
        odd, late = sidecar_restore.SidecarRestore(
            self._about, root, self._ignore, self._progress.check).put()
        problems.merge(*odd.said())
        for path in late.put(root):
            problems.lost(path, [b'time'])
        _sync(root)
        self._progress.advance(self._files, self._bytes - self._counted)
        return base.Result(self._files, self._bytes, self._about['read'],
                           tuple(problems.sentences), problems.count,
                           problems.missing)

    def _empty(self, root):
        """Remove what restic has made in a share that was empty: the part that
        it has of a file may take the room of all others."""
        with handles.entries(root) as found:
            names = [os.fsencode(entry.name) for entry in found]
        for name in names:
            if name not in self._ignore:
                try:
                    removal.remove(name, root, self._progress.check)
                except OSError as exc:
                    raise errors.failed('remove from the share', name,
                                        exc) from exc
        self._progress.advance(0, -self._counted)
        self._counted = 0

    def _restic(self, root, where):
        """Have restic restore into an open directory.

        :param where: str, such as ``the share``.
        :returns: :class:`~.unwritten.Unwritten`, which has what it could not.
        """
        # Without a view: what restic inherits, wherever it is by then.
        target = (self._driver.settings.view if os.geteuid() == 0
                  else f'/proc/self/fd/{root}')
        written = unwritten.Unwritten(
            root, target, where, self._is_known, self._late(),
            self.TAKES_DAMAGE)
        if self._about['is_empty']:
            return written
        args = ['restore', '--json', '--sparse', '--target', target,
                *self._patterns(), *self._content()]

        def wrote(_, count):
            done = min(count, self._bytes)
            if done > self._counted:
                self._progress.advance(0, done - self._counted)
                self._counted = done

        try:
            self._project.restic.run(
                *args, view=root, writable=True, sink=True,
                on_error=written.take, accept=written.are_all,
                limits=self._driver.limited(self._about['options']),
                on_io=wrote)
        except base.DriverError as exc:
            if 'no snapshot' in exc.message:
                raise base.DamagedBackup(
                    f'The content of backup {self._place.backup_id} is not '
                    'in the repository.') from exc
            raise
        return written

    def _content(self):
        """The arguments that say which snapshot has it, as a list."""
        return [*repository.content_of(self._place, self._about['attempt']),
                'latest']

    def _patterns(self):
        """The arguments that say what to restore, as a list."""
        return [argument for name in self._ignore
                for argument in ('--exclude', backup.pattern('', name))]

    def _late(self):
        """The paths of what gets its time last of all, as frozenset."""
        try:
            return times.Times(self._about, self._ignore,
                               self._progress.check).paths
        except NONSENSE as exc:
            raise base.DamagedBackup(
                f'The backup\'s mark is damaged: {exc}.') from exc

    def _settle(self, written, root):
        """Compare what restic has restored, mend what can be mended, and tell
        the rest.

        :returns: as :meth:`~.unwritten.Unwritten.settle`.
        """
        compared = listed.Comparison(root, lambda path: (
            self._is_left(path) or self._is_known(path)
            or written.is_told(path)))
        snapshot = None
        if not self._about['is_empty']:
            snapshot = self._compare(compared)
        compared.finish()
        problems, missing = written.settle(
            self._files, compared, mending.Mending(
                self._project.restic, snapshot, root))
        try:
            attribute_names.check(self._about, root, written.is_told,
                                  problems)
        except NONSENSE as exc:
            raise base.DamagedBackup(
                f'The backup\'s mark is damaged: {exc}.') from exc
        return problems, missing

    def _compare(self, compared):
        """Give a :class:`.listed.Comparison` what it is to compare.

        :returns: str, the id of the content.
        """
        self._project.restic.run(
            'ls', '--json', *self._content(), on_line=compared.take)
        return repository.content_id(
            self._project.snapshots(self._place.backup_id),
            self._about['attempt'])

    def _is_left(self, path):
        """Tell whether an entry is not to be restored."""
        return path.split(b'/', 1)[0] in self._ignore

    def _is_known(self, path):
        """Tell whether restic's not restoring an entry is told otherwise: it
        was not read either, or is made from the backup's mark."""
        if self._told is None:
            self._told = (absent.Absent(self._about.get('absent', ())),
                          sidecar_restore.nodes(self._about))
        return any(path in paths for paths in self._told)

    # -- beside

    def _beside(self, target, why):
        # restic writes it, we read it, and then both sides are read, or one
        # of them and what differs written.
        self._progress.expect(self._files, 4 * self._bytes)
        partial, files = mounted.restored(self._about)
        with Staging(self._driver.staging, self._about['read'],
                     why) as staging:
            with index.Staged(staging.fd, PROCESSES, Part(self._progress),
                              absent.Absent(self._about.get('absent', ())),
                              partial) as staged:
                problems, missing, late = self._stage(staged.data)
                for path in missing:
                    staged.unmade.add(path)
                short = late.put(staged.data)
                report = _with(files, self._from(staged, staging, target))
        report = self._later(target, report) if short else report
        return also(report, problems)

    def _stage(self, data):
        """Have all that is possible in the staging directory.

        :returns: (:class:`.reporting.Problems`, list of the paths, as bytes,
            of what is not there, :class:`.times.Times`).
        """
        where = '[restic] staging_path'
        problems, missing = self._settle(self._restic(data, where), data)
        made = sidecar_restore.SidecarRestore(
            self._about, data, frozenset(), self._progress.check)
        odd, late = made.put()
        problems.merge(*odd.said())
        return problems, [*missing, *made.unmade], late

    def _from(self, staged, staging, target):
        """Make the share equal to what is in the staging directory."""
        with contextlib.ExitStack() as stack:
            stored = staged.describe()
            stack.callback(os.close, stored.fd)
            root = roots.open_root(target, staging.fd, staging.path)
            stack.callback(os.close, root)
            return restore.Restore(
                stored, staged.data, PROCESSES, self._driver.ignore,
                Part(self._progress, files=True),
                self._driver.include_mounts).run(root)

    def _later(self, target, report):
        """Set in the share the times that were not to be had beside it."""
        root = backup.open_share(target, self._project.restic)
        try:
            lost = times.Times(self._about, self._ignore,
                               self._progress.check).put(
                root, () if self._driver.include_mounts
                else mountpoints.inside(root))
            _sync(root)
        finally:
            os.close(root)
        problems = reporting.Problems()
        problems.merge(report.problems, report.problem_count)
        for path in lost:
            problems.lost(path, [b'time'])
        return dataclasses.replace(
            report, problems=tuple(problems.sentences),
            problem_count=problems.count)


def _sync(root):
    try:
        syscalls.syncfs(root)
    except OSError as exc:
        raise errors.failed('write to the disk of the share', handles.ROOT,
                            exc) from exc


def _with(files, report):
    """A report that tells too of files that the backup does not have."""
    told = [
        f'"{errors.printable(path)}" is not in the backup: another file '
        'system was mounted there at the time. It was left as it is.'
        for path in files]
    return dataclasses.replace(
        report, problem_count=report.problem_count + len(told),
        problems=(*report.problems, *told)[:base.MAX_PROBLEMS])


def also(report, problems):
    """Return a report with more problems."""
    if not problems.count:
        return report
    all_ = reporting.Problems()
    all_.merge(*problems.said())
    all_.merge(report.problems, report.problem_count, report.missing)
    return dataclasses.replace(
        report, problems=tuple(all_.sentences), problem_count=all_.count,
        missing=all_.missing)


class _Full(Exception):
    """The share has no room for all: from beside, all is restored that it has
    room for."""


class _Copies(Exception):
    """A file has more names than the share's file system allows one: from
    beside, another copy is begun."""


class Part:
    """An operation's progress as a part of it sees it: without totals.

    :param files: bool, whether it counts files too.
    """

    def __init__(self, progress, files=False):
        self._progress = progress
        self._files = files
        self.slots = progress.slots
        self.use_slot = progress.use_slot
        self.use_lanes = progress.use_lanes
        self.check = progress.check
        self.changes = progress.changes

    def expect(self, files, size):
        pass

    def advance(self, files, size, calls=0):
        self._progress.advance(files if self._files else 0, size, calls)


class Staging:
    """A directory for one restore; a context manager, which removes it in
    the end, and what those before left whose processes are gone.

    :param path: str, where to make it.
    :param size: int, bytes that it needs room for.
    :param why: str, the beginning of a sentence about what needs it.
    :ivar path: str, the directory's.
    :ivar fd: int, a descriptor of it.
    """

    def __init__(self, path, size, why):
        self._base = path
        self._size = size
        self._why = why

    def __enter__(self):
        try:
            private.make_directories(self._base)
            self._tidy()
            self._name = secrets.token_hex(8)
            self.path = os.path.join(self._base, self._name)
            os.mkdir(self.path, 0o700)
            self.fd = os.open(self.path, handles.DIRECTORY)
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            there = os.statvfs(self.path)
        except OSError as exc:
            raise errors.failed('make in [restic] staging_path a directory',
                                self._base, exc) from exc
        free = there.f_bavail * there.f_frsize
        if free < self._size + _SPARE:
            self.__exit__()
            raise base.DriverError(
                f'{self._why} to be restored to [restic] staging_path '
                f'"{self._base}" first, where there is not enough room: it '
                f'needs {self._size} bytes, and {free} are '
                'free.', code=status_codes.StatusCode.NO_SPACE)
        return self

    def __exit__(self, *exc_info):
        self._remove(self._name)
        os.close(self.fd)

    def _tidy(self):
        for name in os.listdir(self._base):
            path = os.path.join(self._base, name)
            try:
                fd = os.open(path, handles.DIRECTORY)
            except OSError:
                continue
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._remove(name)
            except BlockingIOError:
                pass    # at work
            finally:
                os.close(fd)

    def _remove(self, name):
        parent = os.open(self._base, handles.DIRECTORY & ~os.O_NOFOLLOW)
        try:
            with contextlib.suppress(OSError):
                removal.remove(name, parent)
        finally:
            os.close(parent)
