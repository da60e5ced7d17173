# SPDX-License-Identifier: Apache-2.0
"""Reading an index: pages of a directory, single entries, searches.

Every row that is answered has been compared with its checksum. Nothing here
takes memory that grows with the backup.
"""

from collections import abc
import contextlib
import dataclasses
import fnmatch
import os
import re
import sqlite3
import time
import typing

from manila_backup.contents import database
from manila_backup.contents import item
from manila_backup.fs import handles
from manila_backup.fs import numbered

# Rows that a search looks at before it asks what time it is, and that are in
# memory at once where all are read.
_WINDOW = 20000
_FETCHED = 1000

# Entries of each of the directories on the way to the one at hand.
_WALKED = 100

_Row = tuple[typing.Any, ...]
_T = typing.TypeVar('_T')


class NoSuchEntry(Exception):
    """The backup has nothing of that path, or no directory."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Conditions of a search. What is None is not asked for.

    :ivar name: str, a pattern as the shell has them, of the whole name.
    :ivar under: bytes, path of the directory to search in, at any depth.
    :ivar larger: int, the least size in bytes.
    :ivar smaller: int, the most.
    :ivar since: int, the earliest mtime in nanoseconds.
    :ivar until: int, the latest.
    """

    name: str | None = None
    under: bytes = item.ROOT
    larger: int | None = None
    smaller: int | None = None
    since: int | None = None
    until: int | None = None

    def conditions(self) -> tuple[str, list[object]]:
        """SQL of all but ``under``, and its parameters."""
        texts: list[str] = []
        values: list[object] = []
        if self.name is not None:
            # What SQLite can tell by itself comes first: a call of Python
            # for each name takes ten times as long.
            part = _literal(self.name)
            if part:
                texts.append('instr(name, ?)')
                values.append(part)
            texts.append('is_called(name)')
        for column, sign, value in (('size', '>=', self.larger),
                                    ('size', '<=', self.smaller)):
            if value is not None:
                texts.append(f'{column} {sign} ?')
                values.append(value)
        for sign, value in (('>=', self.since), ('<=', self.until)):
            if value is not None:
                texts.append(f'(seconds, nanosecond) {sign} (?, ?)')
                values += divmod(value, 10 ** 9)
        return ' AND '.join(texts) or '1', values


@dataclasses.dataclass
class _Level:
    """A directory on the way of a walk.

    :ivar end: int, length of its path.
    :ivar after: bytes, the name of the entry that was taken last.
    :ivar rows: list of the next ones, the last of them first.
    """

    number: int
    end: int
    after: bytes = b''
    rows: list[_Row] = dataclasses.field(default_factory=list)


def matching(make: abc.Callable[[], 'Reader'], name: str, value: str
             ) -> 'Reader | None':
    """Open an index, if it is of what it should be.

    :param make: opens it.
    :param name: str, what in ``about`` says of what it is.
    :param value: str.
    :returns: a :class:`Reader`; None if there is none that can be used.
    """
    with contextlib.suppress(OSError, database.DamagedIndex):
        with contextlib.ExitStack() as stack:
            found = stack.enter_context(make())
            if found.about().get(name) == value:
                stack.pop_all()
                return found
    return None


