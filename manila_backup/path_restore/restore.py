# SPDX-License-Identifier: Apache-2.0
"""Restoring chosen paths of a backup.

What can't be restored is told, and the rest is. What there is no room for is
tried again when all else is done, for that may have made some.
"""

import contextlib
import os

from manila_backup.copying import reporting
from manila_backup.copying import restore_plan
from manila_backup.copying import roots
from manila_backup import exception
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import name_keys
from manila_backup.fs import spools
from manila_backup.fs import syscalls
from manila_backup.path_restore import bulk
from manila_backup.path_restore import frames
from manila_backup.path_restore import placing
from manila_backup.path_restore import selection as selections
from manila_backup.path_restore import survey
from manila_backup.path_restore import workplace
from manila_backup.path_restore import writing
from manila_backup import status_codes
from manila_backup import wording

_Conflict = selections.Conflict


class PathRestore:
    """One run.

    :param entries: a :class:`~.catalogue.Catalogue`.
    :param data: int, descriptor of the backup's tree.
    :param selection: a :class:`~.selection.Selection`.
    :param ignore: names in the share's root to leave alone.
    :param attempt: int; what one before has restored is no conflict.
    :param cross: bool, whether what is mounted in the share is part of it.
    :param processes: int, how many may restore at once.
    """

    def __init__(self, entries, data, selection, ignore, progress, attempt=1,
                 cross=False, processes=1):
        self._entries = entries
        self._data = data
        self._selection = selection
        self._conflict = selection.conflict
        self._ignore = frozenset(os.fsencode(name) for name in ignore)
        self._progress = progress
        self._cross = cross
        self._processes = processes
        self._comparer = writing.Comparer(
            lambda count: progress.check(),
            attempt == 1 or self._conflict is _Conflict.OVERWRITE)
        self._folds = None
        self._again = False     # the entries at hand were counted
        self._done = (0, 0)     # of what was chosen: entries, bytes

    def run(self, share):
        """Restore into a directory.

        :param share: int, descriptor of it.
        :returns: a :class:`~manila_backup.copying.reporting.Result`.
        :raises StorageFailed: nothing was restored, as a path is not in the
            backup, or there are conflicts; or the share can't be written to,
            or has no room for all of it.
        """
        with contextlib.ExitStack() as stack:
            self._root = root = roots.apart(share, writable=True)
            stack.callback(os.close, root)
            umask = os.umask(0)
            stack.callback(os.umask, umask)
            chosen = survey.chosen(self._entries.index, self._selection)
            entries, size = survey.totals(self._entries.index, chosen)
            self._progress.expect(entries, size)
            if self._conflict is _Conflict.FAIL:
                self._look(root)
            self._progress.changes()
            maker = writing.Maker(self._data, self._progress)
            stack.callback(maker.content.close)
            self._target = handles.Descent(root, self._cross)
            stack.callback(self._target.close)
            scratch = handles.scratch()
            stack.callback(os.close, scratch)
            self._spool = spools.Spool(scratch)
            placed = self._placing = placing.Placing(
                self._entries, self._target, maker, self._comparer,
                self._conflict, self._progress.check)
            with self._share(), workplace.Workplace(
                    root, self._selection.workplace,
                    self._progress.check, self._cross) as placed.work:
                short = self._all(chosen)
                self._target.close()
            self._sync(root)
        problems = placed.problems
        if short.count:
            raise exception.StorageFailed(
                '\n'.join((
                    f'{short.first} All else is restored; there is no room '
                    f'for {wording.entries(short.count)}.',
                    *problems.sentences)),
                code=status_codes.StatusCode.NO_SPACE)
        return reporting.Result(
            entries, size, maker.content.written, tuple(problems.sentences),
            problems.count, problems.missing, damages=placed.damages,
            restored=dict(placed.counts))

    def _look(self, root):
        found = survey.Survey(
            self._entries.index, self._selection, self._ignore, self._cross,
            self._entries, self._comparer).run(root, self._progress.check)
        if found.conflicts:
            raise survey.refuse(found)

    @contextlib.contextmanager
    def _share(self):
        """Say of what is of all the share that it is."""
        try:
            yield
        except OSError as exc:
            raise errors.failed('restore in the share', handles.ROOT,
                                exc) from exc

    def _sync(self, root):
        try:
            syscalls.syncfs(root)
        except OSError as exc:
            raise errors.failed('write to the disk of the share',
                                handles.ROOT, exc) from exc

    # -- the way through what was chosen

    def _all(self, chosen):
        """Restore what was chosen.

        :returns: a :class:`_Short` of what there is no room for.
        """
        try:
            self._enter_base(chosen)
        except (frames.Refused, OSError) as exc:
            raise exception.StorageFailed(
                'Nothing was restored: '
                f'{frames.said(self._selection.base, exc)}',
                code=(errors.code(exc) if isinstance(exc, OSError) else None)
                or status_codes.StatusCode.FILES_EXIST) from exc
        self._depth = self._placing.depth
        self._short = _Short(self._spool)
        for path, one in chosen:
            self._restore(path, one)
        self._again, left = True, None
        while self._short.count and (left is None
                                     or self._short.count < left):
            before, self._short = self._short, _Short(self._spool)
            left = before.count
            while (path := before.paths.get()) is not None:
                self._once_more(path)
        self._placing.leave_to(1)
        return self._short

    def _enter_base(self, chosen):
        """Go into the directory that stands for the share's root."""
        base = self._selection.base
        if restore_plan.ignored(base, self._ignore):
            raise frames.Refused('this name is left alone by restores.')
        if base == handles.ROOT:
            return
        names = base.split(b'/')
        for number, name in enumerate(names, 1):
            entry = None
            if number == len(names) and chosen[0][1] is None:
                entry = self._entries.root()
            self._placing.enter(name, entry)

    def _restore(self, path, one):
        """Restore one of the chosen paths, or one of what is below them."""
        self._top, self._done = path, (0, 0)
        try:
            self._chosen(path, one)
            self._leave()
        except frames.NoRoom as exc:
            self._give_up(exc)
            self._leave()
        # Of what could not be entered, nothing was counted.
        self._advance(*(whole - done for whole, done in zip(
            survey.totals(self._entries.index, [(path, one)]), self._done,
            strict=True)))

    def _once_more(self, path):
        """Restore what there was no room for, and leave the times of the
        directory that it is in."""
        above = fd = None
        with contextlib.suppress(OSError):
            fd = self._target.enter(survey.place(
                self._selection.base, handles.split(path)[0]))
            above = os.fstat(fd)
        self._restore(path, None if path == handles.ROOT
                      else self._entries.index.entry(path))
        if above is not None:
            with contextlib.suppress(OSError):
                os.utime(fd, ns=(above.st_atime_ns, above.st_mtime_ns))

    def _advance(self, entries, size):
        if not self._again:
            self._progress.advance(entries, size)
        self._done = self._done[0] + entries, self._done[1] + size

    def _chosen(self, path, one):
        if self._selection.target is None and restore_plan.ignored(
                path, self._ignore):
            self._placing.problems.add(
                f'"{errors.printable(path)}" was not restored: this name is '
                'left alone by restores.', missing=True)
            return
        if one is None:
            self._walk(path)
            return
        here = b''
        for name in path.split(b'/')[:-1]:
            here = here + b'/' + name if here else name
            above = self._entries.index.entry(here)
            if not self._try(above, lambda above=above: self._placing.enter(
                    above.name, self._entries.describe(above).entry)):
                return
        if self._one(one, is_chosen=True):
            self._walk(path)

    def _walk(self, path):
        """Restore all that is below a directory, which is at hand."""
        passed = 0
        walk = self._entries.index.walk(path)
        if self._is_bulk(path):
            with self._giving_up():
                self._bulk(walk)
            return
        for one in walk:
            try:
                if one is None:
                    if passed:
                        passed -= 1
                    else:
                        self._leave(1)
                elif passed or self._is_left_alone(one):
                    passed += one.is_directory
                    self._advance(1, one.size)
                elif not self._one(one):
                    passed += one.is_directory
                elif self._placing.begins_aside and self._is_bulk(one.path):
                    one = None      # up to its end
                    self._bulk(walk)
                    self._leave(1)
            except frames.NoRoom as exc:
                # All that is in it is passed over.
                passed = self._give_up(exc) + (
                    -1 if one is None else one.is_directory)

    @contextlib.contextmanager
    def _giving_up(self):
        try:
            yield
        except frames.NoRoom as exc:
            self._give_up(exc)

    def _is_bulk(self, path):
        """Tell whether all that is below the directory at hand is for several
        processes to make.

        :param path: bytes, its path in the backup.
        """
        if (self._processes < 2 or not self._placing.is_aside(0)
                or self._entries.index.totals(path)[0] < bulk.FEW):
            return False
        if self._folds is None:
            # Of names that are the same there, the first counts.
            self._folds = name_keys.folds(self._placing.work.fd)
        return not self._folds

    def _bulk(self, walk):
        """Have several processes make all that is below the directory at hand,
        which it is again then.

        :param walk: iterator over that, and all after it: to its end.
        :raises NoRoom: there is none for it.
        """
        placed, below = self._placing, bulk.Below(walk)
        here, depth, done = placed.place, placed.depth, self._done
        before = self._progress.read()
        with bulk.Bulk(placed, self._processes, self._progress) as made:
            try:
                made.run(self._batches(below, made), self._make)
            except OSError as exc:
                if not (errors.is_full(exc)
                        and placed.is_aside(self._depth)):
                    raise
                raise _no_room(placed.final, exc) from exc
            finally:
                while placed.depth > depth:
                    placed.put_off()
                placed.stand(here)
                below.skip()
                # By whichever process.
                self._done = tuple(
                    old + new - was for old, new, was in zip(
                        done, self._progress.read(), before, strict=False))

    def _batches(self, below, made):
        """Iterate over batches of what is below a directory."""
        passed = 0
        for one in below:
            batch = None
            if one is None:
                if passed:
                    passed -= 1
                else:
                    made.leave()
            elif passed:
                passed += one.is_directory
                self._advance(1, one.size)
            elif not one.is_directory:
                batch = made.add(one)
            elif not self._one(one):
                passed = 1
            if batch:
                yield batch
        batch = made.rest()
        if batch:
            yield batch

    def _make(self, one):
        """Make an entry of a directory that several processes make.

        :returns: bool, whether that was for this one to do.
        """
        if self._try(one, lambda: self._placing.put(one, False)) is False:
            return False
        self._advance(1, one.size)
        return True

    def _leave(self, levels=None):
        """Leave the directory at hand, or all down to where what was chosen is
        restored to.

        :raises NoRoom: there is none for it.
        """
        depth = (self._depth if levels is None
                 else self._placing.depth - levels)
        while self._placing.depth > depth:
            try:
                self._placing.leave()
            except OSError as exc:
                if not (errors.is_full(exc)
                        and self._placing.is_aside(self._depth)):
                    raise
                raise _no_room(self._placing.final, exc) from exc

    def _give_up(self, exc):
        """Remove a directory that there is no room for.

        :param exc: the :class:`~.frames.NoRoom`.
        :returns: int, how many directories were left by that.
        """
        levels, path = self._placing.drop()
        self._short.put(self._top if path is None else path, exc)
        return levels

    def _is_left_alone(self, one):
        return (self._selection.target is None and one.directory
                == handles.ROOT and one.name in self._ignore)

    def _one(self, one, is_chosen=False):
        """Restore an entry.

        :returns: bool, whether it is a directory, which is at hand now.
        """
        self._advance(1, one.size)
        if not one.is_directory:
            self._try(one, lambda: self._placing.put(one, is_chosen))
            return False
        return bool(self._try(one, lambda: self._placing.enter(
            one.name, self._entries.describe(one).entry, one.path)))

    def _try(self, one, function):
        """Call a function, and tell what is of the one entry.

        :returns: what it returns; None if it was told why not, or if it is to
            be tried again in the end.
        :raises NoRoom: there is none in a directory that is made aside.
        """
        placed = self._placing
        path = handles.join(placed.final, one.name)
        try:
            return function()
        except exception.DamagedBackup as exc:
            placed.damages += 1
            placed.problems.add(str(exc), missing=True)
        except frames.Refused as exc:
            placed.problems.add(frames.said(path, exc), missing=True)
        except OSError as exc:
            if errors.is_full(exc) and placed.is_aside(self._depth):
                raise _no_room(path, exc) from exc
            if errors.is_full(exc) and not placed.is_aside(0):
                self._short.put(self._way_to(one), _no_room(path, exc))
            elif errnos.is_of_entry(exc, self._root):
                placed.problems.add(frames.said(path, exc), missing=True)
            else:
                raise errors.failed('restore in the share', path,
                                    exc) from exc
        return None

    def _way_to(self, one):
        """Return the path to restore anew: of a directory on the way to what
        was chosen, that."""
        if selections.is_below(one.path, self._top):
            return one.path
        return self._top


def _no_room(path, exc):
    """The error of an entry that there is no room for.

    :param path: bytes, in the share.
    :param exc: the OSError.
    """
    return frames.NoRoom(str(errors.failed('restore in the share', path,
                                           exc)))


class _Short:
    """List of what there is no room for.

    :param spool: a :class:`~manila_backup.fs.spools.Spool`.
    :ivar paths: a :class:`~manila_backup.fs.spools.PathQueue` of paths in the
        backup, and ``count``, how many there were.
    :ivar first: str, a sentence about the first one.
    """

    def __init__(self, spool):
        self.paths = spools.PathQueue(spool)
        self.count = 0
        self.first = None

    def put(self, path, exc):
        """Take one.

        :param exc: a :class:`~.frames.NoRoom`.
        """
        self.paths.put(path)
        self.count += 1
        self.first = self.first or str(exc)
