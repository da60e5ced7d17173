# SPDX-License-Identifier: Apache-2.0
"""Directories by number: each has its name and the number of the directory
that it is in, so that a path takes room once, however many things are in it.

Nothing here keeps more than one path in memory.
"""

import array
import os
import struct
import zlib

from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import errors
from manila_backup.fs import numbered

#: The root's number.
ROOT = numbered.ROOT

_LINE = 512
_OFFSET = struct.Struct('=Q')
_HEAD = b'directories 1\n'


class Tree(numbered.Paths):
    """Directories whose lines are in a file, in the order of their numbers.

    Twelve bytes of memory for each: where its line is, and a hash of its
    path.

    :param fd: int, of the file.
    """

    def __init__(self, fd):
        super().__init__(self._named)
        self._fd = fd
        self._offsets = array.array('Q')
        self._hashes = array.array('I')

    @classmethod
    def load(cls, fd):
        """Load what a :class:`Journal` wrote, as far as it is complete."""
        found = cls(fd)
        with open(fd, 'rb', buffering=1 << 20, closefd=False) as source:
            source.seek(0)
            offset = len(source.readline())
            for text in source:
                try:
                    found.add(text, offset)
                except dirent.Malformed:
                    break       # it was cut short, by the end of the machine
                offset += len(text)
        return found

    def apart(self):
        """A copy for another thread, which shares all that takes room."""
        found = Tree(self._fd)
        found._offsets, found._hashes = self._offsets, self._hashes
        return found

    def __len__(self):
        return len(self._offsets)

    def add(self, text, offset):
        """Take note of the next line.

        :param text: bytes, the line, of which only the beginning counts.
        :param offset: int, where it stands.
        :returns: int, the CRC-32 of the path, quoted as in a manifest.
        :raises dirent.Malformed: it is not the next one.
        """
        number, parent, name = _fields(text)
        if number != len(self._offsets) or parent >= number > ROOT:
            raise dirent.Malformed(f'{text[:80]!r}')
        if parent == ROOT:
            found = zlib.crc32(name)
        else:
            found = zlib.crc32(name, zlib.crc32(b'/', self._hashes[parent]))
        self._offsets.append(offset)
        self._hashes.append(found)
        return found

    def called(self, field):
        """The path of a directory, as bytes, as a line of a manifest calls
        it: by its number, or, in the first version, by its path.

        :raises dirent.Malformed: there is none.
        """
        if field[:1] != b'/':
            return dirent.checked_path(field)
        return self.path(dirent.number(field))

    def hashed(self, number):
        """The CRC-32 of a directory's path; 0 if there is none."""
        return self._hashes[number] if number < len(self._hashes) else 0

    def _named(self, number):
        if number >= len(self._offsets):
            raise dirent.Malformed(f'it has no directory {number}')
        return _read(self._fd, self._offsets[number], number)


class Journal:
    """Record of the directories that a scan finds, for the copying processes,
    and for a later attempt.

    :param fd: int, of an empty file in which a later attempt finds it.
    :param scratch: int, of an empty scratch file.
    """

    def __init__(self, fd, scratch):
        self._fd = fd
        self._scratch = scratch
        self._lines = [_HEAD]
        self._offsets = []
        self._end = len(_HEAD)
        self.count = 0

    def add(self, parent, name):
        """Note a directory.

        :param parent: int, the number of the one that it is in.
        :returns: int, its own.
        """
        number = self.count
        text = b'D /%d /%d %b\n' % (number, parent, dirent.quote(name))
        self._lines.append(text)
        self._offsets.append(_OFFSET.pack(self._end))
        self._end += len(text)
        self.count += 1
        return number

    def flush(self):
        """Let the others have what was noted."""
        try:
            content.write_all(self._fd, b''.join(self._lines))
            content.write_all(self._scratch, b''.join(self._offsets))
        except OSError as exc:
            raise errors.failed('write to a', 'scratch file',
                                exc) from exc
        self._lines.clear()
        self._offsets.clear()

    @property
    def size(self):
        """int, bytes written so far, or about to be."""
        return self._end + self.count * _OFFSET.size

    def paths(self):
        """:class:`~manila_backup.fs.numbered.Paths` of what was let go, for
        one process."""
        return numbered.Paths(self._named)

    def _named(self, number):
        found = os.pread(self._scratch, _OFFSET.size, number * _OFFSET.size)
        if len(found) < _OFFSET.size:
            raise dirent.Malformed(f'there is no directory {number}')
        return _read(self._fd, _OFFSET.unpack(found)[0], number)


def _read(fd, offset, number):
    """(number of its directory, name) of the line there."""
    text = b''
    while text.count(b' ') < 4 and b'\n' not in text:
        more = os.pread(fd, _LINE, offset + len(text))
        if not more:
            break
        text += more
    found, parent, name = _fields(text.partition(b'\n')[0])
    if found != number or not parent < number:
        raise dirent.Malformed(f'{text[:80]!r}')
    return parent, dirent.checked_name(name)


def _fields(text):
    """(number, number of the directory it is in, quoted name) of a line."""
    fields = text.rstrip(b'\n').split(b' ', 4)
    if fields[0] != b'D' or len(fields) < 4:
        raise dirent.Malformed(f'{text[:80]!r}')
    return (dirent.number(fields[1]), dirent.number(fields[2]),
            fields[3])
