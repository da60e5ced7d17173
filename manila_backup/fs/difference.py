# SPDX-License-Identifier: Apache-2.0
"""Differences between an entry and what there is of it. A verification must
find none; of a restore, they are the plan.

:func:`in_shape` comes first: the others take what it has found none in.
"""

import os
import stat

from manila_backup.fs import content
from manila_backup.fs import dirent

#: One of the differences in attributes.
MODE = 'mode'


def in_shape(entry, directory, name, st):
    """Find what, but for content, only making it anew can change.

    :param directory: int, descriptor of where it is; ``name`` its name there.
    :param st: os.stat_result of it; None if there is nothing.
    :returns: str, to go after "is"; None if there is no such difference.
    """
    if st is None:
        return 'missing'
    kind = entry.kind
    if stat.S_IFMT(st.st_mode) != dirent.TYPES[kind]:
        return 'of another type'
    if kind == b'F' and st.st_size != entry.size:
        return 'of another size'
    if kind == b'L' and os.readlink(name, dir_fd=directory) != entry.extra:
        return 'a link to something else'
    if kind in b'CB' and st.st_rdev != entry.extra:
        return 'another device'
    return None


def in_content(entry, fd, tick):
    """Read a regular file.

    :param fd: int, descriptor of it.
    :param tick: called with numbers of bytes read.
    :returns: as :func:`in_shape`.
    """
    try:
        if content.digest(fd, entry.size, entry.extra, tick) != entry.extra:
            return 'damaged: its digest is wrong'
    except content.Changed:
        return 'of another size'
    return None


def in_attributes(entry, st, xattrs, lost=(), inherited=()):
    """Compare owner, mode, modification time and extended attributes.

    :param st: os.stat_result of what there is.
    :param xattrs: those that it has, as of :func:`~.attributes.read_xattrs`.
    :param lost: what does not count, as in :attr:`.Entry.lost`.
    :param inherited: tuple of str; attributes whose names begin so may be
        there besides.
    :returns: list of str, the names of what differs.
    """
    found = []
    if (st.st_uid != entry.uid or st.st_gid != entry.gid) and (
            b'owner' not in lost):
        found.append('owner')
    if stat.S_IMODE(st.st_mode) != entry.mode and entry.kind != b'L' and (
            b'mode' not in lost):
        found.append(MODE)
    if st.st_mtime_ns != entry.mtime and b'time' not in lost:
        found.append('modification time')
    wanted = entry.xattrs
    if wanted and lost:
        wanted = tuple(item for item in wanted
                       if b'x:' + os.fsencode(item[0]) not in lost)
    if xattrs != wanted and wanted != tuple(
            item for item in xattrs
            if item in wanted or not item[0].startswith(inherited)):
        found.append('extended attributes')
    return found
