# SPDX-License-Identifier: Apache-2.0
"""Look at what a restore of paths would do, which changes nothing."""

import dataclasses
import os
import stat
import time

from manila_backup.contents import reader
from manila_backup.copying import restore_plan
from manila_backup import exception
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import walk
from manila_backup.path_restore import catalogue
from manila_backup import quoting
from manila_backup import status_codes
from manila_backup import wording

#: How many conflicts are named.
MOST_NAMED = 100

# Entries between two looks at the clock.
_LOOK = 256


@dataclasses.dataclass
class Found:
    """Result of a survey.

    :ivar entries: int, entries that would be restored, with directories.
    :ivar size: int, the sum of their sizes in bytes.
    :ivar equal: int, how many of them the share has as they are.
    :ivar conflicts: int, how many have something else in their place.
    :ivar named: list of the paths, as bytes, of the first conflicts.
    :ivar complete: bool, whether all of the share was compared.
    """

    entries: int = 0
    size: int = 0
    equal: int = 0
    conflicts: int = 0
    named: list[bytes] = dataclasses.field(default_factory=list)
    complete: bool = True


def chosen(index, selection):
    """Look up what was chosen.

    :param index: a :class:`~manila_backup.contents.reader.Reader`.
    :returns: list of (path, item); None as the item of the share's root.
    :raises StorageFailed: the backup has no such entry.
    """
    found = []
    topmost = set(selection.topmost())
    for path in sorted(set(selection.paths)):
        try:
            one = None if path == handles.ROOT else index.entry(path)
            if path in topmost:
                found.append((path, one))
        except reader.NoSuchEntry as exc:
            raise exception.StorageFailed(
                f'The backup has no "{errors.printable(path)}". Nothing was '
                'restored.', code=status_codes.StatusCode.NO_SUCH_FILE
            ) from exc
    return found


def totals(index, chosen_):
    """Count what was chosen: (entries, bytes)."""
    entries = size = 0
    for path, one in chosen_:
        if one is not None:
            entries += 1
            size += one.size
        if one is None or one.is_directory:
            more, bytes_ = index.totals(path)
            entries += more
            size += bytes_
    return entries, size


def every(index, chosen_):
    """Iterate over all entries that were chosen, with those below them."""
    for path, one in chosen_:
        if one is not None:
            yield one
        if one is None or one.is_directory:
            yield from filter(None, index.walk(path))


class Surplus:
    """Entries that a share has and a backup does not: a restore of all removes
    them.

    :param index: a :class:`~manila_backup.contents.reader.Reader`.
    :param ignore: frozenset of bytes, names in the share's root to leave
        alone.
    :ivar count: int, entries, with what is in directories.
    :ivar named: list of the paths, as bytes, of the first ones.
    """

    def __init__(self, index, ignore=frozenset(), cross=False):
        self._index = index
        self._ignore = ignore
        self._cross = cross
        self.count = 0
        self.named = []

    def run(self, root, tick=lambda: None, seconds=None):
        """Look for it.

        :param root: int, descriptor of the share's root.
        :param tick: called for each directory.
        :param seconds: float, time after which to end it; None for no limit.
        :returns: bool, whether that was all.
        """
        end = None if seconds is None else time.monotonic() + seconds
        here = walk.Walk(root, cross=self._cross)
        for _ in here:
            if end is not None and time.monotonic() > end:
                return False
            tick()
            self._directory(here)
        return True

    def _directory(self, here):
        try:
            directory = here.enter()
        except OSError as exc:
            if not errnos.is_of_entry(exc):
                raise errors.failed('read in the share', here.path,
                                    exc) from exc
            return      # nor can a restore
        known = self._names(here.path)
        with handles.entries(directory) as found:
            for each in found:
                name = os.fsencode(each.name)
                if here.depth == 0 and name in self._ignore:
                    continue
                if each.is_dir(follow_symlinks=False):
                    here.put(name)
                if name not in known:
                    self.count += 1
                    if len(self.named) < MOST_NAMED:
                        self.named.append(handles.join(here.path, name))

    def _names(self, path):
        """The names that the backup has in a directory, as a set."""
        names, after = set(), None
        try:
            while page := self._index.page(path, after):
                after = page[-1].name
                names.update(one.name for one in page)
        except reader.NoSuchEntry:
            pass
        return names


