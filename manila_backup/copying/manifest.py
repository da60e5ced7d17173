# SPDX-License-Identifier: Apache-2.0
"""A manifest: its lines, and how all of it is written, checked and read.
Entries are in :mod:`manila_backup.fs.dirent`: repository-format.rst, in code.

Of its entries, nothing here holds more than a block in memory.
"""

import copy
import hashlib
import io
import json
import os

from manila_backup.copying import tree
from manila_backup import exception
from manila_backup.fs import dirent
from manila_backup.fs import handles

NAME = 'manifest'

# Entries, and bytes of content, that make a block worth its handling; and
# entries of the first ones.
_BLOCK_ENTRIES = 64
BLOCK_BYTES = 8 << 20
_FEW_ENTRIES, _FEW_BLOCKS = 16, 256

#: Entries that a directory counts as: it takes more calls than a file does.
DIRECTORY = 4

#: Why nothing of an entry is stored, as a word in its line and in words.
CHANGING, UNREADABLE, MOUNTED, TOO_MUCH = (
    b'changing', b'unreadable', b'mounted', b'toomuch')
#: The backup has it, but whoever restored it for comparison could not, and
#: tells so.
STAGING = b'staging'

_WHY = {CHANGING: 'it was being written to',
        UNREADABLE: 'it could not be read',
        MOUNTED: 'another file system was mounted there',
        TOO_MUCH: 'the repository could not hold it',
        STAGING: ''}

#: The versions of the format. In the first, a directory is called by its
#: path, wherever it is mentioned; in the second by a number.
FIRST, SECOND = 1, 2

_MAGIC = b'manila-backup-manifest %d\n'
_MAGICS = frozenset(_MAGIC % version for version in (FIRST, SECOND))

_READ = 1 << 20
_UNREAD = b' x:*='
_DIRECTORIES = (b'D /', b'd /', b'c /')


def is_unstored(text):
    """Tell whether an entry's line is all that the backup has of it. Its name
    or target may look like such a mark."""
    fields = text.rstrip(b'\n').split(b' ')
    return (len(fields) > dirent.FIELDS.get(fields[0], 2)
            and fields[-1].startswith(b'lost=')
            and b'node' in fields[-1][5:].split(b','))


def has_unread(text):
    """Tell whether a line, as bytes, is of an entry whose extended attributes
    could not all be read."""
    return _UNREAD in text


def unstored_line(name, why=CHANGING):
    """The line of an entry of which nothing is stored."""
    text = b'U %b 0' % dirent.quote(name)
    return text + (b'\n' if why == CHANGING else b' why=%b\n' % why)


def unstored(text):
    """Such a line's name, and why it is one: "... at the time"; empty if that
    is told by others."""
    name, why = unstored_name(text)
    return name, _WHY.get(why, _WHY[UNREADABLE])


def unstored_name(text):
    """Such a line's name, and the word for why it is one, which may be one of
    a later release."""
    fields = text.rstrip().split(b' ')
    return (dirent.checked_name(fields[1]),
            fields[3].partition(b'=')[2] if len(fields) > 3 else CHANGING)


def link_name(text):
    """The name of an ``H`` line, and whether it is stored."""
    fields = text.split(b' ')
    return dirent.checked_name(fields[1]), len(fields) < 3


def open_in(directory):
    """Open the manifest of a directory to read it.

    :returns: int, a descriptor.
    :raises OSError: it can't be.
    """
    return os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                   | os.O_CLOEXEC, dir_fd=directory)


def block_entries(number):
    """Return how many entries a block has: few in the first ones, so that
    many processes can take part in a small share where they wait for storage.

    :param number: int, how many blocks there are before it.
    """
    return _FEW_ENTRIES if number < _FEW_BLOCKS else _BLOCK_ENTRIES


class Writer:
    """Puts a manifest together and digests it on the way; a context manager.

    :param fd: int, of the file, which is closed in the end.
    :param version: int, which one to write.
    :param paths: a :class:`~manila_backup.fs.numbered.Paths`, which the first
        version needs.
    :param spend: called with the number of bytes before each piece.
    """

    def __init__(self, fd, about, version=SECOND, paths=None,
                 spend=lambda count: None):
        self._file = open(fd, 'wb', buffering=_READ)
        self._sum = hashlib.sha256()
        self._paths = paths if version == FIRST else None
        self._spend = spend
        self.add(_MAGIC % version)
        self.add(b'about %b\n' % json.dumps(about).encode())

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._file.close()

    def copy(self, fd, offset, size):
        """Append lines from another file, in which directories have
        numbers."""
        rest = b''
        while size:
            data = os.pread(fd, min(size, _READ), offset)
            if not data:
                raise OSError(5, 'a part of the manifest is missing')
            offset += len(data)
            size -= len(data)
            if self._paths is None:
                self.add(data)
                continue
            # Lines can be long, but with the pieces put together once.
            whole, newline, new = data.rpartition(b'\n')
            if newline:
                self._first(rest + whole + newline)
                rest = new
            else:
                rest += data
        if rest:
            self._first(rest)

    def _first(self, data):
        """Write lines in the first version."""
        for text in io.BytesIO(data):
            if text.startswith(_DIRECTORIES):
                text = self._by_path(text)
            self.add(text)

    def _by_path(self, text):
        fields = text.split(b' ', 4)
        number = dirent.number(fields[1].rstrip(b'\n'))
        path = dirent.quote(self._paths.path(number))
        if fields[0] == b'D':
            return b'D %b %b' % (path, fields[4])
        return b'%b %b\n' % (fields[0], path)

    def finish(self, totals):
        """Append the totals.

        :returns: str, the manifest's digest.
        """
        self.add(b'totals %b\n' % json.dumps(totals).encode())
        digest = self._sum.hexdigest()
        self._file.write(b'sha256 %b\n' % digest.encode())
        return digest

    def add(self, data):
        """Append lines as they are."""
        self._spend(len(data))
        self._sum.update(data)
        self._file.write(data)


