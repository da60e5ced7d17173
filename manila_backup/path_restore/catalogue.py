# SPDX-License-Identifier: Apache-2.0
"""Entries of a backup by their paths, with all that is known of each."""

import os
import typing

from manila_backup.contents import database
from manila_backup.contents import item
from manila_backup.copying import manifest
from manila_backup.fs import dirent
from manila_backup.fs import handles

_READ = 4096

# The line after an entry may be of another name of it, or say in which
# directory that is.
_LINK = b'H '
_LINKS = _LINK, b'c '


class Described(typing.NamedTuple):
    """An entry in full.

    :ivar entry: :class:`~manila_backup.fs.dirent.Entry`.
    :ivar has_links: bool, whether the backup may have more names of it.
    """

    entry: dirent.Entry
    has_links: bool


class Catalogue:
    """The index of a backup and the manifest that it is of.

    :param index: a :class:`~manila_backup.contents.reader.Reader`.
    :param fd: int, descriptor of the manifest, which is whole.
    """

    def __init__(self, index, fd):
        self.index = index
        self._fd = fd

    def describe(self, one):
        """Describe an item of the index.

        :returns: a :class:`Described`.
        :raises database.DamagedIndex: it is not in the manifest.
        """
        if one.line is None:
            raise database.DamagedIndex('An entry has no line.')
        text, following = self._line(one.line)
        try:
            entry = dirent.parse(text)
        except dirent.Malformed as exc:
            raise database.DamagedIndex(str(exc)) from exc
        if (dirent.TYPES[entry.kind] | entry.mode, entry.size, entry.mtime,
                entry.uid, entry.gid) != (one.mode, one.size, one.mtime,
                                          one.uid, one.gid):
            raise database.DamagedIndex('It is of another manifest.')
        return Described(entry._replace(name=one.name), following in _LINKS)

    def why_unstored(self, one):
        """Tell why nothing is stored of an item, as the beginning of a
        sentence; empty if that is told by others."""
        text, _ = self._line(one.line)
        if text.startswith(b'U '):
            return manifest.unstored(text)[1]
        return 'it could not be stored'

    def root(self):
        """The entry of the share's root.

        :raises dirent.Malformed: there is none.
        """
        with open(self._fd, 'rb', closefd=False) as source:
            source.seek(0)
            for text in source:
                if text.startswith(b'D '):
                    entry = dirent.parse(text.rstrip(b'\n'))
                    if entry.name == handles.ROOT:
                        return entry
                elif text.startswith((b'd ', b'totals ')):
                    break
        raise dirent.Malformed('it has no root')

    def _line(self, offset):
        """A line of the manifest, and the beginning of the next one."""
        data, end = b'', -1
        while end < 0 or len(data) < end + 1 + len(_LINK):
            more = os.pread(self._fd, max(_READ, len(data)),
                            offset + len(data))
            if not more:
                break
            data += more
            end = data.find(b'\n')
        if end < 0:
            raise database.DamagedIndex('A line is none.')
        return data[:end], data[end + 1:end + 1 + len(_LINK)]


def is_known(one):
    """Tell whether the backup knows what an entry was: of others it has but
    the name."""
    return not one.flags & item.UNKNOWN