class Survey:
    """Comparison of chosen entries with a share.

    :param entries: a :class:`~.catalogue.Catalogue`, to compare all of each
        entry; None to compare types, sizes and times alone, as the index has
        them.
    :param index: a :class:`~manila_backup.contents.reader.Reader`.
    :param selection: a :class:`~.selection.Selection`.
    :param ignore: frozenset of bytes, names in the share's root to leave
        alone.
    :param cross: bool, whether what is mounted in the share is part of it.
    :param comparer: a :class:`~.writing.Comparer`, if there is a catalogue.
    """

    def __init__(self, index, selection, ignore=frozenset(), cross=False,
                 entries=None, comparer=None):
        self._index = index
        self._selection = selection
        self._ignore = ignore
        self._cross = cross
        self._entries = entries
        self._comparer = comparer

    def run(self, root, tick=lambda: None, seconds=None):
        """Compare.

        :param root: int, descriptor of the share's root.
        :param tick: called after each entry.
        :param seconds: float, time after which to end it; None for no limit.
        :returns: a :class:`Found`.
        """
        chosen_ = chosen(self._index, self._selection)
        found = Found(*totals(self._index, chosen_))
        end = None if seconds is None else time.monotonic() + seconds
        descent = handles.Descent(root, self._cross)
        for count, (each, pass_over) in enumerate(
                self._each(chosen_), 1):
            if end is not None and not count % _LOOK and (
                    time.monotonic() > end):
                found.complete = False
                break
            tick()
            if self._is_absent(each, descent, found) and each.is_directory:
                pass_over()
        descent.close()
        return found

    def _each(self, chosen_):
        """Iterate over all entries that were chosen.

        :returns: iterator of (item, what is called to pass over all that is
            below it).
        """
        for path, one in chosen_:
            passed = []
            if one is not None:
                yield one, lambda passed=passed: passed.append(True)
            if not passed and (one is None or one.is_directory):
                below = self._index.walk(path)

                def pass_over(below=below):
                    below.send(True)

                for each in below:
                    if each is not None:
                        yield each, pass_over

    def _is_absent(self, one, descent, found):
        """Look at what is in an entry's place; returns whether nothing is."""
        if self._selection.target is None and restore_plan.ignored(
                one.path, self._ignore):
            return False
        path = place(self._selection.base, one.path)
        directory, name = handles.split(path)
        try:
            fd = descent.enter(directory)
        except OSError as exc:
            if not errnos.is_of_entry(exc):
                raise errors.failed('read in the share', path, exc) from exc
            if exc.errno not in errors.GONE or self._is_blocked(
                    descent, exc):
                self._conflict(found, path)
                return False
            return True
        st = handles.look(fd, name)
        if st is None:
            return True
        if one.is_directory and stat.S_ISDIR(st.st_mode):
            pass
        elif self._same(one, fd, name, st):
            found.equal += 1
        else:
            self._conflict(found, path)
        return False

    def _is_blocked(self, descent, exc):
        """Tell whether something else has the place of a directory."""
        directory, name = handles.split(exc.path)
        return handles.look(descent.enter(directory), name) is not None

    def _conflict(self, found, path):
        found.conflicts += 1
        if len(found.named) < MOST_NAMED:
            found.named.append(path)

    def _same(self, one, fd, name, st):
        if not one.is_stored and not catalogue.is_known(one):
            return True     # it stays as it is
        if self._entries is not None:
            return self._comparer.same(self._entries.describe(one).entry, fd,
                                       name, st)
        return (stat.S_IFMT(st.st_mode) == stat.S_IFMT(one.mode)
                and st.st_size == one.size and st.st_mtime_ns == one.mtime)


def preview(index, path, selection, driver, cross=False, whole=False,
            tick=lambda: None, seconds=None):
    """Tell what a restore would do to a share.

    :param index: a :class:`~manila_backup.contents.reader.Reader`.
    :param path: str, of the share's root, as of
        :class:`manila_backup.shares.base.View`.
    :param selection: a :class:`~.selection.Selection`.
    :param driver: the backup's driver, which may ignore some names.
    :param cross: bool, whether what is mounted in the share is part of it.
    :param whole: bool, whether a restore of all of the backup is meant, which
        removes what it does not have.
    :param tick: called now and then.
    :param seconds: float, after how long to end it; None for no limit.
    :returns: dict of ``entries``, ``bytes``, ``unchanged``, ``conflicts``,
        ``conflicting_paths``, quoted, ``removed``, ``removed_paths``, and
        ``complete``, whether all of the share was compared.
    """
    ignored = frozenset(map(os.fsencode, getattr(driver, 'ignore', ())))
    half = None if seconds is None else seconds / 2
    root = os.open(path, handles.DIRECTORY & ~os.O_NOFOLLOW)
    try:
        found = Survey(index, selection, ignored, cross).run(root, tick, half)
        surplus = Surplus(index, ignored, cross)
        if whole:
            found.complete &= surplus.run(root, tick, half)
    finally:
        os.close(root)
    room = quoting.Room()

    def shown(paths):
        return [quoting.quote(each) for each in paths if room.takes(each)]
    return {'entries': found.entries, 'bytes': found.size,
            'unchanged': found.equal, 'conflicts': found.conflicts,
            'conflicting_paths': shown(found.named),
            'removed': surplus.count, 'removed_paths': shown(surplus.named),
            'complete': found.complete}


def place(base, path):
    """Path in the share of an entry.

    :param base: bytes, what stands for the share's root.
    """
    if base == handles.ROOT:
        return path
    return base if path == handles.ROOT else base + b'/' + path


def refuse(found):
    """The error of a restore that was to fail at any conflict, of one that
    has some."""
    named = ', '.join(f'"{errors.printable(path)}"'
                      for path in found.named[:10])
    return exception.StorageFailed(
        f'The share has something else in the place of '
        f'{wording.entries(found.conflicts)}: {named}. Nothing was '
        'restored. Choose another "conflict", or a "target_path".',
        code=status_codes.StatusCode.FILES_EXIST)
