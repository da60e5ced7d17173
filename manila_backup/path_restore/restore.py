# SPDX-License-Identifier: Apache-2.0
"""Restoring chosen paths of a backup.

Each entry is made in a private directory, and renamed to its place when it is
whole. So is a directory that the share does not have, with all that is in it;
below it, entries get their names at once. What can't be restored is told, and
the rest is; what has its place is never followed if it is a symbolic link, and
never removed if it is a directory.
"""

import contextlib
import os
import stat

from manila_backup.copying import reporting
from manila_backup.copying import restore_plan
from manila_backup.copying import roots
from manila_backup import exception
from manila_backup.fs import attributes
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import syscalls
from manila_backup.path_restore import catalogue
from manila_backup.path_restore import frames
from manila_backup.path_restore import links
from manila_backup.path_restore import renaming
from manila_backup.path_restore import selection as selections
from manila_backup.path_restore import survey
from manila_backup.path_restore import workplace
from manila_backup.path_restore import writing
from manila_backup import status_codes

_Conflict = selections.Conflict


class PathRestore:
    """One run.

    :param entries: a :class:`~.catalogue.Catalogue`.
    :param data: int, descriptor of the backup's tree.
    :param selection: a :class:`~.selection.Selection`.
    :param ignore: names in the share's root to leave alone.
    :param attempt: int; what one before has restored is no conflict.
    :param cross: bool, whether what is mounted in the share is part of it.
    """

    def __init__(self, entries, data, selection, ignore, progress, attempt=1,
                 cross=False):
        self._entries = entries
        self._data = data
        self._selection = selection
        self._conflict = selection.conflict
        self._ignore = frozenset(os.fsencode(name) for name in ignore)
        self._progress = progress
        self._cross = cross
        self._comparer = writing.Comparer(
            lambda count: progress.check(),
            attempt == 1 or self._conflict is _Conflict.OVERWRITE)
        self._problems = reporting.Problems()
        self._damages = 0
        self._counts = dict.fromkeys(selections.COUNTS, 0)

    def run(self, share):
        """Restore into a directory.

        :param share: int, descriptor of it.
        :returns: a :class:`~manila_backup.copying.reporting.Result`.
        :raises StorageFailed: nothing was restored, as a path is not in the
            backup, or there are conflicts; or the share can't be written to.
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
            self._maker = writing.Maker(self._data, self._progress)
            stack.callback(self._maker.close)
            self._target = handles.Descent(root, self._cross)
            stack.callback(self._target.close)
            self._links = links.Links(self._target, self._problems)
            with self._share(), workplace.Workplace(
                    root, self._selection.workplace,
                    self._progress.check) as self._work:
                self._all(chosen)
                self._target.close()
            self._sync(root)
        return reporting.Result(
            entries, size, self._maker.written,
            tuple(self._problems.sentences), self._problems.count,
            self._problems.missing, damages=self._damages,
            restored=dict(self._counts))

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
        self._frames = [frames.Frame(b'', 0, 0)]
        self._at = self._final = handles.ROOT
        try:
            self._enter_base(chosen)
        except (frames.Refused, OSError) as exc:
            raise exception.StorageFailed(
                'Nothing was restored: '
                f'{frames.said(self._selection.base, exc)}',
                code=status_codes.StatusCode.FILES_EXIST) from exc
        depth = len(self._frames)
        for path, one in chosen:
            self._chosen(path, one)
            self._leave_to(depth)
        self._leave_to(1)

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
            self._enter(name, entry, is_chosen=False)

    def _chosen(self, path, one):
        """Restore one of the chosen paths."""
        if self._selection.target is None and restore_plan.ignored(
                path, self._ignore):
            self._problems.add(
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
            if not self._try(above, lambda above=above: self._enter(
                    above.name, self._entries.describe(above).entry, False)):
                self._pass_over(one, path)
                return
        if self._one(one, is_chosen=True):
            self._walk(path)
        elif one.is_directory:
            self._progress.advance(*self._entries.index.totals(path))

    def _pass_over(self, one, path):
        """Count what is not restored, since what it is in could not be
        entered."""
        entries, size = survey.totals(self._entries.index, [(path, one)])
        self._progress.advance(entries, size)

    def _walk(self, path):
        """Restore all that is below a directory, which is at hand."""
        passed = 0
        for one in self._entries.index.walk(path):
            if one is None:
                if passed:
                    passed -= 1
                else:
                    self._leave()
            elif passed or self._is_left_alone(one):
                passed += one.is_directory
                self._progress.advance(1, one.size)
            elif one.is_directory and not self._one(one):
                passed = 1
            elif not one.is_directory:
                self._one(one)

    def _is_left_alone(self, one):
        return (self._selection.target is None and one.directory
                == handles.ROOT and one.name in self._ignore)

    def _one(self, one, is_chosen=False):
        """Restore an entry.

        :returns: bool, whether it is a directory, which is at hand now.
        """
        if one.is_directory:
            done = self._try(one, lambda: self._enter(
                one.name, self._entries.describe(one).entry))
        else:
            done = self._try(one, lambda: self._put(one, is_chosen))
        self._progress.advance(1, one.size)
        return bool(done and one.is_directory)

    def _try(self, one, function):
        """Call a function, and tell what is of the one entry.

        :returns: what it returns; None if it was told why not.
        """
        path = handles.join(self._final, one.name)
        try:
            return function()
        except exception.DamagedBackup as exc:
            self._damages += 1
            self._problems.add(str(exc), missing=True)
        except frames.Refused as exc:
            self._problems.add(frames.said(path, exc), missing=True)
        except OSError as exc:
            if not errnos.is_of_entry(exc, self._root):
                raise errors.failed('restore in the share', path,
                                    exc) from exc
            self._problems.add(frames.said(path, exc), missing=True)
        return None

    # -- directories

    def _fd(self):
        """The directory at hand."""
        return self._target.enter(self._at)

    def _enter(self, name, entry, is_chosen=True):
        """Go into a directory of the one at hand; it is made if it is not
        there.

        :param entry: what it is in the backup, or None.
        :param is_chosen: bool, whether that is to be restored too.
        :returns: bool, whether it is to be gone into.
        """
        if self._links.aside is not None:
            try:
                os.mkdir(name, 0o700, dir_fd=self._fd())
            except FileExistsError:
                raise frames.Refused(frames.ANOTHER) from None
            self._push(name, name, entry, True)
            self._counts['created'] += is_chosen
            return True
        fd = self._fd()
        st = handles.look(fd, name)
        if st is not None and is_chosen:
            self._frames[-1].check(st)
        over = st is not None and not stat.S_ISDIR(st.st_mode)
        if over and not is_chosen:
            raise frames.Refused(
                f'"{errors.printable(handles.join(self._final, name))}" is no '
                'directory in the share.')
        if over and self._conflict is _Conflict.SKIP:
            self._counts['skipped'] += 1
            return False
        if over and self._conflict is _Conflict.FAIL:
            raise frames.Refused(frames.MEANWHILE)
        count = 'replaced' if over else 'created'
        if over and self._conflict is _Conflict.KEEP_BOTH:
            name, st = self._other_directory(fd, name)
            count, over = 'renamed', False
        if st is not None and not over:
            self._target.enter(handles.join(self._at, name))
            self._push(name, name, entry if is_chosen and self._conflict
                       is _Conflict.OVERWRITE else None)
            self._counts['unchanged'] += is_chosen
            return True
        self._begin(fd, name, entry, over)
        self._counts[count] += is_chosen
        return True

    def _other_directory(self, fd, name):
        """Another name for a directory: (name, os.stat_result of what there
        is of it, or None)."""
        for other in selections.others(name):
            st = handles.look(fd, other)
            if st is None or stat.S_ISDIR(st.st_mode):
                return other, st
        raise frames.Refused(frames.NO_PLACE)

    def _begin(self, fd, name, entry, over):
        """Make a directory aside."""
        temporary, place = self._work.temporary(), self._work.fd
        path = self._work.path
        if os.fstat(fd).st_dev != self._work.device:
            temporary, place, path = self._beside(temporary), fd, self._at
        os.mkdir(temporary, 0o700, dir_fd=place)
        before, self._at = self._at, path
        self._push(temporary, name, entry, True)
        self._frames[-1].aside = place, temporary, before, over
        self._links.aside = self._final, self._at

    def _beside(self, temporary):
        """A temporary name where others have theirs: in what is mounted in
        the share."""
        return self._selection.workplace + b'-' + temporary

    def _push(self, name, final, entry, is_new=False):
        self._at = handles.join(self._at, name)
        self._final = handles.join(self._final, final)
        self._frames.append(frames.Frame(
            final, len(self._at), len(self._final), entry, is_new))

    def _leave_to(self, depth):
        while len(self._frames) > depth:
            self._leave()

    def _leave(self):
        """Finish the directory at hand, and go back to the one it is in."""
        frame, fd = self._frames[-1], None
        try:
            fd = self._fd()
            self._describe(frame, fd)
            if frame.aside:
                self._appear(frame, fd)
                self._frames[-2].note(os.fstat(fd))
        except OSError as exc:
            if not errnos.is_of_entry(exc, self._root):
                raise
            self._problems.add(frames.said(self._final, exc),
                               missing=frame.aside is not None)
        self._frames.pop()
        above = self._frames[-1]
        if frame.aside:
            self._at = frame.aside[2]
            self._links.aside = None
        else:
            self._at = self._at[:above.at] or handles.ROOT
        self._final = self._final[:above.final] or handles.ROOT

    def _describe(self, frame, fd):
        """Give a directory its attributes."""
        entry, st = frame.entry, os.fstat(fd)
        if entry is None and frame.is_new:
            # Whoever uses the share is to be able to use it.
            root = os.fstat(self._root)
            os.fchown(fd, root.st_uid, root.st_gid)
            os.fchmod(fd, stat.S_IMODE(root.st_mode))
        if entry is None:
            return
        had = attributes.read_like(fd, entry)
        if attributes.differ(entry, st, had):
            attributes.check_free(fd)
            lost = self._maker.setter.apply(fd, entry, st, had=had)
            if lost:
                self._problems.lost(self._final, lost)

    def _appear(self, frame, fd):
        """Give a directory that was made aside its place."""
        place, temporary, before, over = frame.aside
        target = self._target.enter(before)
        rename = renaming.exchange if over else renaming.put
        try:
            rename(temporary, frame.name, place, target)
        except PermissionError:
            # Without privileges, one that can't be written can't be moved.
            mode = stat.S_IMODE(os.fstat(fd).st_mode)
            os.fchmod(fd, mode | 0o700)
            rename(temporary, frame.name, place, target)
            os.fchmod(fd, mode)

    # -- what is no directory

    def _put(self, one, is_chosen):
        """Restore a file, or a node."""
        if not catalogue.is_known(one) or (
                not one.is_stored and stat.S_ISREG(one.mode)):
            self._problems.add(
                f'"{errors.printable(one.path)}" is not in the backup: it '
                'could not be stored at the time.', missing=is_chosen)
            return
        entry, has_links = self._entries.describe(one)
        fd, name = self._fd(), one.name
        if self._links.aside is not None:
            self._make(one, entry, has_links, fd, name)
            return
        st = handles.look(fd, name)
        if st is not None and not has_links:
            self._frames[-1].check(st)
        if st is None:
            self._place(one, entry, has_links, fd, name, 'created')
        elif self._conflict is _Conflict.SKIP:
            self._counts['skipped'] += 1
        elif self._comparer.same(entry, fd, name, st):
            self._unchanged(one, has_links, st)
        elif self._conflict is _Conflict.KEEP_BOTH:
            self._keep_both(one, entry, has_links, fd)
        elif self._conflict is _Conflict.FAIL:
            raise frames.Refused(frames.MEANWHILE)
        elif stat.S_ISDIR(st.st_mode):
            raise frames.Refused(frames.DIRECTORY)
        else:
            self._place(one, entry, has_links, fd, name, 'replaced')

    def _unchanged(self, one, has_links, st):
        self._counts['unchanged'] += 1
        if has_links:
            self._links.remember(
                one.line, handles.join(self._final, one.name), st)

    def _keep_both(self, one, entry, has_links, fd):
        for name in selections.others(one.name):
            st = handles.look(fd, name)
            if st is None:
                self._place(one, entry, has_links, fd, name, 'renamed')
                return
            if self._comparer.same(entry, fd, name, st):
                self._unchanged(one, has_links, st)
                return
        raise frames.Refused(frames.NO_PLACE)

    def _make(self, one, entry, has_links, fd, name):
        """Make an entry in a directory that is made aside."""
        if has_links and self._links.make(one.line, fd, name,
                                          handles.join(self._final, name)):
            self._counts['created'] += 1
            return
        try:
            lost = self._maker.make(one, entry, fd, name)
        except FileExistsError:
            raise frames.Refused(frames.ANOTHER) from None
        self._made(one, entry, has_links, fd, name, lost, 'created')

    def _place(self, one, entry, has_links, fd, name, count):
        """Make an entry aside, and give it its place."""
        temporary, place = self._work.temporary(), self._work.fd
        if os.fstat(fd).st_dev != self._work.device:
            temporary, place = self._beside(temporary), fd
        if has_links and self._links.make(one.line, place, temporary,
                                          handles.join(self._final, name)):
            lost = []
        else:
            lost = self._maker.make(
                one, entry, place, temporary,
                place is fd and attributes.inherited(fd))
        if b'node' not in lost:
            try:
                (renaming.replace if count == 'replaced' else renaming.put)(
                    temporary, name, place, fd)
            except OSError:
                handles.unlink(temporary, place)
                raise
        self._made(one, entry, has_links, fd, name, lost, count)

    def _made(self, one, entry, has_links, fd, name, lost, count):
        path = handles.join(self._final, name)
        if b'node' in lost:
            self._problems.unmade(path, entry.kind == b'L')
            return
        self._counts[count] += 1
        if lost:
            self._problems.lost(path, lost)
        if has_links or self._links.aside is None:
            st = os.stat(name, dir_fd=fd, follow_symlinks=False)
            self._frames[-1].note(st)
            if has_links:
                self._links.remember(one.line, path, st)
