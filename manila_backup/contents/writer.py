# SPDX-License-Identifier: Apache-2.0
"""Writing an index: entries in any order in, sorted rows out.

Sorting is SQLite's, in temporary files; in memory are its caches and some
hundred paths.
"""

import collections
from collections import abc
import itertools
import sqlite3
import stat

from manila_backup.contents import database
from manila_backup.contents import item
from manila_backup.fs import handles

_BATCH = 1000
_PATHS = 512

_SCRATCH = '''
CREATE TEMP TABLE places (
    id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name BLOB NOT NULL,
    UNIQUE (parent, name));
CREATE TEMP TABLE found (
    directory INTEGER NOT NULL, name BLOB NOT NULL, mode INTEGER NOT NULL,
    size INTEGER NOT NULL, seconds INTEGER NOT NULL,
    nanosecond INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,
    flags INTEGER NOT NULL, target BLOB, line INTEGER, own INTEGER,
    checksum INTEGER NOT NULL);
CREATE TEMP TABLE described (place INTEGER PRIMARY KEY);
CREATE TEMP TABLE numbers (
    place INTEGER PRIMARY KEY, id INTEGER NOT NULL);
INSERT INTO places VALUES (0, -1, X'');
'''

_SORT = '''
INSERT INTO entries
SELECT n.id, f.name, f.mode, f.size, f.seconds, f.nanosecond, f.uid, f.gid,
       f.flags, f.target, f.line, o.id, f.checksum
FROM found f JOIN numbers n ON n.place = f.directory
LEFT JOIN numbers o ON o.place = f.own
ORDER BY n.id, f.name
'''


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
        self._known: collections.OrderedDict[bytes, int] = (
            collections.OrderedDict())
        self._last = item.ROOT, database.ROOT
        self._count = 0

    def __enter__(self) -> 'Writer':
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._database.close()

    def add(self, items: abc.Iterable[item.Item]) -> None:
        """Take entries, the root not among them, and in any order."""
        items = iter(items)
        while batch := list(itertools.islice(items, _BATCH)):
            self._database.executemany(
                'INSERT INTO found VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)',
                map(self._row, batch))
            self._count += len(batch)

    def _row(self, one: item.Item) -> tuple[object, ...]:
        (directory, name, mode, size, _, uid, gid, flags, target, line) = one
        seconds, nanosecond, checksum = one.times_and_checksum()
        own = None
        if stat.S_ISDIR(mode):
            own = self._place(one.path)
            self._database.execute(
                'INSERT OR IGNORE INTO described VALUES (?)', (own,))
        # Mostly it is in the same directory as the one before.
        if directory != self._last[0]:
            self._last = directory, self._place(directory)
        return (self._last[1], name, mode, size, seconds, nanosecond, uid,
                gid, flags, target, line, own, checksum)

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
            self._database.execute(_SORT)
        except sqlite3.IntegrityError as exc:
            raise Inconsistent(str(exc)) from exc
        self._database.executemany('INSERT INTO about VALUES (?, ?)', {
            **about, 'entries': self._count}.items())
        self._database.execute('COMMIT')
        return self._count

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
                                   (row[0], last))
            way.append((row[0], last, b''))
            parents.append(number)
            names.append(row[1])