class Manifest:
    """A manifest whose digest has been found to be right.

    :ivar about: dict, its ``about``.
    :ivar totals: dict, its ``totals``.
    :ivar digest: str.
    :ivar directories: list of (offset, size) of blocks of ``D`` lines.
    :ivar blocks: the same of the other entries, each from a ``d`` line on.
    :ivar entries: int, how many it has; the root is not counted.
    :ivar stored_entries: int, how many of them ``data`` should have.
    :ivar bytes: int, the sum of their sizes.
    :ivar unstored: dict of a directory to the set of names in it of which
        ``data`` has nothing; a directory is its number, or its path in the
        first version.
    """

    def __init__(self, fd):
        self.fd = fd
        self.directories = []
        self.blocks = []
        self.unstored = {}
        self.entries = self.bytes = self.stored_entries = 0
        self._tree = tree.Tree(fd)
        self._where = handles.ROOT
        self._start = self._count = self._weight = 0
        self._section = None
        self.about, self.digest = read(fd, self._line)
        self.stored_entries += self.entries
        if self.entries != self.totals['files']:
            raise dirent.Malformed('its totals do not match its entries')

    def apart(self):
        """A copy for another thread, which shares all that takes room."""
        found = copy.copy(self)
        found._tree = self._tree.apart()
        return found

    def _line(self, text, offset):
        """Count a line, and find where to cut."""
        kind = text[:2]
        if kind == b'F ':
            self.entries += 1
            self._count += 1
            size = int(text.split(b' ', 9)[8])
            self.bytes += size
            self._weight += size + len(text)
        elif kind == b'D ':
            if self._section is None or self._is_full():
                self._cut(offset)
                self._section = self.directories
            self._count += 1
            self._weight += len(text)
            if text[2:3] == b'/':
                self._tree.add(text, offset)
            self.entries += not text.startswith((b'D . ', b'D /0 '))
        elif kind == b'd ':
            if self._section is not self.blocks or self._is_full():
                self._cut(offset)
                self._section = self.blocks
            self._weight += len(text)
            self._where = self._directory(text[2:-1])
        elif kind == b'c ':
            self._where = self._directory(text[2:-1])
        elif kind == b'to':
            self._cut(offset)
            self.totals = parse_json(text, b'totals ')
        elif kind == b'U ':
            self._count += 1
            self._is_unstored(text)
        else:
            self.entries += 1
            self._count += 1
            if kind == b'L ':
                self.bytes += len(dirent.unquote(
                    text.split(b' ', 9)[8].rstrip()))
            if b' lost=' in text and is_unstored(text):
                self.stored_entries -= 1
                self._is_unstored(text)

    def _directory(self, field):
        """Return the key of a directory in ``unstored``."""
        if field[:1] != b'/':
            return dirent.checked_path(field)
        number = dirent.number(field)
        if number >= len(self._tree):
            raise dirent.Malformed(f'it has no directory {number}')
        return number

    def _is_unstored(self, text):
        self.unstored.setdefault(self._where, set()).add(
            dirent.checked_name(text.split(b' ', 2)[1].rstrip()))

    def _is_full(self):
        """Tell whether a block is large enough, in entries or in memory."""
        count = self._count
        if self._section is self.directories:
            count *= DIRECTORY
        return (count >= block_entries(len(self._section))
                or self._weight >= BLOCK_BYTES)

    def _cut(self, offset):
        if self._section is not None and offset > self._start:
            self._section.append((self._start, offset - self._start))
        self._start = offset
        self._count = self._weight = 0

    def path(self, field):
        """The path, as bytes, of a directory as it is called in a line."""
        return self._tree.called(field)

    def described(self, span, backwards=False):
        """The directories of a block of ``directories``.

        :returns: iterator of (path, entry).
        """
        texts = self._lines(span)
        for text in reversed(texts) if backwards else texts:
            entry = dirent.parse(text)
            yield (self._tree.path(entry.extra[0]) if entry.extra
                   else entry.name), entry

    def line_span(self, span, place):
        """Return the span of a line of a block, as a block of its own.

        :param place: int, which of its lines.
        """
        texts = self._lines(span)
        return (span[0] + sum(len(text) + 1 for text in texts[:place]),
                len(texts[place]) + 1)

    def unstored_in(self, path, entry):
        """The names in a directory of which ``data`` has nothing, as a set.

        :param path: bytes, the directory's.
        :param entry: its :class:`~.dirent.Entry`.
        """
        return self.unstored.get(entry.extra[0] if entry.extra else path,
                                 frozenset())

    def unstored_names(self):
        """All of them.

        :returns: iterator of (path of a directory, set of names).
        """
        for where, names in self.unstored.items():
            yield (self._tree.path(where) if isinstance(where, int)
                   else where), names

    def groups(self, span):
        """The entries of a block of ``blocks``, those that are hard links of
        one another together.

        :returns: iterator of (path, entry as bytes, its other names as
            :class:`Links`); the entry is a line of a kind other than ``H``.
        """
        here, first, links = b'.', None, []
        for text in self._lines(span):
            kind = text[:2]
            if kind in (b'd ', b'c '):
                here = text[2:]
            elif kind == b'H ':
                links.append((here, text))
            else:
                if first:
                    yield (self.path(first[0]), first[1],
                           Links(self, links))
                    links = []
                first = (here, text)
        if first:
            yield self.path(first[0]), first[1], Links(self, links)

    def _lines(self, span):
        """The lines of a block, without newlines.

        :param span: (offset, size).
        """
        offset, size = span
        data = []
        while size:
            more = os.pread(self.fd, size, offset)
            if not more:
                raise exception.DamagedBackup(
                    'The manifest was cut short while it was read.')
            data.append(more)
            offset += len(more)
            size -= len(more)
        return b''.join(data)[:-1].split(b'\n') if data else []


