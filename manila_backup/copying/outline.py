# SPDX-License-Identifier: Apache-2.0
"""An outline of an earlier manifest, and the copy of most of it into a new
one: as bytes, without a look at each line."""

import array
import hashlib
import os
import re
import typing

from manila_backup.copying import manifest
from manila_backup.copying import tree
from manila_backup.fs import dirent

_PIECE = 4 << 20

# What a manifest ends with, beside its digest.
_END = b'sha256 %b\n'
_END_SIZE = len(_END % (b'0' * 64))

# Where a block of entries begins, and where there are no more. No entry has a
# newline in it.
_SECTION = re.compile(rb'\n(?:([dc]) /([0-9]+)(?=\n)|(totals ))')
_NUMBERED = re.compile(rb'\n([dc]) /([0-9]+)(?=\n)')

_MAGIC = b'manila-backup-manifest 2\n'

#: The new number of a directory that is gone.
GONE = (1 << 32) - 1


class Unfit(Exception):
    """Only a look at everything will do; the text says why, and could follow a
    colon."""


def peek(fd):
    """Read the ``about`` of a manifest of the second version, whether it is
    whole or not.

    :raises dirent.Malformed: there is none.
    """
    with open(fd, 'rb', closefd=False) as source:
        source.seek(0)
        if source.readline() != _MAGIC:
            raise dirent.Malformed('it is of another version')
        return manifest.parse_json(source.readline(), b'about ')


class Line(typing.NamedTuple):
    """A line of an entry.

    :ivar start: int, where it stands; ``end`` is after its newline.
    :ivar is_grouped: bool, whether it is a hard link of another one.
    """

    start: int
    end: int
    text: bytes
    is_grouped: bool

    @property
    def quoted(self):
        """bytes, its name as in the line."""
        return self.text.split(b' ', 2)[1].rstrip()

    @property
    def size(self):
        """int, what it counts in the sum of sizes."""
        return dirent.size_of(self.text)


