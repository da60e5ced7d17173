# SPDX-License-Identifier: Apache-2.0
"""One instant of a file that will not hold still: a clone of it, where the
share's filesystem shares blocks between files (xfs, btrfs)."""

import os
import stat

from manila_backup.drivers.posix import attributes
from manila_backup.drivers.posix import inode
from manila_backup.drivers.posix import manifest
from manila_backup.drivers.posix import reflink


def instead(source, directory):
    """Something to be read instead of a file.

    A clone has no name, so that nobody sees it in the share and it goes with
    this process, and it has the file's attributes. Its inode is another: the
    next backup will not take it for unchanged.

    :param source: int, descriptor of the file; closed if it is replaced.
    :param directory: int, of one on the same filesystem.
    :returns: int, descriptor of a clone, or ``source`` if there can be none
        that is like it in everything.
    """
    try:
        clone = os.open('.', os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600,
                        dir_fd=directory)
    except OSError:
        return source
    try:
        if _make_like(clone, source):
            source, clone = clone, source
    except OSError:
        pass
    finally:
        os.close(clone)
    return source


def _make_like(clone, source):
    """Whether it could be done."""
    st = os.fstat(source)
    if not stat.S_ISREG(st.st_mode):
        return False
    reflink.clone(source, clone)
    # Project ids, too, only if there are any.
    _, more = inode.read(source, inode.project(clone))
    entry = manifest.of_stat(b'F', b'', st, None, tuple(sorted(
        more + attributes.read_xattrs(source))))
    lost = attributes.Setter().apply(
        clone, entry, os.fstat(clone),
        had=attributes.read_like(clone, entry))
    now = os.fstat(source)
    return not lost and (st.st_mode, st.st_uid, st.st_gid) == (
        now.st_mode, now.st_uid, now.st_gid)