class Links:
    """Other names of an entry: iterates over (path, line). Holds no paths,
    which together may be long."""

    def __init__(self, found, links):
        self._found = found
        self._links = links

    def __len__(self):
        return len(self._links)

    def __iter__(self):
        for field, text in self._links:
            yield self._found.path(field), text

    def only(self, wanted):
        """Filter by a function of (path, line)."""
        return Links(self._found, [
            link for link, (path, text) in zip(self._links, self)
            if wanted(path, text)])


def read(fd, line, begin=lambda about: None):
    """Read a manifest in one pass, and make sure that it is whole: whatever
    was called may have seen one that isn't.

    :param fd: int, its descriptor.
    :param line: called with each line after ``about``, and its offset.
    :param begin: called with the dict in ``about``, before all lines.
    :returns: (dict, its ``about``; str, its digest).
    :raises Malformed: it is not whole.
    :raises exception.StorageFailed: it is, and of a version that is not known.
    """
    digest = hashlib.sha256()
    last = b''
    with open(fd, 'rb', buffering=_READ, closefd=False) as source:
        source.seek(0)
        magic = source.readline()
        if magic not in _MAGICS:
            check(fd)       # says why not
        text = source.readline()
        about = parse_json(text, b'about ')
        begin(about)
        digest.update(magic + text)
        offset = len(magic) + len(text)
        for text in source:
            if text.startswith(b'sha256 '):
                last = text
                break
            digest.update(text)
            line(text, offset)
            offset += len(text)
        rest = source.read(1)
    found = digest.hexdigest()
    if last != b'sha256 %b\n' % found.encode() or rest:
        raise dirent.Malformed('its digest is wrong')
    return about, found


def check(fd):
    """Make sure that a manifest is whole, without looking at its entries.

    :returns: dict, its ``about``.
    :raises Malformed: it isn't.
    :raises exception.StorageFailed: it is, and of a version that is not known.
    """
    digest = hashlib.sha256()
    end = b'sha256 %b\n'
    size = os.fstat(fd).st_size - len(end % (b'0' * 64))
    head, offset = b'', 0
    while offset < size:
        data = os.pread(fd, min(_READ, size - offset), offset)
        if not data:
            break
        digest.update(data)
        if head.count(b'\n') < 2:
            head += data
        offset += len(data)
    rest = os.pread(fd, _READ, max(offset, 0))
    if rest != end % digest.hexdigest().encode():
        raise dirent.Malformed('its digest is wrong')
    first, _, head = head.partition(b'\n')
    _check_magic(first + b'\n')
    return parse_json(head.partition(b'\n')[0], b'about ')


def _check_magic(text):
    """Make sure that a first line is one.

    :raises Malformed: it is another one.
    :raises exception.StorageFailed: it is that of a later version.
    """
    if text in _MAGICS:
        return
    before = _MAGIC.partition(b'%d')[0]
    if text.startswith(before) and text[len(before):-1].isdigit():
        raise exception.StorageFailed(
            f'The backup\'s manifest is of version '
            f'{text[len(before):-1].decode()}, which this release does not '
            f'support: only a worker of a later release can read it.',
            retryable=True)
    raise dirent.Malformed('it does not begin as a manifest')


def parse_json(text, key):
    """A line of JSON after a key.

    :raises Malformed: it is none.
    """
    if not text.startswith(key):
        raise dirent.Malformed(f'it has no {key.decode()}')
    try:
        return json.loads(text[len(key):])
    except ValueError as exc:
        raise dirent.Malformed(str(exc)) from exc
