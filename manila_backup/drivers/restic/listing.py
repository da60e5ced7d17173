# SPDX-License-Identifier: Apache-2.0
"""The entries that are in a snapshot of restic's, by its own listings of it.

As JSON, a listing has U+FFFD for each byte of a name that is not UTF-8, and no
targets of symbolic links. As text it has both as they are, but nothing says
where an entry ends that has newlines in it. Both have the same order, so that
together they tell everything. They are kept in scratch files: there may be
millions of entries.
"""

import json
import os
import re
import stat
import tempfile
import typing

from manila_backup.drivers import base
from manila_backup.drivers.restic import absent
from manila_backup.drivers.restic import listed
from manila_backup.drivers.restic import times
from manila_backup.fs import dirent
from manila_backup.fs import handles

_ARROW = b' -> '
_UNKNOWN = '\ufffd'.encode()

# Mode, owner, group, size, date and time, path.
_BEGINNING = re.compile(
    rb'\S{10,} +(\d+) +(\d+) +(\d+) \S+ \S+ /(.*)', re.DOTALL).fullmatch


class Unmatched(Exception):
    """The two listings are not of the same entries."""


class Node(typing.NamedTuple):
    """An entry, as the listing in JSON has it.

    :ivar path: bytes, below the root of the share, as restic shows it.
    :ivar mode: int, as ``st_mode``; 0 for what is none of a share's.
    :ivar mtime: int, nanoseconds since 1970; 0 for a year that is not one of
        1 to 9999.
    """

    path: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int

    @property
    def is_link(self):
        """bool, whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)


def parse(line):
    """Parse a line of ``ls --json``.

    :returns: a :class:`Node`; None for the line about the snapshot.
    :raises ValueError, KeyError, TypeError: it is none.
    """
    said = json.loads(line)
    if said.get('struct_type') == 'snapshot':
        return None
    kind = listed.TYPES.get(said['type'])
    try:
        mtime = times.parsed(said['mtime'])
    except ValueError:
        mtime = 0
    return Node(said['path'].encode().lstrip(b'/'),
                0 if kind is None else kind | listed.mode_of(said),
                said.get('uid', 0), said.get('gid', 0), said.get('size', 0),
                mtime)


class Lines:
    """Lines with a path each, in a scratch file. Each has its whole path in a
    listing, of up to 4 KiB; here it has what that does not share with the one
    before: millions of entries in one directory take no gigabytes.

    :param folder: str, a directory for the file.
    """

    def __init__(self, folder):
        self._file = tempfile.TemporaryFile(dir=folder)
        self._last = b''

    def close(self):
        self._file.close()

    def clear(self):
        """Forget all lines."""
        self._file.seek(0)
        self._file.truncate()
        self._last = b''

    def write(self, line):
        """Add a line.

        :param line: bytes, without newlines.
        """
        head, slash, rest = line.partition(b'/')
        tail = slash + rest
        shared = _shared(tail, self._last)
        self._file.write(b'%d %d %b%b\n' % (shared, len(head), head,
                                            tail[shared:]))
        self._last = tail

    def __iter__(self):
        """Iterate over all lines, as bytes."""
        self._file.seek(0)
        last = b''
        for text in self._file:
            shared, size, rest = text[:-1].split(b' ', 2)
            last = last[:int(shared)] + rest[int(size):]
            yield rest[:int(size)] + last


def _shared(one, other):
    """Count the bytes that the beginnings of two have in common."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


