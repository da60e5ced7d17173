# SPDX-License-Identifier: Apache-2.0
"""Comparison of two backups, by their indexes.

Both are read once, side by side. The result is a file, in which what was
removed in one place and added in another is joined: nothing here takes memory
that grows with the backups. It is of use to nobody but this release.
"""

from collections import abc
import json
import sqlite3
import typing

from manila_backup.contents import database
from manila_backup.contents import item
from manila_backup.contents import reader
from manila_backup import quoting

ADDED, REMOVED, CHANGED, MOVED = 'added', 'removed', 'changed', 'moved'

#: What can be said of an entry that changed.
CONTENT, TYPE, MODE, OWNER, TARGET, MTIME, STATE = (
    'content', 'type', 'mode', 'owner', 'target', 'mtime', 'state')

_TABLES = '''
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16384;
CREATE TABLE about (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE changes (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, path BLOB NOT NULL,
    said TEXT NOT NULL, previous BLOB, size INTEGER NOT NULL, content TEXT);
'''

# What was added and removed once each, with the same content.
_PAIRS = '''
CREATE INDEX by_content ON changes (content) WHERE content IS NOT NULL;
CREATE TEMP TABLE pairs (number INTEGER PRIMARY KEY, previous INTEGER);
INSERT INTO pairs
SELECT MIN(a.number), MIN(r.number) FROM changes a
JOIN changes r ON r.content = a.content
WHERE a.kind = 'added' AND r.kind = 'removed'
GROUP BY a.content HAVING COUNT(*) = 1;
UPDATE changes SET kind = 'moved', previous = (
    SELECT r.path FROM pairs p JOIN changes r ON r.number = p.previous
    WHERE p.number = changes.number)
WHERE number IN (SELECT number FROM pairs);
DELETE FROM changes WHERE number IN (SELECT previous FROM pairs);
DROP INDEX by_content;
'''

_Key = tuple[tuple[bytes, ...], bytes]


def changes(old: reader.Reader, new: reader.Reader) -> abc.Iterator[
        tuple[item.Item | None, item.Item | None, list[str]]]:
    """Compare two indexes.

    Of a directory it is no change that only its mtime is another one: that
    says no more than the changes in it.

    :returns: iterator of (entry of the old one, entry of the new one, list of
        words for what changed); the one that there is not is None.
    """
    olds, news = _keyed(old), _keyed(new)
    before, after = next(olds, None), next(news, None)
    while before or after:
        if after is None or (before is not None and before[0] < after[0]):
            assert before is not None
            yield before[1], None, []
            before = next(olds, None)
        elif before is None or after[0] < before[0]:
            yield None, after[1], []
            after = next(news, None)
        else:
            words = _differences(old, before[1], new, after[1])
            if words:
                yield before[1], after[1], words
            before, after = next(olds, None), next(news, None)


def _keyed(index: reader.Reader) -> abc.Iterator[tuple[_Key, item.Item]]:
    """All entries, with what both have the same order by."""
    directory: bytes | None = None
    place: tuple[bytes, ...] = ()
    for one in index.every():
        if one.directory != directory:
            directory = one.directory
            place = (() if directory == item.ROOT
                     else tuple(directory.split(b'/')))
        yield (place, one.name), one


def _differences(old: reader.Reader, one: item.Item, new: reader.Reader,
                 other: item.Item) -> list[str]:
    """Words for what differs in two entries of one path."""
    if one.flags != other.flags:
        return [STATE]
    if one.type != other.type:
        return [TYPE]
    words = []
    if one.type == 'file' and _content_differs(old, one, new, other):
        words.append(CONTENT)
    if one.target != other.target:
        words.append(TARGET)
    if one.mode != other.mode:
        words.append(MODE)
    if (one.uid, one.gid) != (other.uid, other.gid):
        words.append(OWNER)
    if one.mtime != other.mtime and not one.is_directory:
        words.append(MTIME)
    return words