class Reader:
    """Index that is complete; a context manager, which closes it. For one
    thread at a time.

    :param path: str.
    :raises FileNotFoundError: there is none.
    :raises database.DamagedIndex: it is none. Any method may raise that.
    """

    def __init__(self, path: str) -> None:
        self._database = database.load(path)

    def __enter__(self) -> 'Reader':
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._database.close()

    def about(self) -> dict[str, str | int]:
        """Information that the writer was given, and ``entries``."""
        return dict(self._rows('SELECT name, value FROM about'))

    def entry(self, path: bytes) -> item.Item:
        """Look an entry up by its path.

        :raises NoSuchEntry: there is none.
        """
        directory, name = handles.split(path)
        row = self._row(self._id(directory), name)
        if row is None:
            raise NoSuchEntry(path)
        return _checked(directory, row)

    def page(self, path: bytes, after: bytes | None = None,
             limit: int = 1000) -> list[item.Item]:
        """List a directory, by name.

        :param after: bytes, the name that the page before ended with.
        :raises NoSuchEntry: there is no directory of that path.
        """
        number = self._id(path)
        return [_checked(path, row) for row in self._rows(
            database.SELECT +
            'WHERE directory = ? AND name > ? ORDER BY name '
            'LIMIT ?', number, after or b'', limit)]

    def search(self, wanted: Wanted, after: bytes | None = None,
               limit: int = 1000, seconds: float = 5.0
               ) -> tuple[list[item.Item], bytes | None]:
        """Search at any depth, directory by directory.

        :param after: bytes, where the search before ended, as it said.
        :param seconds: float, time after which to answer what was found.
        :returns: (list of items, where to go on from; None at the end).
        :raises NoSuchEntry: there is no directory to search in, or nothing
            to go on from.
        """
        deadline = time.monotonic() + seconds
        first = self._id(wanted.under)
        last = self._last(first)
        at: tuple[int, bytes] = first, b''
        if after is not None:
            directory, name = handles.split(after)
            at = self._id(directory), name
        if wanted.name is not None:
            self._database.create_function(
                'is_called', 1, _matcher(wanted.name), deterministic=True)
        conditions, values = wanted.conditions()
        paths = numbered.Paths(self.directory)
        found: list[item.Item] = []
        while True:
            end = next(iter(self._rows(
                'SELECT directory, name FROM entries WHERE '
                '(directory, name) > (?, ?) AND directory <= ? '
                'ORDER BY directory, name LIMIT 1 OFFSET ?',
                *at, last, _WINDOW - 1)), None)
            rows = self._rows(
                database.SELECT + 'WHERE (directory, name) > (?, ?) AND '
                '(directory, name) <= (?, ?) AND ' + conditions +
                ' ORDER BY directory, name LIMIT ?',
                *at, *(end or (last + 1, b'')), *values,
                limit - len(found) + 1)
            for row in rows:
                if len(found) == limit:
                    return found, found[-1].path
                found.append(_checked(paths.path(_whole(row[0])), row))
            if end is None:
                return found, None
            at = end
            if time.monotonic() > deadline:
                return found, handles.join(paths.path(_whole(at[0])), at[1])

    def every(self) -> abc.Iterator[item.Item]:
        """Iterate over all entries: directories depth first, and the names
        in one by their bytes."""
        paths = numbered.Paths(self.directory)
        for row in self._stream(
                database.SELECT + 'ORDER BY directory, name'):
            yield _checked(paths.path(_whole(row[0])), row)

    def walk(self, path: bytes = item.ROOT
             ) -> abc.Generator[item.Item | None, bool | None, None]:
        """Iterate over all entries below a directory, depth first.

        After each directory comes what is below it, and then None: at once if
        that is asked for by sending True.

        :raises NoSuchEntry: there is no directory of that path.
        """
        way = [_Level(self._id(path), 0 if path == item.ROOT else len(path))]
        here = b'' if path == item.ROOT else path
        while way:
            level = way[-1]
            row = self._next(level)
            if row is None:
                way.pop()
                if way:
                    here = here[:way[-1].end]
                    yield None
                continue
            one = _checked(here or item.ROOT, row)
            skips = yield one
            if skips or row[11] is None:
                if one.is_directory:
                    yield None
                continue
            if _whole(row[11]) <= level.number or not one.is_directory:
                raise database.DamagedIndex('A directory is out of order.')
            here = one.path
            way.append(_Level(row[11], len(here)))

    def totals(self, path: bytes = item.ROOT) -> tuple[int, int]:
        """Count the entries below a directory.

        :returns: (how many, the sum of their sizes in bytes).
        :raises NoSuchEntry: there is no directory of that path.
        """
        number = self._id(path)
        last = self._last(number)
        count, size = self._rows(
            'SELECT COUNT(*), TOTAL(size) FROM entries '
            'WHERE directory BETWEEN ? AND ?', number, last)[0]
        return count, int(size)

    def _last(self, number: int) -> int:
        """The last of the directories below one, by their numbers."""
        return _whole(next(iter(self._rows(
            'SELECT last FROM directories WHERE id = ?', number)),
            (None,))[0])

    def _next(self, level: '_Level') -> _Row | None:
        """The next entry of a directory that is walked through."""
        if not level.rows:
            level.rows = self._rows(
                database.SELECT + 'WHERE directory = ? AND name > ? '
                'ORDER BY name LIMIT ?', level.number, level.after, _WALKED)
            level.rows.reverse()
        if not level.rows:
            return None
        row = level.rows.pop()
        level.after = row[1]
        return row

    def digest(self, one: item.Item) -> str | None:
        """Digest of a file's content, as ``NAME:HEXADECIMAL``.

        :returns: None where there is none: an index has none by itself.
        """
        return None

    def recorded(self, one: item.Item) -> bytes | None:
        """Read what the repository's own list has of an entry: if that is
        equal in two backups, so is the entry, its content too.

        :returns: None where there is none.
        """
        return None

    def check(self) -> None:
        """Read all of it.

        :raises database.DamagedIndex: something in it is wrong.
        """
        count = sum(1 for _ in self.every())
        if count != self.about().get('entries'):
            raise database.DamagedIndex('It has too few entries, or too many.')

    def directory(self, number: int) -> tuple[int, bytes]:
        """(number of the directory that it is in, name) of a directory."""
        for parent, name in self._rows(
                'SELECT parent, name FROM directories WHERE id = ?', number):
            if _whole(parent) < number and isinstance(name, bytes):
                return parent, name
        raise database.DamagedIndex(f'It has no directory {number}.')

    def _id(self, path: bytes) -> int:
        number = database.ROOT
        if path != item.ROOT:
            for name in path.split(b'/'):
                row = self._row(number, name)
                if row is None or row[11] is None:
                    raise NoSuchEntry(path)
                number = _whole(row[11])
        return number

    def _row(self, number: int, name: bytes) -> _Row | None:
        return next(iter(self._rows(
            database.SELECT + 'WHERE directory = ? AND name = ?',
            number, name)), None)

    def _rows(self, statement: str, *values: object) -> list[_Row]:
        """All rows of a query that has a limit."""
        return self._checked_by_sqlite(lambda: self._database.execute(
            statement, values).fetchall())

    def _stream(self, statement: str) -> abc.Iterator[_Row]:
        """The rows of a query, some at a time."""
        cursor = self._checked_by_sqlite(
            lambda: self._database.execute(statement))
        # Nothing is under way while others look at the rows: they may close
        # the database then.
        while rows := self._checked_by_sqlite(
                lambda: cursor.fetchmany(_FETCHED)):
            yield from rows

    @staticmethod
    def _checked_by_sqlite(function: abc.Callable[[], _T]) -> _T:
        try:
            return function()
        except (sqlite3.Error, OverflowError) as exc:
            raise database.DamagedIndex(str(exc)) from exc


