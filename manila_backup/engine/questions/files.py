# SPDX-License-Identifier: Apache-2.0
"""Questions about the entries that a backup has.

Paths and names cross the bus as :mod:`manila_backup.quoting` has them.
"""

import contextlib
import itertools
import typing

from manila_backup.bus import questions
from manila_backup.contents import database
from manila_backup.contents import item
from manila_backup.contents import reader
from manila_backup.drivers import base
from manila_backup import quoting


def list_files(driver: base.BackupDriver, place: base.BackupReference,
               folder: str, path: str, after: str | None, limit: int
               ) -> dict[str, typing.Any]:
    """List a directory.

    :param path: str, quoted.
    :param after: str, the quoted name that the page before ended with.
    :returns: dict of ``files``, and ``more``, whether there are further ones.
    """
    directory = quoting.unquote(path)
    with opened_index(driver, place, folder, directory) as index:
        found = index.page(directory, after and quoting.unquote(after),
                           limit + 1)
        count = _count(found, limit)
        return {'files': told(index, found[:count]),
                'more': len(found) > count}


def find_files(driver: base.BackupDriver, place: base.BackupReference,
               folder: str, under: str, after: str | None, limit: int,
               seconds: float, **wanted: typing.Any) -> dict[str, typing.Any]:
    """Search below a directory.

    :param under: str, quoted.
    :param after: str, where the search before ended.
    :param seconds: float, after how long to answer what was found.
    :param wanted: further conditions of
        :class:`~manila_backup.contents.reader.Wanted`.
    :returns: dict of ``files``, and ``after``, where to go on from, or None.
    """
    with opened_index(driver, place, folder) as index:
        found, end = index.search(
            reader.Wanted(under=quoting.unquote(under), **wanted),
            after and quoting.unquote(after), limit, seconds)
        count = _count(found, limit)
        if count < len(found):
            found = found[:count]
            end = found[-1].path
        return {'files': told(index, found),
                'after': (
                    None if end is None else quoting.quote(end))}


@contextlib.contextmanager
def opened_index(driver: base.BackupDriver, place: base.BackupReference,
                 folder: str, directory: bytes | None = None
                 ) -> typing.Iterator[reader.Reader]:
    """Open the index of a backup; one that is found to be damaged is removed.

    :param directory: bytes, the path of the only directory that is looked
        into; None for any.
    :returns: context manager, of a
        :class:`~manila_backup.contents.reader.Reader`.
    """
    try:
        with (driver.open_index(place, folder) if directory is None
              else driver.open_directory(place, folder, directory)) as index:
            yield index
    except reader.NoSuchEntry as exc:
        raise questions.Missing(
            'The backup has no such file or directory.') from exc
    except database.DamagedIndex as exc:
        driver.drop_index(place, folder)
        raise questions.Unanswered(
            'The index of the backup was damaged and is made again. Try '
            'again in some seconds.') from exc


def _count(found: list[item.Item], limit: int) -> int:
    """Count the entries that an answer has room for.

    :param limit: int, the most that are wanted.
    """
    room = quoting.Room()
    return sum(1 for _ in itertools.takewhile(
        lambda each: room.takes(each.path), found[:limit]))


def told(index: reader.Reader, found: list[item.Item]
         ) -> list[dict[str, typing.Any]]:
    """Describe some entries for an answer.

    :param index: the index that they are from.
    """
    shown = []
    directory, prefix = item.ROOT, ''
    for each in found:
        # Mostly it is in the same directory as the one before.
        if each.directory != directory:
            directory = each.directory
            prefix = ('' if directory == item.ROOT
                      else quoting.quote(directory) + '/')
        name = quoting.quote(each.name)
        shown.append({
            'path': prefix + name, 'name': name,
            'type': each.type, 'size': each.size, 'mtime': each.mtime,
            'mode': each.mode & 0o7777, 'uid': each.uid, 'gid': each.gid,
            'target': (None if each.target is None
                       else quoting.quote(each.target)),
            'digest': index.digest(each), 'is_stored': each.is_stored,
            'is_known': not each.flags & item.UNKNOWN})
    return shown