def _content_differs(old: reader.Reader, one: item.Item, new: reader.Reader,
                     other: item.Item) -> bool:
    if one.size != other.size:
        return True
    recorded = old.recorded(one)
    if recorded is not None and recorded == new.recorded(other):
        return False
    digests = old.digest(one), new.digest(other)
    if None in digests or _kind(digests[0]) != _kind(digests[1]):
        # The best that can be told.
        return one.mtime != other.mtime
    return digests[0] != digests[1]


def _kind(digest: str | None) -> str:
    return (digest or '').partition(':')[0]


def write(path: str, old: reader.Reader, new: reader.Reader) -> None:
    """Compare two indexes, and write what came of it.

    :param path: str, of a file that is not there.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.executescript(_TABLES)
        connection.execute('BEGIN')
        connection.executemany(
            'INSERT INTO changes VALUES (NULL, ?, ?, ?, NULL, ?, ?)',
            (_row(old, one, new, other, words)
             for one, other, words in changes(old, new)))
        connection.execute('COMMIT')
        connection.executescript(_PAIRS)
        connection.execute(
            'INSERT INTO about SELECT kind, COUNT(*) FROM changes '
            'GROUP BY kind')
        connection.execute(
            'INSERT INTO about SELECT kind || \'_bytes\', SUM(size) '
            'FROM changes WHERE kind IN (?, ?) GROUP BY kind',
            (ADDED, REMOVED))
    except sqlite3.Error as exc:
        raise OSError(5, str(exc)) from exc
    finally:
        connection.close()


def _row(old: reader.Reader, one: item.Item | None, new: reader.Reader,
         other: item.Item | None, words: list[str]) -> tuple[object, ...]:
    index, there = (old, one) if other is None else (new, other)
    assert there is not None
    kind = (REMOVED if other is None else ADDED if one is None else CHANGED)
    content = None
    if kind != CHANGED and there.type == 'file' and there.size and (
            there.is_stored):
        content = f'{index.digest(there)} {there.size} {there.mtime}'
    return (kind, there.path, json.dumps(
        [words, _told(one), _told(other)]),
        there.size if there.type == 'file' else 0, content)


def _told(one: item.Item | None) -> dict[str, typing.Any] | None:
    """One side of a change, as it is told."""
    return one and {'type': one.type, 'size': one.size, 'mtime': one.mtime,
                    'is_stored': one.is_stored}


class Result:
    """Result that :func:`write` wrote; a context manager, which closes it.

    :param path: str.
    :raises FileNotFoundError: there is none.
    :raises database.DamagedIndex: it is none. So may any method.
    """

    def __init__(self, path: str) -> None:
        self._database = database.read_only(path)

    def __enter__(self) -> 'Result':
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._database.close()

    def totals(self) -> dict[str, int]:
        """Count the changes of each kind, and the bytes that the files have
        that were added and removed."""
        names = (ADDED, REMOVED, CHANGED, MOVED, f'{ADDED}_bytes',
                 f'{REMOVED}_bytes')
        return {**dict.fromkeys(names, 0), **dict(self._all(
            'SELECT name, value FROM about'))}

    def page(self, after: int, limit: int) -> list[dict[str, typing.Any]]:
        """List changes, in the order of an index.

        :param after: int, the number of the change to begin after; 0 for the
            first.
        :returns: list of dict: ``number``, ``kind``, ``path``, ``previous``
            (the path that it was moved from), both quoted, ``words`` and
            ``before`` and ``after``.
        """
        return [{'number': number, 'kind': kind, 'path': quoting.quote(path),
                 'previous': None if previous is None
                 else quoting.quote(previous),
                 **dict(zip(('words', 'before', 'after'), json.loads(said)))}
                for number, kind, path, previous, said in self._all(
                    'SELECT number, kind, path, previous, said FROM changes '
                    'WHERE number > ? ORDER BY number LIMIT ?', after, limit)]

    def _all(self, statement: str, *values: object) -> list[typing.Any]:
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as exc:
            raise database.DamagedIndex(str(exc)) from exc
