# SPDX-License-Identifier: Apache-2.0
"""Entries of a backup get their places in a share.

Each is made in a private directory, and renamed to its place when it is whole.
So is a directory that the share does not have, with all that is in it; below
it, entries get their names at once. What has its place is never followed if it
is a symbolic link, and never removed if it is a directory.

Where a file that is overwritten leaves no room for another one beside it, what
differs is written into a clone of it, or into itself, or it is removed first:
see :mod:`manila_backup.copying.room`. A directory without room is not made.
"""

import contextlib
import os
import stat

from manila_backup.copying import reporting
from manila_backup.fs import attributes
from manila_backup.fs import difference
from manila_backup.fs import dirent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import name_keys
from manila_backup.fs import removal
from manila_backup.path_restore import catalogue
from manila_backup.path_restore import frames
from manila_backup.path_restore import links
from manila_backup.path_restore import renaming
from manila_backup.path_restore import selection as selections

_Conflict = selections.Conflict


class Placing:
    """The way through the directories of a share, and what is made there.

    :param entries: a :class:`~.catalogue.Catalogue`.
    :param target: a :class:`~manila_backup.fs.handles.Descent` of the share.
    :param maker: a :class:`~.writing.Maker`.
    :param comparer: a :class:`~.writing.Comparer`.
    :param conflict: a :class:`~.selection.Conflict`.
    :param tick: called now and then.
    :ivar work: a :class:`~.workplace.Workplace`, which whoever opens it sets.
    :ivar final: bytes, the path that the directory at hand gets in the end.
    :ivar counts: dict of what was done, by :data:`~.selection.COUNTS`.
    :ivar problems: a :class:`~manila_backup.copying.reporting.Problems`.
    :ivar damages: int, entries that are damaged in the backup.
    :ivar leaves_links: bool, whether what may have more names is left to
        another process.
    """

    leaves_links = False

    def __init__(self, entries, target, maker, comparer, conflict, tick):
        self._entries = entries
        self._target = target
        self._root = target.root
        self._maker = maker
        self._comparer = comparer
        self._conflict = conflict
        self._tick = tick
        self._frames = [frames.Frame(b'', 0, 0)]
        self._at = self.final = handles.ROOT
        self._kept = None
        self._links = links.Links(target, reporting.Problems())
        self.work = None
        self.counts = dict.fromkeys(selections.COUNTS, 0)
        self.problems = self._links.problems
        self.damages = 0

    @property
    def depth(self):
        """int, how many directories lead to the one at hand, and that one."""
        return len(self._frames)

    def is_aside(self, depth):
        """Tell whether the directory at hand is made aside, or is in one that
        is, so that it can be dropped; and that below ``depth``."""
        return any(frame.aside for frame in self._frames[depth:])

    # -- by several processes

    @property
    def begins_aside(self):
        """bool, whether the directory at hand is one that is made aside."""
        return self._frames[-1].aside is not None

    @property
    def place(self):
        """The directory at hand, for :meth:`stand`."""
        return self._at, self.final

    def stand(self, place):
        """Have a directory at hand without a way there."""
        self._at, self.final = place

    def share(self):
        """Begin to work for another process, and count for that."""
        self._tell(reporting.Problems())
        self.counts = dict.fromkeys(selections.COUNTS, 0)
        self.damages = self._maker.content.written = 0
        self.leaves_links = True

    def done(self):
        """All that was done since :meth:`share`, for :meth:`include`."""
        return (self.problems.said(), self.counts, self.damages,
                self._maker.content.written)

    def include(self, done):
        """Add what another process has done."""
        said, counts, damages, written = done
        self.problems.merge(*said)
        for name, count in counts.items():
            self.counts[name] += count
        self.damages += damages
        self._maker.content.written += written

    def put_off(self):
        """Go back from the directory at hand, which was made in another one
        that is made aside.

        :returns: what :meth:`finish` needs to finish it.
        """
        frame, place = self._frames.pop(), self.place
        self._back(frame)
        return *place, frame.entry and tuple(frame.entry)

    def finish(self, left):
        """Give a directory its attributes.

        :param left: as of :meth:`put_off`.
        :raises OSError: as of :meth:`leave`.
        """
        at, final, entry = left
        self.stand((at, final))
        try:
            self._describe(frames.Frame(
                b'', 0, 0, entry and dirent.Entry(*entry), True), self._fd())
        except OSError as exc:
            if not errnos.is_of_entry(exc, self._root):
                raise
            self.problems.add(frames.said(final, exc))

    # -- directories

    def _fd(self):
        """The directory at hand."""
        return self._target.enter(self._at)

    def enter(self, name, entry, path=None):
        """Go into a directory of the one at hand; it is made if it is not
        there.

        :param entry: what it is in the backup, or None.
        :param path: bytes, its path in the backup; None if it is not to be
            restored itself.
        :returns: bool, whether it is to be gone into.
        """
        is_chosen = path is not None
        if self._links.aside is not None:
            try:
                os.mkdir(name, 0o700, dir_fd=self._fd())
            except FileExistsError:
                raise self._taken(self._fd(), name) from None
            self._push(name, name, entry, True)
            self.counts['created'] += is_chosen
            return True
        fd = self._fd()
        st = handles.look(fd, name)
        if st is not None and self._is_reserved(fd, name):
            raise frames.Refused(frames.SNAPSHOTS)
        if st is not None and is_chosen:
            self._frames[-1].check(st)
        over = st is not None and not stat.S_ISDIR(st.st_mode)
        if over and not is_chosen:
            raise frames.Refused(
                f'"{errors.printable(handles.join(self.final, name))}" is no '
                'directory in the share.')
        if over and self._conflict is _Conflict.SKIP:
            self.counts['skipped'] += 1
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
            self.counts['unchanged'] += is_chosen
            return True
        self._begin(fd, name, entry, over, path)
        self.counts[count] += is_chosen
        return True

    @staticmethod
    def _is_reserved(fd, name):
        return name in name_keys.SNAPSHOTS and name_keys.reserved(fd, (name,))

    def _taken(self, fd, name):
        """Return the error of a name that something new has already."""
        return frames.Refused(frames.SNAPSHOTS if self._is_reserved(fd, name)
                              else frames.ANOTHER)

    def _other_directory(self, fd, name):
        """Another name for a directory: (name, os.stat_result of what there
        is of it, or None)."""
        for other in selections.others(name):
            st = handles.look(fd, other)
            if st is None or stat.S_ISDIR(st.st_mode):
                return other, st
        raise frames.Refused(frames.NO_PLACE)

    def _begin(self, fd, name, entry, over, source):
        """Make a directory aside."""
        temporary, place, path = self.work.place(fd, self._at)
        os.mkdir(temporary, 0o700, dir_fd=place)
        before, self._at = self._at, path
        self._push(temporary, name, entry, True)
        self._frames[-1].aside = place, temporary, before, over
        self._frames[-1].source = source
        self._links.aside = self.final, self._at
        # What is told of it counts if it gets its place.
        self._kept = self.problems, dict(self.counts), self.damages
        self._tell(reporting.Problems())

    def _tell(self, problems):
        self.problems = self._links.problems = problems

    def _push(self, name, final, entry, is_new=False):
        self._at = handles.join(self._at, name)
        self.final = handles.join(self.final, final)
        self._frames.append(frames.Frame(
            final, len(self._at), len(self.final), entry, is_new))

    def leave_to(self, depth):
        while len(self._frames) > depth:
            self.leave()

    def leave(self):
        """Finish the directory at hand, and go back to the one it is in.

        :raises OSError: it could not be, for want of room or because of the
            whole file system; it is still at hand.
        """
        frame = self._frames[-1]
        try:
            fd = self._fd()
            self._describe(frame, fd)
            if frame.aside:
                self._appear(frame, fd)
                self._frames[-2].note(os.fstat(fd))
        except OSError as exc:
            if not errnos.is_of_entry(exc, self._root):
                raise
            said = frames.said(self.final, exc)
            if frame.aside:
                self.drop()
                self.problems.add(said, missing=True)
                return
            self.problems.add(said)
        if frame.aside:
            told, _, _ = self._kept
            told.include(self.problems)
            self._tell(told)
        self._frames.pop()
        self._back(frame)

    def _back(self, frame):
        """Have the directory at hand that another one is in."""
        above = self._frames[-1]
        if frame.aside:
            self._at = frame.aside[2]
            self._links.aside = self._kept = None
        else:
            self._at = self._at[:above.at] or handles.ROOT
        self.final = self.final[:above.final] or handles.ROOT

    def drop(self):
        """Remove the directory that is made aside, and go back to the one that
        it should have got into.

        :returns: (int, how many directories were left by that; bytes, its path
            in the backup, or None if it was not to be restored itself).
        """
        levels = 0
        while True:
            frame = self._frames.pop()
            levels += 1
            if frame.aside:
                break
            self._back(frame)
        self._links.forget(self.final)
        told, self.counts, self.damages = self._kept
        self._tell(told)
        self._back(frame)
        place, temporary, _, _ = frame.aside
        self._target.close()
        with contextlib.suppress(OSError):
            # Else it goes with all that is in the private directory.
            removal.remove(temporary, place, self._tick)
        return levels, frame.source

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
        if difference.in_attributes(entry, st, had):
            attributes.check_free(fd)
            lost = self._maker.setter.apply(fd, entry, st, had=had)
            if lost:
                self.problems.lost(self.final, lost)

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

    def put(self, one, is_chosen):
        """Restore a file, or a node.

        :returns: bool, whether that is for this process to do.
        """
        if not catalogue.is_known(one) or (
                not one.is_stored and stat.S_ISREG(one.mode)):
            why = self._entries.why_unstored(one)
            if why:
                self.problems.add(
                    f'"{errors.printable(one.path)}" is not in the backup: '
                    f'{why} at the time.', missing=is_chosen)
            return True
        entry, has_links = self._entries.describe(one)
        if has_links and self.leaves_links:
            return False
        fd, name = self._fd(), one.name
        if self._links.aside is not None:
            self._make(one, entry, has_links, fd, name)
        else:
            self._put(one, entry, has_links, fd, name)
        return True

    def _put(self, one, entry, has_links, fd, name):
        """Restore one to a directory that others may use."""
        st = handles.look(fd, name)
        if st is not None and not has_links:
            self._frames[-1].check(st)
        if st is None:
            self._place(one, entry, has_links, fd, name, 'created')
        elif self._conflict is _Conflict.SKIP:
            self.counts['skipped'] += 1
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
        self.counts['unchanged'] += 1
        if has_links:
            self._links.remember(
                one.line, handles.join(self.final, one.name), st)

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
                                          handles.join(self.final, name)):
            self.counts['created'] += 1
            return
        try:
            lost = self._maker.make(one, entry, fd, name)
        except FileExistsError:
            raise self._taken(fd, name) from None
        self._made(one, entry, has_links, fd, name, lost, 'created')

    def _place(self, one, entry, has_links, fd, name, count):
        """Make an entry aside, and give it its place."""
        temporary, place, _ = self.work.place(fd, self._at)
        is_there = False
        if has_links and self._links.make(one.line, place, temporary,
                                          handles.join(self.final, name)):
            lost = []
        else:
            inherits = place is fd and attributes.inherited(fd)
            try:
                lost = self._maker.make(one, entry, place, temporary,
                                        inherits)
            except OSError as exc:
                if count != 'replaced' or not errors.is_full(exc):
                    raise
                lost, is_there = self._maker.over(
                    one, entry, fd, name, place, temporary, inherits)
        if b'node' not in lost and not is_there:
            try:
                (renaming.replace if count == 'replaced' else renaming.put)(
                    temporary, name, place, fd)
            except OSError:
                handles.unlink(temporary, place)
                raise
        self._made(one, entry, has_links, fd, name, lost, count)

    def _made(self, one, entry, has_links, fd, name, lost, count):
        path = handles.join(self.final, name)
        if b'node' in lost:
            self.problems.unmade(path, entry.kind == b'L')
            return
        self.counts[count] += 1
        if lost:
            self.problems.lost(path, lost)
        if has_links or self._links.aside is None:
            st = os.stat(name, dir_fd=fd, follow_symlinks=False)
            self._frames[-1].note(st)
            if has_links:
                self._links.remember(one.line, path, st)
