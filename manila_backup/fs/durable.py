# SPDX-License-Identifier: Apache-2.0
"""File systems of which syncfs(2) is not enough for what was written to last.

Of one in user space (FUSE), the kernel has no request for it: the program
behind it is not told, and what that has in its memory is lost when it dies.
ceph-fuse has content and attributes there for some seconds. So each file and
directory is synced by itself.

A client of CephFS or SMB in the kernel drops what it has not sent once its
servers have thrown it out.
"""

import os

from manila_backup.fs import syscalls

_FUSE = 0x65735546
_CEPH, _CIFS, _SMB2 = 0x00c36400, 0xff534d42, 0xfe534d42


def needs_each(fd):
    """Tell whether a file system has to be told to keep each file.

    :param fd: int, descriptor of anything on it.
    """
    return syscalls.system_type(fd) == _FUSE


def keep(fd):
    """Have an open file or directory kept, where syncfs does not do that.

    :raises OSError: it can't be.
    """
    if needs_each(fd):
        os.fsync(fd)


def can_drop(fd):
    """Tell whether a file system may have lost what a process wrote to it and
    did not sync, although the host has been up since.

    :param fd: int, descriptor of anything on it.
    """
    return syscalls.system_type(fd) in (_FUSE, _CEPH, _CIFS, _SMB2)
