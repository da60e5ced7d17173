# SPDX-License-Identifier: Apache-2.0
"""Making a share equal to a backup.

In four steps, each done by several processes and finished before the next:
compare (and check whatever of the backup will be needed), shape (remove what
the backup lacks, make directories), write (what differs) and finish (the
attributes of directories). Nothing is changed before the first is over. What
is needed of the backup is checked in it where something of the share could be
lost, and otherwise while it is written: see :class:`Verify`.

What can't be changed in the share stays as it is, and is told: what is
immutable, has another file system mounted on it, is held open, or what the
table in :mod:`.errnos` says to be of one entry. So are names that the share's
file system takes for one another: the first is restored, and the others are
passed over.
"""

import contextlib
import enum
import errno
import itertools
import os

from manila_backup.copying import examine
from manila_backup.copying import pool
from manila_backup.copying import reporting
from manila_backup.copying import restore_plan
from manila_backup.copying import roots
from manila_backup.copying import spelling
from manila_backup.copying import write
from manila_backup import exception
from manila_backup.fs import attributes
from manila_backup.fs import difference
from manila_backup.fs import dirent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import mountpoints
from manila_backup.fs import name_keys
from manila_backup.fs import removal
from manila_backup.fs import spools
from manila_backup.fs import syscalls
from manila_backup import status_codes
from manila_backup import wording

# Names that fit into memory whatever else is there.
_MANY = 20_000


class Verify(enum.Enum):
    """Time at which the stored content that a restore needs is verified."""

    #: Before anything is changed.
    ALWAYS = 'always'
    #: Before anything is changed if there is anything in the share; while it
    #: is written if not.
    WHEN_OVERWRITING = 'when_overwriting'
    #: While it is written.
    NEVER = 'never'

    def comes_first(self, root, ignore):
        """Tell whether it is read before anything is changed.

        :param root: int, descriptor of the share.
        :param ignore: names in it to leave alone.
        """
        if self is not Verify.WHEN_OVERWRITING:
            return self is Verify.ALWAYS
        with handles.entries(root) as entries:
            return any(os.fsencode(entry.name) not in ignore
                       for entry in entries)


