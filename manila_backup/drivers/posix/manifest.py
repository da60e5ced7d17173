# SPDX-License-Identifier: Apache-2.0
"""The manifest's format: repository-format.rst, in code.

Nothing here holds more than a block of a manifest in memory.
"""

import base64
import hashlib
import json
import os
import re
import stat
import typing
from urllib import parse as urllib_parse

from manila_backup.drivers import base

MAGIC = b'manila-backup-manifest 1\n'
NAME = 'manifest'

# Entries, and bytes of content, that make a block worth its handling.
BLOCK_ENTRIES = 128
BLOCK_BYTES = 8 << 20

_READ = 1 << 20

_PLAIN = re.compile(rb'[!-$&-~]*').fullmatch
_QUOTED = tuple(bytes((byte,)) if _PLAIN(bytes((byte,))) else b'%%%02X' % byte
                for byte in range(256))

#: st_mode's type to kind, but for regular files and directories.
KINDS = {stat.S_IFLNK: b'L', stat.S_IFIFO: b'P', stat.S_IFSOCK: b'S',
         stat.S_IFCHR: b'C', stat.S_IFBLK: b'B'}
TYPES = {kind: type_ for type_, kind in KINDS.items()}
TYPES.update({b'F': stat.S_IFREG, b'D': stat.S_IFDIR})

_FIXED = {b'F': 10, b'L': 9, b'C': 9, b'B': 9, b'P': 8, b'S': 8, b'D': 8}


class Malformed(Exception):
    """Not a manifest in this format."""


def quote(name):
    """Bytes as one field of a line."""
    if _PLAIN(name):
        return name
    return b''.join(map(_QUOTED.__getitem__, name))


def _key(name):
    """As a part of a field, where ``=`` and ``,`` mean something too."""
    return quote(name).replace(b'=', b'%3D').replace(b',', b'%2C')


def unquote(field):
    if b'%' not in field:
        return field
    return urllib_parse.unquote_to_bytes(field)


class Entry(typing.NamedTuple):
    """One line. ``name`` is a path for ``D``; ``extra`` is the target of a
    symlink (bytes), the device number (int), or of a file the digest."""

    kind: bytes
    name: bytes
    mode: int
    uid: int
    gid: int
    mtime: int
    ctime: int
    inode: int
    size: int = 0
    extra: typing.Any = None
    xattrs: tuple = ()
    lost: tuple = ()


def of_stat(kind, name, st, extra=None, xattrs=(), size=0):
    """An entry with the attributes of an ``os.stat_result``."""
    return Entry(kind, name, stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid,
                 st.st_mtime_ns, st.st_ctime_ns, st.st_ino, size, extra,
                 xattrs)


def line(entry, lost=()):
    """An entry as a line, newline included."""
    kind = entry.kind
    text = b'%b %b %o %d %d %d %d %d' % (
        kind, quote(entry.name), entry.mode, entry.uid, entry.gid,
        entry.mtime, entry.ctime, entry.inode)
    if kind == b'F':
        text += b' %d %b' % (entry.size, entry.extra)
    elif kind == b'L':
        text += b' ' + quote(entry.extra)
    elif kind in b'CB':
        text += b' %d:%d' % (os.major(entry.extra), os.minor(entry.extra))
    for name, value in entry.xattrs:
        text += b' x:%b=%b' % (_key(os.fsencode(name)),
                               base64.b64encode(value))
    lost = lost or entry.lost
    if lost:
        text += b' lost=' + b','.join(_key(item) for item in lost)
    return text + b'\n'


def parse(text):
    """A line of kind D, F, L, P, S, C or B, without its newline.

    :raises Malformed: it is none, or its name is not one.
    """
    fields = text.split(b' ')
    kind = fields[0]
    try:
        fixed = _FIXED[kind]
        name = checked_path(fields[1]) if kind == b'D' else (
            checked_name(fields[1]))
        size, extra = 0, None
        if kind == b'F':
            size, extra = int(fields[8]), fields[9]
        elif kind == b'L':
            extra = unquote(fields[8])
            size = len(extra)
        elif kind in b'CB':
            major, _, minor = fields[8].partition(b':')
            extra = os.makedev(int(major), int(minor))
        xattrs = lost = ()
        if len(fields) > fixed:
            xattrs, lost = _optional(fields[fixed:])
        return Entry(kind, name, int(fields[2], 8), int(fields[3]),
                     int(fields[4]), int(fields[5]), int(fields[6]),
                     int(fields[7]), size, extra, xattrs, lost)
    except (KeyError, ValueError, IndexError) as exc:
        raise Malformed(f'{text[:80]!r}') from exc


def _optional(fields):
    xattrs, lost = [], ()
    for field in fields:
        key, _, value = field.partition(b'=')
        if key == b'lost':
            lost = tuple(unquote(item) for item in value.split(b','))
        else:
            xattrs.append((os.fsdecode(unquote(key[2:])),
                           base64.b64decode(value)))
    return tuple(xattrs), lost


def checked_name(field):
    """A field as the name of a directory entry."""
    name = unquote(field)
    if not name or b'/' in name or b'\0' in name or name in (b'.', b'..'):
        raise Malformed(f'{field[:80]!r}')
    return name


def checked_path(field):
    """A field as the path of a directory."""
    path = unquote(field)
    if path != b'.':
        for name in path.split(b'/'):
            if not name or b'\0' in name or name in (b'.', b'..'):
                raise Malformed(f'{field[:80]!r}')
    return path


