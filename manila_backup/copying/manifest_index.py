# SPDX-License-Identifier: Apache-2.0
"""An index of a manifest's lines, or of those of a part of one, by name."""

import array
import bisect
import copy
import os
import zlib

from manila_backup.copying import tree
from manila_backup.fs import dirent

# An index entry is one 64 bit number: a hash above, where the line is below.
_PLACE_BITS = 40
_PLACE = (1 << _PLACE_BITS) - 1
_HASH = (1 << (64 - _PLACE_BITS)) - 1

# Lines are mostly asked for in the order in which they stand there.
_WINDOW = 1 << 16
_LINE = 1 << 10

# What else than files has a name of its own on its line.
_KINDS = frozenset((b'L ', b'P ', b'S ', b'C ', b'B ', b'H '))


class Index:
    """Index of the lines of regular files in a file of entries.

    Eight bytes a file, sorted, and as many for each line with a directory. A
    line that is found has to be looked at: there are only 24 bits of hash,
    of path and name.

    :param every: also index entries that are not regular files.
    :param directories: a :class:`~.tree.Tree` of the directories that are
        mentioned by number, if the file itself doesn't list them.
    """

    def __init__(self, fd, every=False, directories=None):
        self.fd = fd
        own = directories is None
        self._tree = tree.Tree(fd) if own else directories
        found = array.array('Q')
        self._sections = array.array('Q')
        path = 0
        offset = 0
        with open(fd, 'rb', buffering=1 << 20, closefd=False) as source:
            source.seek(0)
            for text in source:
                kind = text[:2]
                if kind == b'D ':
                    key = (zlib.crc32(text.split(b' ', 2)[1])
                           if text[2:3] != b'/' else
                           self._tree.add(text, offset) if own else 0)
                    if every:
                        found.append((key & _HASH) << _PLACE_BITS | offset)
                elif kind == b'F ' and text.endswith(b'\n') or (
                        every and kind in _KINDS):
                    name = text.split(b' ', 2)[1].rstrip()
                    key = zlib.crc32(name, path) & _HASH
                    found.append(key << _PLACE_BITS | offset)
                elif kind in (b'd ', b'c '):
                    path = self._hash(text[2:-1])
                    self._sections.append(offset)
                offset += len(text)
        self._sorted = array.array('Q', sorted(found))
        self._forget()

    def _forget(self):
        self._window, self._from = b'', 0
        self._section = None, None      # its number, the path
        self._asked = None, 0           # the path, its hash

    def apart(self):
        """A copy for another thread, which shares all that takes room."""
        found = copy.copy(self)
        found._tree = self._tree.apart()
        found._forget()
        return found

    def __len__(self):
        return len(self._sorted)

    def _hash(self, field):
        """Hash the path of a directory."""
        if field[:1] != b'/':
            return zlib.crc32(field)
        try:
            return self._tree.hashed(dirent.number(field))
        except dirent.Malformed:
            return 0    # it was cut short

    def find(self, path, name):
        """The lines of a file of that name, of which there should be one.

        :param path: bytes, of the directory it is in.
        :param name: bytes.
        :returns: iterator of bytes, without newline.
        """
        asked, key = self._asked
        if path != asked:
            key = zlib.crc32(dirent.quote(path))
            self._asked = path, key
        name = dirent.quote(name)
        start = b'F ' + name + b' '
        for offset, text in self._lines(zlib.crc32(name, key) & _HASH):
            if text.startswith(start) and self._path(offset) == path:
                yield text

    def has(self, path, name):
        """Tell whether there is an entry of any kind but a directory. A hash
        collision of two paths may give a wrong answer, almost never.

        :param path: bytes, of the directory it is in, unquoted.
        """
        quoted = dirent.quote(name)
        key = zlib.crc32(quoted, zlib.crc32(dirent.quote(path))) & _HASH
        return any(text[:2] != b'D ' and text.split(b' ', 2)[1] == quoted
                   for _, text in self._lines(key))

    def directory(self, path):
        """A directory.

        :returns: what it is called in ``unstored`` of a
            :class:`~.manifest.Manifest`; None if there is none.
        """
        key = zlib.crc32(dirent.quote(path)) & _HASH
        for _, text in self._lines(key):
            if text[:2] != b'D ':
                continue
            field = text.split(b' ', 2)[1]
            if field[:1] != b'/':
                if dirent.unquote(field) == path:
                    return path
            elif self._tree.path(dirent.number(field)) == path:
                return dirent.number(field)
        return None

    def _path(self, offset):
        """The directory of the entry whose line is there."""
        number = bisect.bisect_right(self._sections, offset) - 1
        if number < 0:
            return None     # of a file that is no list of entries
        if number != self._section[0]:
            text = b''
            at = self._sections[number]
            while b'\n' not in text:
                more = os.pread(self.fd, _LINE, at + len(text))
                if not more:
                    break
                text += more
            self._section = number, self._called(text[2:text.find(b'\n')])
        return self._section[1]

    def _called(self, field):
        """The path of a directory; None of one that can't be told."""
        if field[:1] != b'/':
            return dirent.unquote(field)
        try:
            return self._tree.path(dirent.number(field))
        except dirent.Malformed:
            return None

    def _lines(self, key):
        at = bisect.bisect_left(self._sorted, key << _PLACE_BITS)
        while at < len(self._sorted):
            value = self._sorted[at]
            if value >> _PLACE_BITS != key:
                return
            yield value & _PLACE, self._line(value & _PLACE)
            at += 1

    def _line(self, offset):
        at = offset - self._from
        end = self._window.find(b'\n', at) if at >= 0 else -1
        size = _WINDOW
        while end < 0:
            self._window, self._from = os.pread(self.fd, size, offset), offset
            at, end = 0, self._window.find(b'\n')
            if end < 0 and len(self._window) < size:
                end = len(self._window)     # it was cut short since
            size *= 2
        return self._window[at:end]
