# SPDX-License-Identifier: Apache-2.0
"""Items of an index, made of the lines of a manifest."""

import stat

from manila_backup.contents import item
from manila_backup.copying import manifest
from manila_backup.copying import tree
from manila_backup.fs import dirent
from manila_backup.fs import handles

# Fields of the line of a regular file before its digest.
_FILE = dirent.FIELDS[b'F'] - 1

_SPACE = ord(' ')

# Numbers that are remembered.
_KNOWN = 1000


class _Numbers(dict[bytes, int]):
    """Numbers by their texts: of millions of lines, most have the same owner
    and mode."""

    def __init__(self, base):
        super().__init__()
        self._base = base

    def __missing__(self, text):
        if len(self) == _KNOWN:
            self.clear()
        self[text] = found = int(text, self._base)
        return found


def items(fd):
    """The entries of a manifest.

    :param fd: int, of a manifest that is whole.
    :returns: iterator of :class:`~manila_backup.contents.item.Item`.
    :raises dirent.Malformed: a line is none.
    """
    directories = tree.Tree(fd)
    numbers = _Numbers(8), _Numbers(10)
    here = first = None
    offset = 0
    with open(fd, 'rb', buffering=1 << 20, closefd=False) as source:
        source.seek(0)
        for text in source:
            kind = text[:2]
            if kind == b'F ':
                first = _file(here, text, offset, *numbers)
                yield first
            elif kind == b'D ':
                found = _directory(directories, text, offset)
                if found:
                    yield found
            elif kind in (b'd ', b'c '):
                here = directories.called(text[2:-1])
            elif kind == b'H ':
                name, stored = manifest.link_name(text.rstrip(b'\n'))
                yield first._replace(
                    directory=here, name=name,
                    flags=first.flags if stored else item.MISSING)
            elif kind == b'U ':
                yield item.Item(
                    here, dirent.checked_name(text.split(b' ', 2)[1]),
                    flags=item.MISSING | item.UNKNOWN, line=offset)
            elif text.startswith(b'totals '):
                return
            elif offset and not text.startswith(b'about '):
                first = _other(here, text, offset)
                yield first
            offset += len(text)


def _file(here, text, offset, modes, ids):
    try:
        (_, name, mode, uid, gid, mtime, _, _, size,
         rest) = text.split(b' ', _FILE)
        return item.Item._make((
            here, dirent.checked_name(name), stat.S_IFREG | modes[mode],
            int(size), int(mtime), ids[uid], ids[gid],
            _flags(text) if _SPACE in rest else 0, None, offset))
    except ValueError as exc:
        raise dirent.Malformed(f'{text[:80]!r}') from exc


def _other(here, text, offset):
    entry = dirent.parse(text[:-1])
    return _of_entry(entry, here, entry.name, offset,
                     item.MISSING if b'node' in entry.lost else 0)


def _directory(directories, text, offset):
    """Take note of a directory.

    :returns: its item; None of the root.
    """
    entry = dirent.parse(text[:-1])
    if entry.extra:
        directories.add(text, offset)
        path = directories.path(entry.extra[0])
    else:
        path = entry.name
    if path == handles.ROOT:
        return None
    return _of_entry(entry, *handles.split(path), offset)


def _of_entry(entry, directory, name, offset, flags=0):
    return item.Item(
        directory, name, dirent.TYPES[entry.kind] | entry.mode, entry.size,
        entry.mtime, entry.uid, entry.gid, flags,
        entry.extra if entry.kind == b'L' else None, offset)


def _flags(text):
    return (item.MISSING if b' lost=' in text and manifest.is_unstored(text)
            else 0)
