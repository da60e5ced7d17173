# SPDX-License-Identifier: Apache-2.0
"""Limit of the space that a backup may take beside the share's content: for
its manifest, and for scratch files while it is made."""

from manila_backup import exception
from manila_backup import wording

#: Bytes that any backup may take.
FREE = 64 << 20


class Budget:
    """So much for each entry.

    :param per_entry: int, bytes; 0 for no limit.
    """

    def __init__(self, per_entry):
        self.per_entry = per_entry

    def check(self, size, entries, hint=''):
        """Make sure that something is not too large.

        :param size: int, bytes.
        :param entries: int, of the backup.
        :param hint: str, a sentence to go after what is said.
        :raises StorageFailed: it is too large.
        """
        if self.per_entry and size > FREE + entries * self.per_entry:
            raise exception.StorageFailed(
                f'The backup was stopped: the names and attributes of '
                f'{wording.entries(entries)} take more than '
                f'{self.per_entry} bytes each, the limit set by [posix] '
                f'bytes_per_entry. Paths or extended attributes in the share '
                f'are unusually long.{hint}')
