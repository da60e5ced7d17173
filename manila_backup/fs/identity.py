# SPDX-License-Identifier: Apache-2.0
"""Identity of a directory, which tells it from all others, also after a
restart of the machine.

An identity has two parts, both strings:

``system``
    The file system. The number of its device (``st_dev``) won't do: it
    depends on the order in which disks are found, and for btrfs, NFS, FUSE
    and all others without a disk of their own on the order of the mounts. In
    its place, the first of these that there is:

    * the UUID that is in the file system: btrfs and xfs are asked for it;
    * ``f_fsid`` of statfs(2), where that is made of what is in the file
      system, which is so for those in ``_BY_FSID`` (of others it is the
      number of the device again, or zero);
    * for a tmpfs, which ends with its mount, the number of the device;
    * the type and what is mounted (``nfs:server:/export``), as
      /proc/self/mountinfo has it.

``inode``
    The inode's number, which stays what it is when the directory is renamed;
    on btrfs, with the number of the subvolume before it, since each has
    inodes of its own.

Which of these there are must not depend on the kernel's version, or a newer
kernel would make strangers of all directories: hence no FS_IOC_GETFSUUID
(Linux 6.9), and no file handles, which also change with mount options. A
number that is used again, after the directory was removed, can't be told
from the one before; whoever removed it could have changed all that was in it
just as well.
"""

import fcntl
import os
import re
import struct
import uuid

from manila_backup.fs import btrfs
from manila_backup.fs import mount_table

#: The keys of an identity.
SYSTEM, INODE = 'system', 'inode'

_BY_FSID = frozenset(('ext2', 'ext3', 'ext4', 'zfs', 'ceph', 'bcachefs',
                      'ocfs2'))

_PASSING = frozenset(('tmpfs', 'ramfs'))

# XFS_IOC_FSGEOMETRY, as all kernels know it; where in it the UUID is.
_XFS_GEOMETRY, _XFS_SIZE = 0x8070587c, 112
_XFS_UUID = struct.Struct('=64x16s')


def of(fd):
    """The identity of an open directory.

    :returns: dict of str to str, which JSON can hold.
    :raises OSError: it can't be told.
    """
    st = os.fstat(fd)
    kind, source = _mount(fd)
    inode = str(st.st_ino)
    if kind == 'btrfs':
        system = f'uuid:{uuid.UUID(bytes=btrfs.uuid_of(fd))}'
        inode = f'{btrfs.number_of(fd)}:{inode}'
    elif kind == 'xfs':
        system = f'uuid:{_xfs_uuid(fd)}'
    elif kind in _BY_FSID and os.fstatvfs(fd).f_fsid:
        system = f'fsid:{os.fstatvfs(fd).f_fsid:016x}'
    elif kind is None or kind in _PASSING:
        system = (f'device:{os.major(st.st_dev)}:{os.minor(st.st_dev)}')
    else:
        system = f'{kind}:{source}'
    return {SYSTEM: system, INODE: inode}


def _xfs_uuid(fd):
    args = bytearray(_XFS_SIZE)
    fcntl.ioctl(fd, _XFS_GEOMETRY, args)
    return uuid.UUID(bytes=_XFS_UUID.unpack_from(args)[0])


def _mount(fd):
    """The mount that an open file was opened through.

    :returns: (str, the type of its file system; str, what is mounted); both
        None if it is mounted nowhere that this process could see.
    """
    with open(f'/proc/self/fdinfo/{fd}') as info:
        number = re.search(r'^mnt_id:\s*(\d+)', info.read(), re.M)[1]
    for each in mount_table.mounted():
        if each.number == int(number):
            # The same server may be asked by either.
            kind = 'nfs' if each.kind == 'nfs4' else each.kind
            return kind, each.source.encode(
                errors='backslashreplace').decode()
    return None, None
