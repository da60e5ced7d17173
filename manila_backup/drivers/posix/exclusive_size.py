# SPDX-License-Identifier: Apache-2.0
"""Exclusive size of a backup: the space that no other backup shares."""

import array
import os
import stat

from manila_backup.fs import clones
from manila_backup.fs import handles
from manila_backup.fs import walk

_BLOCK = 512        # st_blocks counts these, whatever the filesystem


def unique_bytes(repository, directory, check):
    """Bytes of the blocks that the removal of a backup would free.

    A file with several names counts if all of them are in the backup; blocks
    that it shares with others by reflink don't.

    :param repository: an open :class:`~.layout.Repository`.
    :param directory: int, descriptor of the backup's directory.
    :param check: called now and then.
    """
    total = os.fstat(directory).st_blocks
    # Three numbers for each name of a file that has several: the backup of
    # a share that hardly changes may have nothing else.
    linked = array.array('Q')
    reflinks = clones.is_supported(repository.fd)
    here = walk.Walk(directory)
    for _ in here:
        for entry in here.entries():
            st = entry.stat(follow_symlinks=False)
            blocks = st.st_blocks
            if reflinks and blocks and stat.S_ISREG(st.st_mode):
                blocks -= _shared(here.enter(), entry.name, st)
            if st.st_nlink > 1 and not stat.S_ISDIR(st.st_mode):
                linked.extend((st.st_ino, st.st_nlink, blocks))
            else:
                total += blocks
        check()
    return (total + _whole_groups(linked)) * _BLOCK


def _shared(directory, name, st):
    """Blocks of a file that others have too, as far as can be told."""
    try:
        fd = os.open(name, handles.READ, dir_fd=directory)
    except OSError:
        return 0
    try:
        found = clones.shared_bytes(fd, st.st_size) // _BLOCK
        return min(found, st.st_blocks)
    except OSError:
        return 0
    finally:
        os.close(fd)


def _whole_groups(linked):
    """Blocks of the files of which every name was seen."""
    order = sorted(range(0, len(linked), 3), key=linked.__getitem__)
    total = at = 0
    while at < len(order):
        first = order[at]
        end = at
        while end < len(order) and linked[order[end]] == linked[first]:
            end += 1
        if end - at == linked[first + 1]:
            total += linked[first + 2]
        at = end
    return total
