# SPDX-License-Identifier: Apache-2.0
"""Writing an index: entries in any order in, sorted rows out.

Rows wait in a scratch file, those of a directory that came one after another
together, until all directories are known. In memory are SQLite's caches, some
hundred paths, and the rows of one directory, as long as they are few.
"""

import collections
from collections import abc
import itertools
import marshal
import operator
import os
import sqlite3
import stat
import tempfile
import typing

from manila_backup.contents import database
from manila_backup.contents import item
from manila_backup.fs import handles

# Rows that are together in the scratch file, and those of a directory that
# are sorted in memory.
_RUN = 1000
_SORTED = 20000

_PATHS = 512

_SCRATCH = '''
CREATE TEMP TABLE places (
    id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name BLOB NOT NULL,
    UNIQUE (parent, name));
CREATE TEMP TABLE described (place INTEGER PRIMARY KEY);
CREATE TEMP TABLE numbers (
    id INTEGER PRIMARY KEY, place INTEGER NOT NULL UNIQUE);
CREATE TEMP TABLE runs (
    place INTEGER NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (place, start)) WITHOUT ROWID;
CREATE TEMP TABLE large AS SELECT * FROM entries;
INSERT INTO places VALUES (0, -1, X'');
'''

# Python takes several times as long to hand over None, and bytes that are no
# bytearray. So 0 stands for NULL, which none of the three can be.
_INSERT = (
    'INSERT INTO %s VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), '
    'nullif(?, 0) - 1, nullif(?, 0), ?)')

# Without its directory.
_Row = tuple[typing.Any, ...]
_NAME = operator.itemgetter(0)


class Inconsistent(Exception):
    """Two entries have the same path, or one is in a directory that is not
    among them."""