class Listing:
    """A listing; a context manager.

    :param restic: a :class:`~.command.Restic`.
    :param snapshot: str, the id of what is listed.
    :param folder: str, a directory for the scratch files.
    :param known: paths, as bytes, of symbolic links whose targets need not be
        told.
    :param limits: (upload, download) in KiB/s, 0 for none.
    :param top: bytes, path of the directory of which to list what is below.
    """

    def __init__(self, restic, snapshot, folder, known, limits,
                 top=handles.ROOT):
        self._restic = restic
        # Not as a path beside it: restic goes through all of it then.
        self._what = snapshot if top == handles.ROOT else (
            f'{snapshot}:/{os.fsdecode(top)}')
        self._top = top
        self._known = known
        self._limits = limits
        self._nodes = Lines(folder)
        self._text = Lines(folder)
        self._is_enough = True

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._nodes.close()
        self._text.close()

    def read(self):
        """Have restic list it.

        :raises DriverError: it can't.
        """
        self._list(self._nodes, self._take, '--json')
        if not self._is_enough:
            self._list(self._text, self._text_line, '--long')

    def _list(self, file, take, how):
        # A lock would be in the way of what removes backups, the longer if
        # the worker is killed.
        for lock in (('--no-lock',), ()):
            file.clear()
            try:
                self._restic.run('ls', *lock, how, self._what,
                                 on_line=take, limits=self._limits)
                return
            except base.DamagedBackup:
                # Or it was being rewritten just then, which a lock prevents.
                if not lock:
                    raise

    def _take(self, line):
        try:
            node = parse(line)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise base.DriverError(
                f'restic ls said what is no entry: {exc}.') from exc
        if node is None:
            return
        if _UNKNOWN in node.path or (node.is_link and handles.join(
                self._top, node.path) not in self._known):
            self._is_enough = False
        self._nodes.write(json.dumps(
            [node.path.decode(), *node[1:]]).encode())

    def _text_line(self, line):
        self._text.write(line)

    def entries(self):
        """Iterate over the entries.

        :returns: iterator of (:class:`Node`, its path in the share, as bytes,
            and the target, as bytes, of a symbolic link that is not known).
        :raises Unmatched: restic's listings can't be understood.
        :raises Malformed: a path is none.
        """
        found = map(_loaded, self._nodes)
        both = (((node, node.path, None) for node in found)
                if self._is_enough else joined(found, self._text))
        for node, path, target in both:
            if node.mode:
                path = handles.join(self._top, dirent.checked_path(
                    dirent.quote(path)))
                yield node._replace(path=absent.shown(path)), path, target


def _loaded(line):
    path, *others = json.loads(line)
    return Node(path.encode(), *others)


def joined(nodes, lines):
    """Join a listing in JSON and one in text.

    :param nodes: iterator of :class:`Node`.
    :param lines: iterator of the lines of ``ls --long``, as bytes.
    :returns: iterator of (node, path, target or None).
    :raises Unmatched: they are not of the same entries.
    """
    lines = (line.rstrip(b'\n') for line in lines)
    node = next(nodes, None)
    # What it says of the snapshot comes first.
    line = _skipped(lines, node)[1] if node else None
    while node is not None:
        following = next(nodes, None)
        text = [_begins(line, node)]
        for _ in range(node.path.count(b'\n')):
            text.append(next(lines, b''))
        if node.is_link:
            more, line = _skipped(lines, following)
            text += more
        else:
            line = next(lines, None)
        path, target = _split(b'\n'.join(text), node)
        yield node, path, target
        if (line is None) != (following is None) or (
                line is not None and _begins(line, following) is None):
            raise Unmatched(f'There is something after {path!r}.')
        node = following


def _skipped(lines, node):
    """Read up to where an entry begins.

    :param node: the :class:`Node`; None to read all.
    :returns: (list of the lines before that, the line or None).
    """
    before = []
    for line in lines:
        if node is not None:
            if _begins(line, node) is not None:
                return before, line
        before.append(line)
    if node is not None:
        raise Unmatched(f'{node.path!r} is not in the text.')
    return before, None


def _is_alike(text, shown):
    return text == shown or (
        _UNKNOWN in shown and absent.is_alike(text, shown))


def _begins(line, node):
    """Tell where an entry begins.

    :returns: bytes, its path and what comes after that in a line that it
        begins with; None if that is none of it.
    """
    found = _BEGINNING(line)
    if not found or tuple(map(int, found.groups()[:2])) != (
            node.uid, node.gid):
        return None
    if stat.S_ISREG(node.mode) and int(found[3]) != node.size:
        return None
    first, newline, _ = node.path.partition(b'\n')
    if node.is_link and not newline:
        return found[4] if _ends(found[4], first) else None
    return found[4] if _is_alike(found[4], first) else None


def _ends(text, shown):
    """List the places in a link's text where its path may end."""
    at = text.find(_ARROW)
    found = []
    while at >= 0:
        if _is_alike(text[:at], shown):
            found.append(at)
        at = text.find(_ARROW, at + 1)
    return found


def _split(text, node):
    if not node.is_link:
        if not _is_alike(text, node.path):
            raise Unmatched(f'{node.path!r} is called otherwise.')
        return text, None
    ends = _ends(text, node.path)
    if not ends:
        raise Unmatched(f'{node.path!r} has no target.')
    return text[:ends[0]], text[ends[0] + len(_ARROW):]
