# SPDX-License-Identifier: Apache-2.0
"""Warnings of a backup: entries of which it lacks something.

A manifest tells of each entry what of it is not stored, so it is the list of
them as well; what no line of it can tell are *notes*, in its totals.
"""

import dataclasses

from manila_backup.copying import manifest
from manila_backup.copying import tree
from manila_backup.fs import dirent
from manila_backup.fs import handles
from manila_backup import quoting
from manila_backup import warning_codes

_Code = warning_codes.WarningCode

#: In the totals: the notes, each [quoted path, code, list of what is lost],
#: and whether there would have been more than fit.
NOTES, CUT = 'notes', 'notes_are_cut'

#: In the record of a backup: notes of what its driver was not shown.
RECORDED = 'warnings'

_OF_WHY = {manifest.UNREADABLE: _Code.UNREADABLE,
           manifest.MOUNTED: _Code.MOUNTED,
           manifest.TOO_MUCH: _Code.NOT_STORABLE,
           manifest.CHANGING: _Code.CHANGING}

# What a manifest calls lost, as owners are told it; None is told to nobody.
_WORDS = {b'owner': 'owner', b'mode': 'mode', b'time': 'time',
          b'flags': 'flags', b'layout': 'holes', b'node': 'node',
          b'x:*': 'xattrs', b'x:*room': 'room', b'x:*flags': None,
          b'x:*project': None, b'*flags': 'flags', b'*project': None}


@dataclasses.dataclass(frozen=True)
class Warning:
    """One entry of which something is lacking.

    :ivar path: bytes, in the share; ``b'.'`` is its root.
    :ivar lost: tuple of str, for the code ``properties``: ``owner``, ``mode``,
        ``time``, ``flags``, ``holes``, ``node``, ``room``, ``xattrs``, or
        ``xattr:NAME``.
    """

    path: bytes
    code: warning_codes.WarningCode
    lost: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Page:
    """Part of the warnings of a backup.

    :ivar warnings: list of :class:`Warning`.
    :ivar complete: bool, whether the list that it is a part of has all of
        them.
    :ivar more: bool, whether there are further ones that were wanted and that
        had no room in it.
    """

    warnings: list[Warning]
    complete: bool
    more: bool = False


class Cut:
    """Collects a part of a list.

    :param skip: int, how many to leave out.
    :param limit: int, how many to keep after those.
    :ivar kept: list.
    :ivar more: bool, whether there were more than there was room for: see
        :class:`manila_backup.quoting.Room`.
    """

    def __init__(self, skip, limit):
        self._skip = skip
        self._limit = limit
        self._room = quoting.Room()
        self.kept = []
        self.more = False

    def add(self, path, code, lost=()):
        """Take one.

        :param path: bytes; or a callable that returns them.
        """
        if self._skip:
            self._skip -= 1
        elif len(self.kept) < self._limit and not self.more:
            path = path() if callable(path) else path
            self.more = not self._room.takes(path)
            if not self.more:
                self.kept.append(Warning(path, code, tuple(lost)))

    def add_notes(self, notes):
        """Take notes as they are in JSON."""
        for path, code, lost in notes:
            self.add(dirent.unquote(path.encode()),
                     warning_codes.known(code), lost)

    def add_recorded(self, record):
        """Take the notes in the record that is kept with a backup: of what
        its driver was not shown.

        :param record: whatever JSON holds.
        """
        if isinstance(record, dict):
            self.add_notes(record.get(RECORDED) or ())


def note(path, code, lost=()):
    """Return a note, as it is in JSON."""
    return [dirent.quote(path).decode(), str(code), list(lost)]


def words(lost):
    """Return what of an entry was lost, as owners are told it; empty if that
    is nothing to them.

    :param lost: iterable of bytes, as in a manifest's ``lost=``.
    """
    found = []
    for item in lost:
        if item.startswith(b'x:') and item not in _WORDS:
            found.append('xattr:' + quoting.quote(item[2:]))
        else:
            found.append(_WORDS.get(item))
    found = [word for word in found if word]
    # It is only more rights to its owner in the repository.
    return [] if found == ['mode'] else found


def read(fd, skip, limit):
    """Read warnings from a manifest, in constant memory but for its
    directories.

    :param fd: int, descriptor of the manifest.
    :param skip: int, how many to leave out.
    :param limit: int, how many to return after those.
    :returns: (dict, its ``about``; a :class:`Page`).
    :raises manila_backup.fs.dirent.Malformed: it is not whole.
    """
    return _Reader(fd, Cut(skip, limit)).read()


class _Reader:

    def __init__(self, fd, cut):
        self._fd = fd
        self._cut = cut
        self._tree = tree.Tree(fd)
        self._where = handles.ROOT
        self._totals = None

    def read(self):
        about, _ = manifest.read(
            self._fd, self._line,
            lambda about: self._cut.add_recorded(about.get('record')))
        if self._totals is None:
            raise dirent.Malformed('it has no totals')
        notes = self._totals.get(NOTES)
        self._cut.add_notes(notes or ())
        # Earlier releases had none.
        told = notes is not None or not self._totals['problem_count']
        return about, Page(
            self._cut.kept, told and not self._totals.get(CUT, False),
            self._cut.more)

    def _line(self, text, offset):
        kind = text[:2]
        if kind == b'D ':
            if text[2:3] == b'/':
                self._tree.add(text, offset)
            if b' lost=' in text:
                self._directory(text)
        elif kind in (b'd ', b'c '):
            self._where = text[2:-1]
        elif kind == b'U ':
            name, why = manifest.unstored_name(text)
            if why != manifest.STAGING:
                self._cut.add(self._path(self._where, name),
                              _OF_WHY.get(why, _Code.UNREADABLE))
        elif kind == b'to':
            self._totals = manifest.parse_json(text, b'totals ')
        elif b' lost=' in text and kind != b'H ':
            entry = dirent.parse(text[:-1])
            self._properties(self._path(self._where, entry.name), entry.lost)

    def _directory(self, text):
        entry = dirent.parse(text[:-1])
        path = entry.name
        if entry.extra:
            def path():
                return self._tree.path(entry.extra[0])
        if b'entries' in entry.lost:
            self._cut.add(path, _Code.PARTIAL)
        self._properties(path, entry.lost)

    def _properties(self, path, lost):
        told = words(item for item in lost if item != b'entries')
        if told:
            self._cut.add(path, _Code.PROPERTIES, told)

    def _path(self, where, name):
        """Return a callable that returns the path of a name."""
        def path():
            return handles.join(self._tree.called(where), name)
        return path