class Restore:
    """One run.

    :param stored: the :class:`~.manifest.Manifest` of the backup.
    :param data: int, descriptor of its tree.
    :param ignore: names in the share's root to leave alone.
    :param cross: bool, whether what is mounted in the share is part of it.
    :param verify: a :class:`Verify`.
    """

    def __init__(self, stored, data, processes, ignore, progress,
                 cross=False, verify=Verify.WHEN_OVERWRITING):
        self.stored = stored
        self.data = data
        self.cross = cross
        self.processes = processes
        self.ignore = frozenset(os.fsencode(name) for name in ignore)
        self.progress = progress
        self.problems = reporting.Problems()
        self.verify = verify

    def run(self, share):
        """Restore into a directory.

        :param share: int, descriptor of it.
        :returns: a :class:`~.reporting.Result`.
        :raises DamagedBackup: see :mod:`manila_backup.drivers.base`.
        """
        with contextlib.ExitStack() as stack:
            self.mounts = mountpoints.inside(share)
            root = roots.apart(share, writable=True)
            stack.callback(os.close, root)
            # One of this process, and of each that works.
            self._spools = []
            for _ in range(self.processes + 1):
                self._spools.append(spools.Spool(handles.scratch()))
                stack.callback(self._spools[-1].close)
            self._finder = name_keys.Finder(spools.PathQueue(self._spools[0]))
            self._fallen = name_keys.Fallen()
            self._respelt = []
            self._short = []        # (how many, a sentence about one)
            self._damaged = []      # the same
            try:
                return self._run(self.stored, self.data, root)
            except dirent.Malformed as exc:
                raise exception.DamagedBackup(
                    f'The manifest has an invalid line: {exc}.') from exc

    def _run(self, found, data, root):
        # What is read, and what is written, count as much.
        self.progress.expect(found.entries, 2 * found.bytes)
        todo = self._compare(found, data, root)
        self.progress.changes()
        self._pass_over(found, data, root)
        self._shape(found, data, root)
        written = self._write(found, todo, data, root)
        self._finish(found, root)
        spelling.rename_directories(root, self._respelt, self.problems)
        try:
            syscalls.syncfs(root)
        except OSError as exc:
            raise errors.failed('write to the disk of the share',
                                handles.ROOT, exc) from exc
        if self._damaged:
            count = sum(number for number, _ in self._damaged)
            raise exception.DamagedBackup(
                f'{self._damaged[0][1]} What is damaged, {count} of '
                f'{wording.entries(found.entries)}, was not restored.')
        if self._short:
            count = sum(number for number, _ in self._short)
            raise exception.StorageFailed(
                f'{self._short[0][1]} All else is restored; there is no '
                f'room for {count} of {wording.entries(found.entries)}.',
                code=status_codes.StatusCode.NO_SPACE)
        return reporting.Result(found.entries, found.bytes, written,
                                tuple(self.problems.sentences),
                                self.problems.count, self.problems.missing)

    def _compare(self, found, data, root):
        """Compare, and yield the spans in the spools of entries to write."""
        verifies = self.verify.comes_first(root, self.ignore)

        def work(inbox, number):
            return restore_plan.Comparer(
                found.apart(), data, root, self._spools[number], self.ignore,
                self.progress, self.cross, self.mounts, verifies)(
                    inbox, number)

        def batches():
            yield from examine.spans(found)
            # While the others work: nothing may be there that the manifest
            # does not have, since what the share has of it would stay.
            number = examine.count(data, self.progress.check, self._finder)
            if number != found.stored_entries:
                raise exception.DamagedBackup(
                    f'The backup has {wording.entries(number)} instead of '
                    f'{found.stored_entries}.')

        todo = []
        for result in pool.run(self.processes, work, batches(),
                               self.progress, root):
            todo.extend(result['todo'])
            self.problems.merge(*result['problems'])
        return todo

    def _pass_over(self, found, data, root):
        """Find out which names the share can't have beside others."""
        stored = handles.Descent(data)
        target = handles.MakingDescent(root, replace=True, cross=self.cross)
        done = set()
        for path, unstored in itertools.chain(
                found.unstored_names(), self._alike()):
            if (hash(path) in done
                    or restore_plan.ignored(path, self.ignore)
                    or self._fallen.covers(path)):
                continue
            if unstored:
                done.add(hash(path))
            fd = stored.enter(path)
            ignore = self.ignore if path == handles.ROOT else ()
            groups = name_keys.groups(fd, unstored, ignore)
            of_snapshots = name_keys.of_snapshots(fd, unstored, ignore)
            if not groups and not of_snapshots:
                continue
            try:
                here = target.enter(path)
                fallen = name_keys.fallen(here, groups)
                reserved = name_keys.reserved(here, of_snapshots)
            except OSError:
                continue        # nor can anything else be made in it
            for name, kept in fallen:
                self._has_no_place(path, name, 'takes its name for that of '
                                   f'"{errors.printable(kept)}", which was.')
            for name in sorted(reserved):
                self._has_no_place(
                    path, name, 'has its snapshots under that name.', True)
            self.progress.check()
        stored.close()
        target.close()

    def _has_no_place(self, path, name, why, missing=False):
        below = handles.join(path, name)
        self._fallen.add(below)
        self.problems.add(
            f'"{errors.printable(below)}" was not restored: the share\'s file '
            f'system {why}', missing)

    def _alike(self):
        """Yield the directories that the finder has queued."""
        while (path := self._finder.queue.get()) is not None:
            yield path, ()

    def _shape(self, found, data, root):
        def work(inbox, _):
            return _Shaper(found.apart(), data, root, self.ignore,
                           self._fallen, self.progress, self.cross)(inbox)

        todo, last = _numbered(found.directories), False
        while todo:
            results = pool.run(1 if last else self.processes, work, todo,
                               self.progress)
            todo = []
            for result in results:
                self.problems.merge(*result['problems'])
                self._respelt.extend(result['respelt'])
                if last:
                    self._add_short(result['short'])
                else:
                    # There was no room for some before all others were
                    # done, which may have removed a lot.
                    todo.extend(result['later'])
            last = True

    def _write(self, found, todo, data, root):
        def work(inbox, number):
            return write.Writer(
                found.apart(), data, root, self._spools, number, self.ignore,
                self._fallen, self.progress, self.cross)(inbox)

        written = 0
        processes, left = self.processes, None
        while todo:
            results = pool.run(processes, work, todo, self.progress, root)
            todo = []
            shorts = []
            for result in results:
                written += result['written']
                self.problems.merge(*result['problems'])
                todo.extend(result['later'])
                shorts.append(result['short'])
                if result['damaged'][0]:
                    self._damaged.append(result['damaged'])
            # There was no room for some. What was written since may have
            # made some, and so may what is tried alone.
            count = sum(short[0] for short in shorts)
            if count == left:
                for short in shorts:
                    self._add_short(short)
                break
            processes, left = 1, count
        return written

    def _add_short(self, short):
        if short[0]:
            self._short.append(short)

    def _finish(self, found, root):
        # Where something could not be made, it was told already.
        whole = not (self.problems.count or self._short or self._damaged)

        def work(inbox, _):
            return _finish(found.apart(), root, inbox, self.ignore,
                           self._fallen, self.progress, whole, self.cross)

        # From the leaves up: without privileges, a directory may not be
        # entered any more once it is done; so then by one process.
        processes = self.processes if os.geteuid() == 0 else 1
        for said in pool.run(
                processes, work, _numbered(reversed(found.directories)),
                self.progress):
            self.problems.merge(*said)