class Writer:
    """Puts a manifest together and digests it on the way."""

    def __init__(self, fd, about):
        self._file = open(fd, 'wb', buffering=_READ, closefd=False)
        self._sum = hashlib.sha256()
        self._write(MAGIC)
        self._write(b'about %b\n' % json.dumps(about).encode())

    def copy(self, fd, offset, size):
        """Append lines from another file."""
        while size:
            data = os.pread(fd, min(size, _READ), offset)
            if not data:
                raise OSError(5, 'a part of the manifest is missing')
            self._write(data)
            offset += len(data)
            size -= len(data)

    def finish(self, totals):
        """Append the totals.

        :returns: str, the manifest's digest.
        """
        self._write(b'totals %b\n' % json.dumps(totals).encode())
        digest = self._sum.hexdigest()
        self._file.write(b'sha256 %b\n' % digest.encode())
        self._file.close()
        return digest

    def _write(self, data):
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
    :ivar unstored: set of the paths of entries that ``data`` doesn't have.
    """

    def __init__(self, fd):
        self.fd = fd
        self.directories = []
        self.blocks = []
        self.unstored = set()
        self.entries = self.bytes = self.stored_entries = 0
        self._path = b'.'
        self._start = self._count = self._weight = 0
        self._section = None
        self._read()
        self.stored_entries += self.entries
        if self.entries != self.totals['files']:
            raise Malformed('its totals do not match its entries')

    def _read(self):
        """One pass: digest, totals and where to cut."""
        digest = hashlib.sha256()
        offset = 0
        last = b''
        with open(self.fd, 'rb', buffering=_READ, closefd=False) as source:
            source.seek(0)
            if source.readline() != MAGIC:
                raise Malformed('it does not begin as a manifest')
            digest.update(MAGIC)
            offset = len(MAGIC)
            self.about = _json(source.readline(), b'about ')
            offset = source.tell()
            source.seek(len(MAGIC))
            digest.update(source.read(offset - len(MAGIC)))
            for text in source:
                if text.startswith(b'sha256 '):
                    last = text
                    break
                digest.update(text)
                self._line(text, offset)
                offset += len(text)
            rest = source.read(1)
        self.digest = digest.hexdigest()
        if last != b'sha256 %b\n' % self.digest.encode() or rest:
            raise Malformed('its digest is wrong')

    def _line(self, text, offset):
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
            self.entries += not text.startswith(b'D . ')
        elif kind == b'd ':
            if self._section is not self.blocks or self._is_full():
                self._cut(offset)
                self._section = self.blocks
            self._weight += len(text)
            self._path = checked_path(text[2:-1])
        elif kind == b'c ':
            self._path = checked_path(text[2:-1])
        elif kind == b'to':
            self._cut(offset)
            self.totals = _json(text, b'totals ')
        elif kind == b'U ':
            self._count += 1
            self.unstored.add(self._below(text.split(b' ', 2)[1]))
        else:
            self.entries += 1
            self._count += 1
            if kind == b'L ':
                self.bytes += len(unquote(text.split(b' ', 9)[8].rstrip()))
            if b' lost=' in text and _is_unstored(text):
                self.stored_entries -= 1
                self.unstored.add(self._below(text.split(b' ', 2)[1]))

    def _is_full(self):
        """Whether a block is large enough, in work or in memory."""
        return (self._count >= BLOCK_ENTRIES
                or self._weight >= BLOCK_BYTES)

    def _below(self, field):
        name = checked_name(field.rstrip())
        return name if self._path == b'.' else self._path + b'/' + name

    def _cut(self, offset):
        if self._section is not None and offset > self._start:
            self._section.append((self._start, offset - self._start))
        self._start = offset
        self._count = self._weight = 0


def _is_unstored(text):
    """Whether a line says that there is nothing in the backup but itself.
    What its name or target looks like says nothing."""
    fields = text.rstrip(b'\n').split(b' ')
    return (len(fields) > _FIXED.get(fields[0], 2)
            and fields[-1].startswith(b'lost=')
            and b'node' in fields[-1][5:].split(b','))


def _json(text, key):
    if not text.startswith(key):
        raise Malformed(f'it has no {key.decode()}')
    try:
        return json.loads(text[len(key):])
    except ValueError as exc:
        raise Malformed(str(exc)) from exc


def check(fd):
    """Make sure that a manifest is whole, without looking at its entries.

    :returns: dict, its ``about``.
    :raises Malformed: it isn't.
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
        raise Malformed('its digest is wrong')
    first, _, head = head.partition(b'\n')
    if first + b'\n' != MAGIC:
        raise Malformed('it does not begin as a manifest')
    return _json(head.partition(b'\n')[0], b'about ')


def lines(fd, span):
    """The lines of a block, without newlines.

    :param span: (offset, size).
    """
    offset, size = span
    data = b''
    while len(data) < size:
        more = os.pread(fd, size - len(data), offset + len(data))
        if not more:
            raise base.DamagedBackup('The manifest was cut short while it '
                                     'was read.')
        data += more
    return data[:-1].split(b'\n') if data else []


def groups(fd, span):
    """The entries of a block of ``blocks``, those that are hard links of one
    another together.

    :returns: iterator of (path, entry as bytes, other names as list of
        (path, name)); the entry is a line of a kind other than ``H``, the
        other names are those of its hard links.
    """
    path, first, links = b'.', None, []
    for text in lines(fd, span):
        kind = text[:2]
        if kind in (b'd ', b'c '):
            path = checked_path(text[2:])
        elif kind == b'H ':
            links.append((path, text))
        else:
            if first:
                yield first[0], first[1], links
                links = []
            first = (path, text)
    if first:
        yield first[0], first[1], links


def link_name(text):
    """The name of an ``H`` line, and whether it is stored."""
    fields = text.split(b' ')
    return checked_name(fields[1]), len(fields) < 3
