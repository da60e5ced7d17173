# SPDX-License-Identifier: Apache-2.0
"""Sentences of a report: what of an operation could not be done in full."""

from manila_backup.drivers import base
from manila_backup.fs import errnos
from manila_backup.fs import errors

# What is kept in the manifest, and never set on what is stored.
_IN_MANIFEST = frozenset((b'x:*flags', b'x:*project'))


def kind(exc):
    """Return the class of an error while reading a backup: DamagedBackup if
    something is missing, of another type or lost by the disk; DriverError if
    privileges are missing or the cause may pass.

    :param exc: the OSError.
    """
    return (base.DamagedBackup
            if errnos.meaning(exc).reading is errnos.Of.DAMAGE
            else base.DriverError)


def parted(path, first, where):
    """A sentence about a hard link that could not be one.

    :param path: bytes, its path.
    :param first: bytes, that of the file it was one of.
    :param where: str, such as ``backup``.
    """
    return (f'"{errors.printable(path)}" is a copy in the {where}, not a hard '
            f'link of "{errors.printable(first)}": the file system allows no '
            'more hard links to one file.')


class Problems:
    """Entries that could not be carried over, as sentences; bounded.

    :ivar missing: int, as in a :class:`~manila_backup.drivers.base.Report`.
    """

    def __init__(self):
        self.sentences = []
        self.count = self.missing = 0

    def add(self, sentence, missing=False):
        self.count += 1
        self.missing += bool(missing)
        if len(self.sentences) < base.MAX_PROBLEMS:
            self.sentences.append(sentence)

    def lost(self, path, lost):
        """Tell what the repository or the share can't hold of an entry.

        :param path: bytes.
        :param lost: list of bytes, as in the manifest's ``lost=``.
        """
        # What of a directory is not known was said when it was found.
        lost = [item for item in lost
                if item not in _IN_MANIFEST and item != b'entries']
        if not lost or lost == [b'mode']:
            # Only more rights to its owner in the repository; a restore
            # gives it the mode that it had.
            return
        said = ', '.join(_said(item) for item in lost)
        self.add(f'"{errors.printable(path)}": could not keep its {said}.')

    def said(self):
        """All of it, for :meth:`merge`."""
        return self.sentences, self.count, self.missing

    def merge(self, sentences, count, missing=0):
        room = base.MAX_PROBLEMS - len(self.sentences)
        self.sentences.extend(sentences[:max(room, 0)])
        self.count += count
        self.missing += missing


def _said(item):
    if item == b'x:*room':
        return 'space allocated beyond its end'
    if item == b'x:*':
        return 'extended attributes'
    if item.startswith(b'x:'):
        return f'extended attribute {item[2:].decode()}'
    return {b'owner': 'owner and group', b'mode': 'mode',
            b'time': 'exact modification time',
            b'flags': 'immutable or append-only flag',
            b'*flags': 'inode flags', b'*project': 'project id',
            b'layout': 'holes, or the room that is allocated to it',
            b'node': 'node (it is recorded in the manifest only)',
            }[item]
