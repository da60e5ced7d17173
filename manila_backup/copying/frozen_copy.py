# SPDX-License-Identifier: Apache-2.0
"""One instant of a file that will not hold still: a clone of it, where the
share's filesystem shares blocks between files (xfs, btrfs)."""

import os
import stat
import typing

from manila_backup.fs import attributes
from manila_backup.fs import clones
from manila_backup.fs import dirent
from manila_backup.fs import inode_flags

_TRIES = 3


class Clone(typing.NamedTuple):
    """Copy of a file to read in its place.

    :ivar fd: int, an open file without a name: nobody sees it in the share,
        and it goes with this process.
    :ivar attributes: a :class:`~.dirent.Entry` with the attributes that the
        file had, and with the clone's inode and ctime: the next backup will
        not take it for unchanged.
    """

    fd: int
    attributes: dirent.Entry


def of(source, directories):
    """A clone of a file.

    :param source: int, descriptor of the file.
    :param directories: ints, descriptors of directories that may be on the
        same filesystem and written to.
    :returns: a :class:`Clone`, or None if there can be none.
    """
    for directory in directories:
        try:
            fd = os.open('.', os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600,
                         dir_fd=directory)
        except OSError:
            continue
        try:
            # Without copies on write, one can only be of such as it is.
            inode_flags.prepare(fd, inode_flags.read(source, None)[1])
            for _ in range(_TRIES):
                found = _attributes(source)
                clones.clone(source, fd)
                if found and _same(found, _attributes(source)):
                    st = os.fstat(fd)
                    return Clone(fd, found._replace(
                        ctime=st.st_ctime_ns, inode=st.st_ino))
        except OSError:
            pass
        os.close(fd)
    return None


def _attributes(fd):
    """An entry of an open file's attributes, or None if it is none."""
    st = os.fstat(fd)
    if not stat.S_ISREG(st.st_mode):
        return None
    return dirent.of_stat(b'F', b'', st,
                          xattrs=attributes.read_xattrs(fd))


def _same(one, other):
    """Tell whether mode, owner and extended attributes are unchanged."""
    return other is not None and (
        one.mode, one.uid, one.gid, one.xattrs) == (
        other.mode, other.uid, other.gid, other.xattrs)
