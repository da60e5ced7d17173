# SPDX-License-Identifier: Apache-2.0
"""The place of a snapshot in the history of a btrfs subvolume, so that a later
one tells what has changed since.

Generations only count forward, so all that changed after a snapshot has a
larger one: as long as it is the same subvolume, which its UUID tells, and the
same history. A file system whose disk was put back as a whole to what it was
before the snapshot comes to the same generation again, with other changes.
Therefore a mark, a random word, is written to the file system after each
snapshot: where it is still there, all that led up to it is as well.
"""

import contextlib
import dataclasses
import errno
import os

from manila_backup.fs import btrfs
from manila_backup.fs import handles

# Words that are kept at most.
_MOST = 64

_WORD = 16


@dataclasses.dataclass(frozen=True)
class Lineage:
    """Lineage of a snapshot.

    :ivar subvolume: str, UUID of what it is a snapshot of.
    :ivar generation: int, that in which it was made.
    :ivar mark: str, the word that was written afterwards.
    :ivar marks: frozenset of the words that were there before.
    """

    subvolume: str
    generation: int
    mark: str
    marks: frozenset = frozenset()

    def continues(self, subvolume, mark):
        """Tell whether the snapshot is a later one of the same subvolume.

        :param subvolume: what the earlier one's lineage had; so is ``mark``.
        """
        return subvolume == self.subvolume and mark in self.marks


def leave_mark(snapshot, folder, name):
    """Leave the mark of a snapshot that has just been made.

    :param snapshot: int, descriptor of a directory in it.
    :param folder: int, of a directory to which nobody else can write.
    :param name: str, of the file with the marks in there.
    :returns: a :class:`Lineage`.
    :raises OSError: it can't be left; EXDEV if that is another file system.
    """
    found = btrfs.subvolume_of(snapshot)
    if btrfs.uuid_of(snapshot) != btrfs.uuid_of(folder):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    words = _read(folder, name)
    mark = os.urandom(_WORD).hex()
    _write(folder, name, [*words, mark][-_MOST:])
    return Lineage(found.origin, found.created, mark, frozenset(words))


def _read(folder, name):
    try:
        fd = os.open(name, handles.READ, dir_fd=folder)
    except FileNotFoundError:
        return []
    with open(fd, encoding='ascii', errors='replace') as file:
        return file.read((_MOST + 1) * (2 * _WORD + 1)).split()


def _write(folder, name, words):
    new = f'.new.{name}'
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new, dir_fd=folder)
    with open(os.open(new, handles.CREATE, 0o600, dir_fd=folder), 'w') as file:
        file.write(''.join(f'{word}\n' for word in words))
        file.flush()
        os.fsync(file.fileno())
    os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)