def _numbered(spans):
    for span in spans:
        yield (0, *span)


class _Shaper:
    """Makes the directories that are missing and removes what is too much;
    also what a killed restore left under temporary names."""

    def __init__(self, found, data, root, ignore, fallen, progress, cross):
        self._found = found
        self._unstored = frozenset()    # in the directory at hand
        self._root = root
        self._cross = cross
        self._stored = handles.Descent(data)
        self._target = handles.MakingDescent(root, replace=True, cross=cross)
        self._ignore = ignore
        self._fallen = fallen
        self._respeller = spelling.Respeller()
        self._later = []
        self._short = (0, None)
        self._progress = progress
        self._privileged = os.geteuid() == 0
        self._problems = reporting.Problems()

    def __call__(self, inbox):
        os.umask(0)
        for _, offset, size in inbox:
            for place, (path, entry) in enumerate(
                    self._found.described((offset, size))):
                if restore_plan.ignored(path, self._ignore) or (
                        self._fallen.covers(path)):
                    continue
                is_whole = b'entries' not in entry.lost
                self._unstored = self._found.unstored_in(path, entry)
                try:
                    fd = self._target.enter(path)
                    self._unlock(fd)
                except OSError as exc:
                    if errors.is_full(exc):
                        self._postpone(path, self._found.line_span(
                            (offset, size), place), exc)
                    else:
                        self._not_entered(path, exc)
                    continue
                try:
                    if is_whole:
                        self._clear_all(path, fd)
                except OSError as exc:
                    self._failed(path, exc)
                self._progress.check()
        return {'problems': self._problems.said(), 'later': self._later,
                'short': self._short, 'respelt': self._respeller.later}

    def _postpone(self, path, span, exc):
        """There was no room to make a directory."""
        count, sentence = self._short
        self._short = count + 1, sentence or str(errors.failed(
            'make in the share the directory', path, exc))
        self._later.append((0, *span))

    def _not_entered(self, path, exc):
        """Go on without a directory."""
        there = exc.errno == errno.EXDEV and exc.path == path
        if there:
            self._problems.add(
                f'"{errors.printable(path)}" and what is in it was left as '
                'it is: another file system is mounted there.')
            return
        self._failed(path, exc, 'make', missing=not errors.is_fixed(exc))

    def _failed(self, path, exc, doing='clear', missing=False):
        """Go on, if it is of the one entry.

        :param path: bytes, where the error does not say it itself.
        """
        said = errors.failed(f'{doing} in the share', path, exc)
        if not errnos.is_of_entry(exc, self._root):
            raise said from exc
        self._problems.add(str(said), missing)

    def _unlock(self, fd):
        st = os.fstat(fd)
        if not self._privileged and st.st_mode & 0o700 != 0o700 and (
                st.st_uid == os.geteuid()):
            os.fchmod(fd, st.st_mode & 0o7777 | 0o700)

    def _wanted(self, path, stored, fd):
        """The names that a directory should have; None if they are too many
        to be kept and no spelling matters."""
        wanted = _names(stored, _MANY)
        if wanted is None:
            if not name_keys.folds(fd):
                return None
            wanted = _names(stored)
        wanted |= self._unstored
        if self._fallen:
            wanted = {name for name in wanted
                      if not self._fallen.has(path, name)}
        return wanted

    def _clear_all(self, path, fd):
        """Remove what the backup does not have in a directory."""
        try:
            stored = self._stored.enter(path)
            wanted = self._wanted(path, stored, fd)
        except OSError as exc:
            raise errors.failed('read in the repository', path, exc,
                                reporting.kind(exc)) from exc
        stays = set()
        while self._clear(path, stored, fd, wanted, stays):
            pass

    def _clear(self, path, stored, fd, wanted, stays):
        """Remove what a directory should not have, up to some number.

        :param stays: set of the names that can't be removed; added to.
        :returns: bool, whether there may be more of it.
        """
        extras, missing = [], set(wanted or ())
        with handles.entries(fd) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if path == handles.ROOT and name in self._ignore:
                    continue
                if wanted is None:
                    if self._is_known(stored, name):
                        continue
                elif name in wanted:
                    missing.discard(name)
                    continue
                if len(extras) < _MANY and name not in stays:
                    extras.append(name)
        if not extras:
            return False
        self._respeller.enter(path, fd, missing)

        def kept(at, exc):
            stays.add(at.split(b'/', 1)[0])
            self._failed(path, exc)

        for name in extras:
            try:
                if not self._respeller.take(name):
                    removal.remove(name, fd, self._progress.check,
                                   self._cross, kept, path)
            except OSError as exc:
                stays.add(name)
                self._failed(handles.join(path, name), exc)
        return len(extras) >= _MANY

    def _is_known(self, stored, name):
        return (handles.look(stored, name) is not None
                or name in self._unstored)


