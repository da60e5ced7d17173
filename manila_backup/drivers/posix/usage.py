# SPDX-License-Identifier: Apache-2.0
"""How much room a backup takes that no other backup takes with it."""

import array
import os

from manila_backup.drivers.posix import beneath
from manila_backup.drivers.posix import scan

_BLOCK = 512        # st_blocks counts these, whatever the filesystem


def unique_bytes(repository, directory, check):
    """Bytes of the blocks that the removal of a backup would free.

    A file with several names counts if all of them are in the backup. Blocks
    that files share with others by reflink can't be told from their own.

    :param repository: an open :class:`~.layout.Repository`.
    :param directory: int, descriptor of the backup's directory.
    :param check: called now and then.
    """
    total = os.fstat(directory).st_blocks
    # Three numbers for each name of a file that has several: the backup of
    # a share that hardly changes may have nothing else.
    linked = array.array('Q')
    scratch = beneath.scratch()
    descent = beneath.Descent(directory)
    try:
        queue = scan.Queue(scan.Spool(scratch))
        path = beneath.ROOT
        while path is not None:
            with os.scandir(descent.enter(path)) as entries:
                for entry in entries:
                    st = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        queue.put(beneath.join(path,
                                               os.fsencode(entry.name)))
                    elif st.st_nlink > 1:
                        linked.extend((st.st_ino, st.st_nlink, st.st_blocks))
                        continue
                    total += st.st_blocks
            check()
            path = queue.get()
    finally:
        descent.close()
        os.close(scratch)
    return (total + _whole_groups(linked)) * _BLOCK


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
