# SPDX-License-Identifier: Apache-2.0
"""File systems mounted inside a directory.

The mounts that a process sees are in ``/proc/self/mountinfo``, with the number
of the mount that each is on; so bind mounts of a share's own file system are
told from it, and subvolumes of btrfs, which have device numbers of their own,
are not taken for mounts.
"""

import os

from manila_backup.fs import errors
from manila_backup.fs import mount_table
from manila_backup.fs import syscalls


def inside(root):
    """List the mount points below a directory, but none below another.

    :param root: int, descriptor of the directory, opened by its path.
    :returns: sorted list of paths relative to it, as bytes.
    """
    try:
        here = os.readlink(f'/proc/self/fd/{root}')
        mount = syscalls.mount_id(root)
    except OSError:
        return []
    start = os.path.join(here, '')
    return sorted(os.fsencode(each.path[len(start):])
                  for each in mount_table.mounted()
                  if each.parent == mount and each.path.startswith(start))


def left_out(path, is_directory=True):
    """A sentence that a backup does not hold what is mounted somewhere.

    :param path: bytes, relative to the share.
    """
    what = 'what is in that' if is_directory else 'it'
    return (f'"{errors.printable(path)}" has another file system mounted on '
            f'it: {what} is not in the backup.')
