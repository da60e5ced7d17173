# SPDX-License-Identifier: Apache-2.0
"""Names that are hard links of one another, as a copying process stores
them."""

import errno
import os
import stat

from manila_backup.copying import reporting
from manila_backup.copying import warnings
from manila_backup.fs import dirent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup import warning_codes

# Of a name, whatever it is to be a name of.
_Code = warning_codes.WarningCode

_OF_NAME = frozenset((errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL))


class Replaced(Exception):
    """Another file has the name by now."""


class Refused(Exception):
    """The repository can't have the name, beside those that it has."""


class Unsettled(Exception):
    """It would not hold still, and is to be tried again in the end."""


class Linking:
    """The part of :class:`~.store.Storer` that does groups of names."""

    def _links(self, number, records):
        """Names of files that have more than one; sorted by inode."""
        at = 0
        while at < len(records):
            end = at
            while end < len(records) and records[end][:2] == records[at][:2]:
                end += 1
            self._group(number, records[at:end])
            at = end

    def _group(self, number, records):
        """All names of one inode: the first is copied, the rest linked."""
        first = entered = before = parted = None
        inode = records[0][1]
        self._at.names = len(records)
        # Each is written later, not to part the group.
        strangers, unsettled, unread = [], [], []
        for record in records:
            directory, name = place = record[2:]
            try:
                st = self._look(directory, name)
            except OSError as exc:
                unread.append((place, exc))
                continue
            path = self._at.path
            if st is None or record == before:
                # Gone, or named twice by a listing.
                self.progress.advance(1, 0 if st is None else st.st_size)
            elif st.st_ino != inode:
                strangers.append(place)     # replaced since
            elif first and (joined := self._joins(name, st, first, entered)):
                if joined is Refused:
                    strangers.append(place)
                else:
                    entered = path
                    self._tell_parted(parted, name)
            else:
                # As many as there can be: another one begins.
                parted, first = parted or first, None
                try:
                    text = self._head(name, st, inode)
                except Replaced:
                    strangers.append(place)
                except Unsettled:
                    unsettled.append(place)
                else:
                    if text is not None:
                        first = (path, name, _is_stored(text))
                        entered = path
                        self._tell_parted(parted, name)
            before = record
        if first:
            strangers += self._settle(unsettled, first, entered, inode)
        elif unsettled:
            self._late.append((number, 'links', [
                record for record in records if record[2:] in unsettled]))
        self._at.names = 1
        for (directory, name), exc in unread:
            self._unlooked(directory, name, exc)
            self.progress.advance(1, 0)
        for directory, name in strangers:
            self._stranger(number, directory, name)

    def _unlooked(self, directory, name, exc):
        """Note a name that could not even be looked at."""
        self._at.number = directory
        self._at.path = self.paths.path(directory)
        self._lines.append(self._heading())
        self._none(name, exc)

    def _tell_parted(self, parted, name):
        """Tell of a name that could not be one of its group's first file.

        :param parted: (path, name, ...) of that; None if it could.
        """
        if parted:
            shown = self._at.path_of(name)
            self.problems.add(reporting.parted(
                shown, handles.join(*parted[:2]), 'backup'),
                note=warnings.note(shown, _Code.HARD_LINK))

    def _stranger(self, number, directory, name):
        """Store a name that is none of the group's."""
        try:
            st = self._look(directory, name)
            if st is None:
                self.progress.advance(1, 0)
            else:
                self._head(name, st)
        except OSError as exc:
            self._unlooked(directory, name, exc)
        except Unsettled:
            self._late.append((number, 'tree', [(directory, [], [name])]))

    def _settle(self, names, first, entered, inode):
        """Add names whose file would not hold still, but did for a later
        name.

        :returns: list of those that can't be, or are another's by now.
        """
        others = []
        for directory, name in names:
            try:
                st = self._look(directory, name)
            except OSError:
                st = None
            if st is not None and st.st_ino == inode and self._joins(
                    name, st, first, entered) is True:
                entered = self._at.path
            else:
                others.append((directory, name))
        return others

    def _look(self, directory, name):
        """The state of a name now, or None; goes to its directory, which is
        given by its number.

        :raises OSError: it can't be read, and is to be told.
        """
        path = self.paths.path(directory)
        self._enter_source(path, directory)
        self._at.target = self._data.enter(path)
        if self._blocked:
            raise self._blocked
        if self._at.source is None:
            return None
        try:
            return os.stat(name, dir_fd=self._at.source, follow_symlinks=False)
        except OSError as exc:
            if self._is_gone(name, exc):
                return None
            raise

    def _head(self, name, st, inode=None):
        """Store the first name of a group; its line, or None.

        :param inode: int, which it must have; None for any.
        """
        self._lines.append(self._heading())
        self._inode = inode
        try:
            return self._first(name, st)
        finally:
            self._inode = None

    def _first(self, name, st):
        if stat.S_ISREG(st.st_mode):
            return self._file((name, st.st_ino, st.st_size, st.st_mtime_ns,
                               st.st_ctime_ns))
        return self._other(name)

    def _joins(self, name, st, first, entered):
        """Add a name to the group. False if it can't be; :class:`Refused`
        for one that nothing can have."""
        try:
            return self._join(name, st, first, entered)
        except Refused:
            return Refused

    def _join(self, name, st, first, entered):
        """Add a name to the group. False if it can't be.

        :raises Refused: nothing can have that name.
        """
        first_path, first_name, stored = first
        text = b'H %b\n' % dirent.quote(name)
        if stored:
            try:
                os.link(first_name, name,
                        src_dir_fd=self._data.enter(first_path),
                        dst_dir_fd=self._at.target, follow_symlinks=False)
            except OSError as exc:
                if exc.errno == errno.EEXIST:
                    if self._is_another(name):
                        raise Refused from exc
                    self.progress.advance(1, st.st_size)
                    return True
                if exc.errno in _OF_NAME:
                    raise Refused from exc
                if errnos.can_not_hold(exc):
                    return False
                raise errors.failed('create in the repository',
                                    self._at.path_of(name), exc) from exc
        else:
            text = b'H %b lost=node\n' % dirent.quote(name)
        if self._at.path != entered:
            self._lines.append(self._heading(b'c'))
        self._lines.append(text)
        self.files += 1
        self.progress.advance(1, st.st_size, reporting.COMPARED)
        return True


def _is_stored(text):
    return b'node' not in dirent.parse(text[:-1]).lost
