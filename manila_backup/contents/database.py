# SPDX-License-Identifier: Apache-2.0
"""Tables of an index: repository-format.rst, in code."""

import sqlite3

#: First bytes after SQLite's own, "mbci", and the version of the format.
APPLICATION = 0x6d626369
VERSION = 1

#: Directory id of the share's root.
ROOT = 0

TABLES = '''
CREATE TABLE about (
    name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE directories (
    id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, last INTEGER NOT NULL,
    name BLOB NOT NULL);
CREATE TABLE entries (
    directory INTEGER NOT NULL, name BLOB NOT NULL, mode INTEGER NOT NULL,
    size INTEGER NOT NULL, seconds INTEGER NOT NULL,
    nanosecond INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,
    flags INTEGER NOT NULL, target BLOB, line INTEGER, own INTEGER,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (directory, name)) WITHOUT ROWID;
'''

#: Begins every query of entries.
SELECT = (
    'SELECT directory, name, mode, size, seconds, nanosecond, uid, gid, '
    'flags, target, line, own, checksum FROM entries ')

_CACHE_KIB = 16384


class DamagedIndex(Exception):
    """An index that contradicts itself: it has to be made anew."""


def create(path: str) -> sqlite3.Connection:
    """Create an index that only the caller knows of: a crash leaves rubbish.

    :param path: str, of a file that is empty or is not there.
    """
    database = sqlite3.connect(path, isolation_level=None,
                               check_same_thread=False)
    database.executescript(f'''
        PRAGMA application_id = {APPLICATION};
        PRAGMA user_version = {VERSION};
        PRAGMA journal_mode = OFF;
        PRAGMA synchronous = OFF;
        PRAGMA temp_store = FILE;
        PRAGMA cache_size = -{_CACHE_KIB};
        PRAGMA temp.cache_size = -{_CACHE_KIB};
        {TABLES}''')
    return database


def read_only(path: str) -> sqlite3.Connection:
    """Open a database that nobody changes any more.

    :raises DamagedIndex: it is none.
    :raises FileNotFoundError: there is none.
    """
    escaped = path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')
    # SQLite says only that it could not open it.
    with open(path, 'rb'):
        pass
    try:
        database = sqlite3.connect(
            f'file:{escaped}?mode=ro&immutable=1', uri=True,
            isolation_level=None, check_same_thread=False)
        database.execute(f'PRAGMA cache_size = -{_CACHE_KIB}')
        # What stands in the file is not to run anything.
        database.execute('PRAGMA trusted_schema = OFF')
    except sqlite3.Error as exc:
        raise DamagedIndex(str(exc)) from exc
    return database


def load(path: str) -> sqlite3.Connection:
    """Open an index that nobody changes any more.

    :raises DamagedIndex: it is none, or of another version.
    :raises FileNotFoundError: there is none.
    """
    database = read_only(path)
    try:
        found = tuple(
            database.execute(f'PRAGMA {name}').fetchone()[0]
            for name in ('application_id', 'user_version'))
    except sqlite3.Error as exc:
        database.close()
        raise DamagedIndex(str(exc)) from exc
    if found != (APPLICATION, VERSION):
        database.close()
        raise DamagedIndex('It is not an index of this version.')
    return database