def _names(directory, most=None):
    """The names in a directory as a set; None if they are too many.

    :param most: int, how many there may be.
    """
    found = set()
    with handles.entries(directory) as entries:
        for entry in entries:
            if most is not None and len(found) >= most:
                return None
            found.add(os.fsencode(entry.name))
    return found


def _finish(found, root, inbox, ignore, fallen, progress, whole, cross):
    """Give directories the attributes they should have.

    :param whole: bool, whether all of them should be there.
    """
    setter = attributes.Setter()
    target = handles.Descent(root, cross)
    problems = reporting.Problems()
    for _, offset, size in inbox:
        for path, entry in found.described((offset, size), backwards=True):
            if restore_plan.ignored(path, ignore) or fallen.covers(path):
                continue
            lost = ()
            try:
                fd = target.enter(path)
                st = os.fstat(fd)
                had = attributes.read_like(fd, entry)
                if difference.in_attributes(entry, st, had):
                    attributes.check_free(fd)
                    lost = setter.apply(fd, entry, st, had=had)
            except OSError as exc:
                said = errors.failed('set in the share the attributes of',
                                     path, exc)
                if not errnos.is_of_entry(exc, root):
                    raise said from exc
                if exc.errno != errno.EXDEV:
                    # Of a mount it was said before.
                    problems.add(str(said), missing=(
                        whole and exc.errno in errors.GONE))
            if lost:
                problems.lost(path, lost)
            progress.advance(int(path != handles.ROOT), 0,
                             reporting.COPIED)
    return problems.said()
