# SPDX-License-Identifier: Apache-2.0
"""Limits that a driver may declare: properties of a share it can't store.

Whatever of it is in a share has to be told, by name, among the problems of
the backup's report. A limit is no licence to drop something in silence.
"""

import enum
import stat


class Limit(enum.Enum):
    """Properties of entries that not every format can store."""

    SOCKETS = 'sockets'
    FIFOS = 'FIFOs'
    DEVICES = 'device nodes'
    LINKED_FILES = 'several names of one regular file, as one file'
    LINKED_OTHERS = 'several names of anything else, as one thing'
    HOLES = 'holes in sparse files; their content is kept, as zeros'
    XATTRS = 'extended attributes'
    LINK_XATTRS = 'extended attributes of symbolic links'
    NODE_XATTRS = 'extended attributes of FIFOs, sockets and devices'
    ODD_XATTRS = 'names of extended attributes that are not UTF-8'
    ODD_TARGETS = 'targets of symbolic links that are not UTF-8'
    EXACT_TIMES = 'parts of a second of modification times'
    #: Of those nothing can be kept, nor told: such a backup fails.
    LONG_PATHS = 'paths that are longer than PATH_MAX'


def affected(found, lacks):
    """List the entries of a share that some limits affect.

    :param found: dict, as :func:`.trees.snapshot` makes it.
    :param lacks: set of :class:`Limit`.
    :returns: list of sets of paths (bytes), one path of each of which has to
        be told: several names of one thing are in one set.
    """
    names = {tuple(facts.get('links', [path]))
             for path, facts in found.items()
             if any(_LOST[limit](facts) for limit in lacks
                    if limit in _LOST)}
    return [set(each) for each in sorted(names)]


def without(found, lacks):
    """Return the part of a share that a driver with some limits can store.

    :returns: dict like ``found``, to compare with another one.
    """
    left = {}
    for path, facts in found.items():
        if not any(_LOST[limit](facts) for limit in lacks & _WHOLE):
            left[path] = facts = dict(facts)
            for limit in lacks:
                _reduce(facts, limit)
    return left


def _is(*kinds):
    return lambda facts: facts['type'] in kinds


_FILE, _LINK = _is(stat.S_IFREG), _is(stat.S_IFLNK)
_NODE = _is(stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK)


def _linked(facts):
    return len(facts.get('links', ())) > 1


def _is_odd(name):
    try:
        name.decode() if isinstance(name, bytes) else name.encode()
    except UnicodeError:
        return True
    return False


def _odd_xattr(facts):
    return any(map(_is_odd, facts['xattrs']))


#: Those that a thing is not kept at all for.
_WHOLE = {Limit.SOCKETS, Limit.FIFOS, Limit.DEVICES}

_LOST = {
    Limit.SOCKETS: _is(stat.S_IFSOCK),
    Limit.FIFOS: _is(stat.S_IFIFO),
    Limit.DEVICES: _is(stat.S_IFCHR, stat.S_IFBLK),
    Limit.LINKED_FILES: lambda facts: _FILE(facts) and _linked(facts),
    Limit.LINKED_OTHERS: lambda facts: not _FILE(facts) and _linked(facts),
    Limit.HOLES: lambda facts: bool(facts.get('holes')),
    Limit.XATTRS: lambda facts: bool(facts['xattrs']),
    Limit.LINK_XATTRS: lambda facts: _LINK(facts) and bool(facts['xattrs']),
    Limit.NODE_XATTRS: lambda facts: _NODE(facts) and bool(facts['xattrs']),
    Limit.ODD_XATTRS: _odd_xattr,
    Limit.ODD_TARGETS: lambda facts: _is_odd(facts.get('target', b'')),
    Limit.EXACT_TIMES: lambda facts: bool(facts['mtime'] % 10 ** 9),
}


def _reduce(facts, limit):
    """Take out of the facts what is not kept of a thing that is."""
    match limit:
        case Limit.LINKED_FILES if _FILE(facts):
            facts.pop('links', None)
        case Limit.LINKED_OTHERS if not _FILE(facts):
            facts.pop('links', None)
        case Limit.HOLES:
            facts.pop('holes', None)
        case Limit.XATTRS:
            facts['xattrs'] = {}
        case Limit.LINK_XATTRS if _LINK(facts):
            facts['xattrs'] = {}
        case Limit.NODE_XATTRS if _NODE(facts):
            facts['xattrs'] = {}
        case Limit.ODD_XATTRS:
            facts['xattrs'] = {
                name: value for name, value in facts['xattrs'].items()
                if not _is_odd(name)}
        case Limit.ODD_TARGETS if _is_odd(facts.get('target', b'')):
            facts['target'] = 'what is not UTF-8'
        case Limit.EXACT_TIMES:
            facts['mtime'] //= 10 ** 9
