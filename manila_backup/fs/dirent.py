# SPDX-License-Identifier: Apache-2.0
"""Directory entries, and the line of text that stands for one:
repository-format.rst, in code."""

import base64
import os
import re
import stat
import typing
from urllib import parse as urllib_parse

_PLAIN = re.compile(rb'[!-$&-~]*').fullmatch
_QUOTED = tuple(bytes((byte,)) if _PLAIN(bytes((byte,))) else b'%%%02X' % byte
                for byte in range(256))

#: st_mode's type to kind, but for regular files and directories.
KINDS = {stat.S_IFLNK: b'L', stat.S_IFIFO: b'P', stat.S_IFSOCK: b'S',
         stat.S_IFCHR: b'C', stat.S_IFBLK: b'B'}
TYPES = {kind: type_ for type_, kind in KINDS.items()}
TYPES.update({b'F': stat.S_IFREG, b'D': stat.S_IFDIR})

#: Kind to how many fields each of its lines has.
FIELDS = {b'F': 10, b'L': 9, b'C': 9, b'B': 9, b'P': 8, b'S': 8, b'D': 8}

# Python looks for a number in bytes in a fraction of the time that it takes to
# look for other bytes.
_PERCENT, _SLASH = b'%/'


class Malformed(Exception):
    """Not such a line."""


def quote(name):
    """Bytes as one field of a line."""
    if _PLAIN(name):
        return name
    return b''.join(map(_QUOTED.__getitem__, name))


def _key(name):
    """As a part of a field, where ``=`` and ``,`` mean something too."""
    return quote(name).replace(b'=', b'%3D').replace(b',', b'%2C')


def unquote(field):
    if _PERCENT not in field:
        return field
    return urllib_parse.unquote_to_bytes(field)


class Entry(typing.NamedTuple):
    """One line. ``extra`` is the target of a symlink (bytes), the device
    number (int), of a file the digest, and of a directory (its number, that
    of the directory that it is in). A directory of the first version has no
    ``extra``, and its path as ``name``."""

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
        b'D /%d /%d' % entry.extra if kind == b'D' and entry.extra else kind,
        quote(entry.name), entry.mode, entry.uid, entry.gid,
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
        fixed = FIELDS[kind]
        size, extra = 0, None
        if kind != b'D':
            name = checked_name(fields[1])
        elif fields[1].startswith(b'/'):
            extra = number(fields[1]), number(fields[2])
            del fields[1:3]
            name = checked_name(fields[1]) if extra[0] else b'.'
        else:
            name = checked_path(fields[1])
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


def size_of(text):
    """Read the size of a line's entry without parsing the rest: what
    :func:`parse` has as ``size``, and 0 of other kinds.

    :param text: bytes, with its newline or without.
    """
    kind, *fields = text.rstrip(b'\n').split(b' ', 9)
    if kind == b'F':
        return int(fields[7])
    if kind == b'L':
        return len(unquote(fields[7]))
    return 0


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


def number(field):
    """A field as the number of a directory.

    :raises Malformed: it is none.
    """
    digits = field[1:]
    if field[:1] != b'/' or not digits.isdigit():
        raise Malformed(f'{field[:80]!r}')
    return int(digits)


def checked_name(field):
    """A field as the name of a directory entry."""
    name = unquote(field) if _PERCENT in field else field
    if not name or _SLASH in name or 0 in name or name in (b'.', b'..'):
        raise Malformed(f'{field[:80]!r}')
    return name


def checked_path(field):
    """A field as the path of a directory."""
    path = unquote(field)
    if path != b'.':
        for name in path.split(b'/'):
            if not name or 0 in name or name in (b'.', b'..'):
                raise Malformed(f'{field[:80]!r}')
    return path