class Writer:
    """Index that is being made; a context manager, which closes it.

    :param path: str, of a file that is empty or is not there.
    """

    def __init__(self, path: str) -> None:
        self._database = database.create(path)
        self._database.executescript(_SCRATCH)
        self._database.execute('BEGIN')
        self._spool = tempfile.TemporaryFile(dir=os.path.dirname(path))
        self._end = 0
        self._known: collections.OrderedDict[bytes, int] = (
            collections.OrderedDict())
        self._count = 0

    def __enter__(self) -> 'Writer':
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._spool.close()
        self._database.close()

    def add(self, items: abc.Iterable[item.Item]) -> None:
        """Take entries, the root not among them, and in any order.

        :raises OSError: they can't be written.
        """
        # Mostly one is in the same directory as the one before.
        here, run = item.ROOT, list[_Row]()
        for one in items:
            if one[0] != here or len(run) == _RUN:
                self._keep(here, run)
                here, run = one[0], []
            run.append(self._row(one))
        self._keep(here, run)

    def _row(self, one: item.Item) -> _Row:
        # Of millions of entries, so each field is looked up once.
        (directory, name, mode, size, mtime, uid, gid, flags, target,
         line) = one
        seconds, nanosecond = divmod(mtime, 1_000_000_000)
        own = 0
        if stat.S_ISDIR(mode):
            own = self._place(one.path)
            self._database.execute(
                'INSERT OR IGNORE INTO described VALUES (?)', (own,))
        return (name, mode, size, seconds, nanosecond, uid, gid, flags,
                target, 0 if line is None else line + 1, own, item.checksum(
                    directory, name, mode, size, seconds, nanosecond, uid,
                    gid, flags, target, line))

    def _keep(self, directory: bytes, run: list[_Row]) -> None:
        """Write rows of a directory to the scratch file."""
        if not run:
            return
        data = marshal.dumps(run)
        self._spool.write(data)
        self._database.execute(
            'INSERT INTO runs VALUES (?, ?, ?)',
            (self._place(directory), self._end, len(data)))
        self._end += len(data)
        self._count += len(run)

    def _place(self, path: bytes) -> int:
        """Number of a directory, in the order in which they were found."""
        if path == item.ROOT:
            return database.ROOT
        number = self._known.get(path)
        if number is not None:
            self._known.move_to_end(path)
            return number
        # Upwards to one that is known, and down again.
        names = []
        here = path
        while here != item.ROOT and here not in self._known:
            here, name = handles.split(here)
            names.append(name)
        number = self._known.get(here, database.ROOT)
        for name in reversed(names):
            number = self._child(number, name)
        self._known[path] = number
        if len(self._known) > _PATHS:
            self._known.popitem(last=False)
        return number

    def _child(self, parent: int, name: bytes) -> int:
        row = self._database.execute(
            'SELECT id FROM places WHERE parent = ? AND name = ?',
            (parent, name)).fetchone()
        if row:
            return int(row[0])
        made = self._database.execute(
            'INSERT INTO places (parent, name) VALUES (?, ?)',
            (parent, name)).lastrowid
        assert made is not None
        return made

    def finish(self, about: abc.Mapping[str, str | int]) -> int:
        """Write the index.

        :param about: dict of what is to be known of all of it.
        :returns: int, how many entries it has.
        :raises Inconsistent: they are no tree.
        """
        orphan = self._database.execute(
            'SELECT name FROM places WHERE id > 0 AND NOT EXISTS '
            '(SELECT 1 FROM described WHERE place = places.id)').fetchone()
        if orphan:
            raise Inconsistent(f'No directory is {orphan[0]!r}.')
        self._number()
        try:
            for number, runs in self._directories():
                self._sort(number, runs)
        except sqlite3.IntegrityError as exc:
            raise Inconsistent(str(exc)) from exc
        self._database.executemany('INSERT INTO about VALUES (?, ?)', {
            **about, 'entries': self._count}.items())
        self._database.execute('COMMIT')
        return self._count

    def _directories(self) -> abc.Iterator[
            tuple[int, abc.Iterator[list[_Row]]]]:
        """Directories that have any entries, in the order of their numbers.

        :returns: iterator of (number, iterator of lists of rows).
        """
        found = self._database.execute(
            'SELECT id, start, size FROM numbers '
            'CROSS JOIN runs ON runs.place = numbers.place ORDER BY id')
        for number, spans in itertools.groupby(found,
                                               operator.itemgetter(0)):
            yield number, (self._run(start, size)
                           for _, start, size in spans)

    def _run(self, start: int, size: int) -> list[_Row]:
        self._spool.seek(start)
        run: list[_Row] = marshal.loads(self._spool.read(size))
        return run

    def _sort(self, number: int, runs: abc.Iterator[list[_Row]]) -> None:
        """Write the rows of a directory, by name."""
        rows: list[_Row] = []
        table = 'entries'
        for run in runs:
            rows += run
            if len(rows) > _SORTED:
                table = 'large'
                self._write(table, number, rows)
                rows = []
        rows.sort(key=_NAME)
        self._write(table, number, rows)
        if table == 'large':
            self._database.execute(
                'INSERT INTO entries SELECT * FROM large ORDER BY name')
            self._database.execute('DELETE FROM large')

    def _write(self, table: str, number: int, rows: list[_Row]) -> None:
        self._database.executemany(_INSERT % table, (
            (number, bytearray(name), mode, size, seconds, nanosecond, uid,
             gid, flags, 0 if target is None else bytearray(target), line,
             own and self._id(own), checksum)
            for (name, mode, size, seconds, nanosecond, uid, gid, flags,
                 target, line, own, checksum) in rows))

    def _id(self, place: int) -> int:
        found: tuple[int] = self._database.execute(
            'SELECT id FROM numbers WHERE place = ?', (place,)).fetchone()
        return found[0]

    def _number(self) -> None:
        """Number the directories depth first, by name, so that those below
        one have the numbers from its own to its ``last``."""
        numbers = itertools.count(1)
        # Of each on the way down: place, id, and the last name looked at.
        way: list[tuple[int, int, bytes]] = [(database.ROOT, 0, b'')]
        names = [b'']
        parents = [-1]
        self._database.execute('INSERT INTO numbers VALUES (0, 0)')
        last = 0
        while way:
            place, number, after = way.pop()
            row = self._database.execute(
                'SELECT id, name FROM places WHERE parent = ? AND name > ? '
                'ORDER BY name LIMIT 1', (place, after)).fetchone()
            if row is None:
                self._database.execute(
                    'INSERT INTO directories VALUES (?, ?, ?, ?)',
                    (number, parents.pop(), last, names.pop()))
                continue
            way.append((place, number, row[1]))
            last = next(numbers)
            self._database.execute('INSERT INTO numbers VALUES (?, ?)',
                                   (last, row[0]))
            way.append((row[0], last, b''))
            parents.append(number)
            names.append(row[1])
