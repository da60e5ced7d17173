# SPDX-License-Identifier: Apache-2.0
"""The way to the directory at hand, and sentences about what has no place."""

import dataclasses

from manila_backup.fs import dirent
from manila_backup.fs import errors

NO_PLACE = 'there is no other name left for it.'
# Entries of one directory that are taken note of.
_MOST = 200_000

MEANWHILE = 'there is something else of this name in the share by now.'
DIRECTORY = ('there is a directory of this name in the share, which is never '
             'removed for a file.')
SNAPSHOTS = 'the share\'s file system has its snapshots under that name.'
ANOTHER = ('the share\'s file system takes its name for that of another '
           'entry.')


@dataclasses.dataclass
class Frame:
    """A directory on the way to the one at hand.

    :ivar name: bytes, that it gets.
    :ivar at: int, length of the path that it has.
    :ivar final: int, length of the path that it gets.
    :ivar entry: what it is given when all below is done; None to leave it.
    :ivar is_new: bool, whether it was not there.
    :ivar aside: (descriptor of where it is made, its name there, its place's
        path before, whether something is to go for it) of one that appears
        by a rename.
    :ivar source: bytes, its path in the backup; None if it is not to be
        restored itself, or is not made aside.
    :ivar placed: set of (device, inode number) of what was restored in it.
    """

    name: bytes
    at: int
    final: int
    entry: dirent.Entry | None = None
    is_new: bool = False
    aside: tuple[int, bytes, bytes, bool] | None = None
    source: bytes | None = None
    placed: set[tuple[int, int]] = dataclasses.field(default_factory=set)

    def note(self, st):
        """Take note of what was given its place in the directory.

        :param st: os.stat_result.
        """
        if len(self.placed) < _MOST:
            self.placed.add((st.st_dev, st.st_ino))

    def check(self, st):
        """Make sure that what has an entry's place is not another one that
        was restored: its file system may take their names for the same.

        :param st: os.stat_result.
        :raises Refused: it is.
        """
        if (st.st_dev, st.st_ino) in self.placed:
            raise Refused(ANOTHER)


class Refused(Exception):
    """An entry has no place: a sentence."""


def said(path, exc):
    """A sentence about an entry that was not restored.

    :param path: bytes.
    :param exc: an OSError, or a :class:`Refused`.
    """
    shown = f'"{errors.printable(path)}" was not restored: '
    if not isinstance(exc, OSError):
        return f'{shown}{exc}'
    way = getattr(exc, 'path', None)
    because = '' if way in (None, path) else f'"{errors.printable(way)}": '
    return f'{shown}{because}{errors.reason(exc)}.'


class NoRoom(Exception):
    """There is no room for an entry: a sentence."""