class Outline:
    """Outline of a manifest of the second version that is whole.

    Twenty bytes of memory for each directory and sixteen for each block.

    :param fd: int, of the manifest; kept by the caller.
    :param wanted: set of inodes; of directories that have one of them, it is
        told what they are.
    :param check: called now and then.
    :ivar about: dict; so is ``totals``.
    :ivar tree: the :class:`~.tree.Tree` of the directories.
    :ivar parents: array of the numbers of the directories that they are in.
    :ivar known: dict of an inode that is wanted to the directory's number.
    :ivar children: dict of such a number to a dict of the name of each
        directory in it to its (inode, number).
    :raises dirent.Malformed: it is not whole.
    :raises Unfit: it is of another version, or says something that none
        should.
    """

    def __init__(self, fd, wanted, check):
        self.fd = fd
        self.tree = tree.Tree(fd)
        self.parents = array.array('I')
        self.known = {}
        self.children = {}
        self.totals = None
        self._wanted = wanted
        self._check = check
        self._starts = array.array('Q')     # of blocks
        self._kinds = array.array('Q')      # number, and whether it goes on
        self._size = os.fstat(fd).st_size - _END_SIZE
        self._first = self._last = None     # of directories, and after them
        digest = hashlib.sha256()
        for at, data in self._pieces(digest):
            self._take(at, data)
        self.digest = digest.hexdigest()
        if (self.totals is None or self._last is None
                or not self._is_end(self.digest)):
            raise dirent.Malformed('its digest is wrong')
        del self._wanted

    def _pieces(self, digest):
        """Read it, and digest it on the way.

        :returns: iterator of (offset, bytes), lines that are whole.
        """
        at, rest = 0, []
        for offset in range(0, self._size, _PIECE):
            self._check()
            data = os.pread(self.fd, min(_PIECE, self._size - offset), offset)
            digest.update(data)
            end = data.rfind(b'\n') + 1
            if not end:
                rest.append(data)
                continue
            rest, data = [data[end:]], b''.join((*rest, data[:end]))
            yield at, data
            at += len(data)
        if any(rest):
            raise dirent.Malformed('its last line is not whole')

    def _is_end(self, digest):
        return os.pread(self.fd, _END_SIZE + 1, self._size) == (
            _END % digest.encode())

    def _take(self, at, data):
        """Take note of some lines."""
        start = 0
        if self._first is None:
            if not data.startswith(_MAGIC):
                raise Unfit('the earlier manifest is of another version')
            end = data.find(b'\n', len(_MAGIC))
            self.about = manifest.parse_json(data[len(_MAGIC):end],
                                             b'about ')
            self._first = start = end + 1
        if self._last is None:
            while data.startswith(b'D ', start):
                end = data.index(b'\n', start) + 1
                self._directory(data[start:end], at + start)
                start = end
            if start == len(data):
                return
            self._last = at + start
        # From the newline before.
        for found in _SECTION.finditer(b'\n' + data, start):
            kind, number, end = found.groups()
            if end:
                start = found.start()
                self.totals = manifest.parse_json(
                    data[start:data.index(b'\n', start)], b'totals ')
                self._starts.append(at + start)
                break
            self._starts.append(at + found.start())
            self._kinds.append(int(number) << 1 | (kind == b'c'))

    def _directory(self, text, offset):
        number = len(self.parents)
        self.tree.add(text, offset)
        _, _, parent, name, *_, inode = text.split(b' ', 10)[:10]
        parent, inode = dirent.number(parent), int(inode)
        self.parents.append(parent)
        if inode <= 2:
            raise Unfit('a subvolume was removed when the earlier backup was '
                        'made')
        if parent in self.children and number:
            self.children[parent][dirent.checked_name(name)] = inode, number
        if inode in self._wanted:
            if inode in self.known:
                raise Unfit('two directories had the same inode')
            self.known[inode] = number
            self.children[number] = {}

    def names(self):
        """Iterate over the names of all directories, as bytes, in the order of
        their numbers."""
        with open(self.fd, 'rb', buffering=_PIECE, closefd=False) as source:
            source.seek(self._first)
            for _ in self.parents:
                yield dirent.unquote(source.readline().split(b' ', 4)[3])

    def blocks(self, numbers):
        """Read the entries in directories.

        :param numbers: set of their numbers.
        :returns: iterator of (number, where a block begins and where it ends,
            list of its :class:`Line`); a directory may have several, or none.
        """
        for place, kind in enumerate(self._kinds):
            if kind >> 1 in numbers:
                start, end = self._starts[place:place + 2]
                goes_on = (place + 1 < len(self._kinds)
                           and self._kinds[place + 1] & 1)
                yield kind >> 1, start, end, self._lines(start, end, goes_on)

    def _lines(self, start, end, goes_on):
        """The lines of a block.

        :param goes_on: bool, whether the next block begins with hard links of
            its last line.
        """
        data = os.pread(self.fd, end - start, start)
        if len(data) < end - start:
            raise dirent.Malformed('it was cut short')
        texts = data.splitlines(keepends=True)
        at = start + len(texts[0])
        found = []
        for place, text in enumerate(texts[1:], 2):
            following = (texts[place] if place < len(texts)
                         else b'H' if goes_on else b'')
            found.append(Line(at, at + len(text), text,
                              text[:1] == b'H' or following[:1] == b'H'))
            at += len(text)
        return found

    def copy(self, writer, numbers, directories, then, removed):
        """Copy its lines into a new manifest, and make sure that they are
        still what they were.

        :param writer: a :class:`~.manifest.Writer`.
        :param numbers: array of the new numbers of the directories,
            :data:`GONE` for those that are left out; None if all stay.
        :param directories: dict of an old number to the line that the
            directory has now.
        :param then: called after the last directory, to add more of them.
        :param removed: list of (start, end), in order, of what is left out.
        :raises Unfit: it was changed meanwhile.
        """
        digest = hashlib.sha256()
        number, spans = 0, iter((*removed, (self._size, self._size)))
        span = next(spans)
        for at, data in self._pieces(digest):
            end = at + len(data)
            if at < self._last:
                texts = data[max(self._first - at, 0):
                             self._last - at].splitlines(keepends=True)
                writer.add(b''.join(
                    directories.get(each) or _renumbered(text, numbers)
                    for each, text in enumerate(texts, number)))
                number += len(texts)
                if end >= self._last:
                    then()
            here = max(at, self._last)
            kept = []
            while here < min(end, self._starts[-1]):
                until = min(end, self._starts[-1], max(span[0], here))
                kept.append(data[here - at:until - at])
                here = until
                if here >= span[0] and here < end:
                    here = min(max(span[1], here), end)
                    if span[1] <= end:
                        span = next(spans)
            data = b''.join(kept)
            if numbers is not None:
                data = _NUMBERED.sub(lambda found: b'\n%b /%d' % (
                    found[1], numbers[int(found[2])]), b'\n' + data)[1:]
            writer.add(data)
        if digest.hexdigest() != self.digest:
            raise Unfit('the earlier manifest was changed meanwhile')


def _renumbered(text, numbers):
    """The line of a directory that has not changed; empty if it is gone."""
    if numbers is None:
        return text
    _, number, parent, rest = text.split(b' ', 3)
    number = numbers[int(number[1:])]
    if number == GONE:
        return b''
    return b'D /%d /%d %b' % (number, numbers[int(parent[1:])], rest)