def _whole(value: object) -> int:
    """A number of a directory: any type may stand in any column."""
    if not isinstance(value, int):
        raise database.DamagedIndex('A number is none.')
    return value


def _checked(directory: bytes, row: _Row) -> item.Item:
    """Make an item of a row.

    :raises database.DamagedIndex: it is not what was written.
    """
    try:
        (_, name, mode, size, seconds, nanosecond, uid, gid, flags, target,
         line, _, checksum) = row
        if item.checksum(directory, name, mode, size, seconds, nanosecond,
                         uid, gid, flags, target, line) == checksum:
            return item.Item(directory, name, mode, size,
                             seconds * 10 ** 9 + nanosecond, uid, gid, flags,
                             target, line)
    except Exception as exc:    # a column has another type
        raise database.DamagedIndex(str(exc)) from exc
    raise database.DamagedIndex('A row is not what was written.')


def _literal(pattern: str) -> bytes:
    """The longest part of a pattern that each name that matches has in it,
    as bytes; empty if there is none."""
    # What a bracket begins may go on to the end.
    parts = re.split(r'[*?]', pattern.partition('[')[0])
    with contextlib.suppress(UnicodeError):
        return max(map(os.fsencode, parts), key=len)
    return b''


def _matcher(pattern: str) -> abc.Callable[[bytes], bool]:
    """Function that tells whether a name matches a pattern."""
    matches = re.compile(fnmatch.translate(pattern)).match
    return lambda name: matches(os.fsdecode(name)) is not None
