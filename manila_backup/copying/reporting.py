# SPDX-License-Identifier: Apache-2.0
"""Reports of operations, and sentences about what of one could not be done in
full.
"""

import dataclasses
import typing

from manila_backup import exception
from manila_backup.fs import errnos
from manila_backup.fs import errors

# What is kept in the manifest, and never set on what is stored.
_IN_MANIFEST = frozenset((b'x:*flags', b'x:*project'))


def kind(exc):
    """Return the class of an error while reading a backup: DamagedBackup if
    something is missing, of another type or lost by the disk; StorageFailed if
    privileges are missing or the cause may pass.

    :param exc: the OSError.
    """
    return (exception.DamagedBackup
            if errnos.meaning(exc).reading is errnos.Of.DAMAGE
            else exception.StorageFailed)


def parted(path, first, where,
           why='the file system allows no more hard links to one file'):
    """A sentence about a hard link that could not be one.

    :param path: bytes, its path.
    :param first: bytes, that of the file it was one of.
    :param where: str, such as ``backup``.
    :param why: str, the reason.
    """
    return (f'"{errors.printable(path)}" is a copy in the {where}, not a hard '
            f'link of "{errors.printable(first)}": {why}.')


MAX_PROBLEMS = 100

#: The most memory that the notes of a backup take, in bytes, and how much of
#: it each takes beside its path, which may have hundreds of kilobytes.
MAX_NOTE_BYTES, NOTE_BYTES = 64 << 20, 256


# What is kept to a number of operations a second: calls of the file systems,
# on the side on which more of them are made.

#: Calls that an entry takes which is copied, compared, or given another name.
COPIED, COMPARED, LINKED = 4, 3, 1


class Counted:
    """Count of the bytes of one file, as progress that may have to be taken
    back.

    :ivar count: int, so far.
    """

    def __init__(self, progress):
        self._progress = progress
        self.count = 0

    def __call__(self, count):
        """Count more of them."""
        self.count += count
        self._progress.advance(0, count, 1)

    def take_back(self):
        """Have none of them counted."""
        self._progress.advance(0, -self.count)


@dataclasses.dataclass(frozen=True)
class Result:
    """Result of an operation of a driver.

    :ivar files: number of directory entries handled, of every kind.
    :ivar bytes: sum of their apparent sizes, in bytes.
    :ivar stored_bytes: bytes of file content that were really written; of a
        backup, what it has added to the repository.
    :ivar problems: sentences, a file each, about what could not be carried
        over in full (an extended attribute the filesystem can't hold, a file
        that would not hold still); at most :data:`MAX_PROBLEMS`.
    :ivar problem_count: how many there were in all.
    :ivar missing: int, how many of them are about entries of which what was
        written lacks the content, or has another: of a backup, one that the
        entry never had in the share as a whole. All else was done. None if
        that is not known, of a backup that an earlier release has made.
    :ivar taken_at: str, of a backup: when reading the share began, in ISO
        8601; None if the driver does not tell.
    :ivar record: dict, of a backup that an earlier attempt has published: the
        record that it was given; None otherwise.
    :ivar damages: int, of a restore of paths: how many of what is missing is
        so because the backup is damaged there.
    :ivar restored: dict, of such a restore: how many entries were
        ``created``, ``replaced``, ``renamed``, ``unchanged`` and ``skipped``.
    :ivar point_in_time: str, added by whoever knows what the driver read: a
        :class:`manila_backup.states.PointInTime`.
    """

    files: int = 0
    bytes: int = 0
    stored_bytes: int = 0
    problems: tuple[str, ...] = ()
    problem_count: int = 0
    missing: int | None = 0
    taken_at: str | None = None
    record: dict[str, typing.Any] | None = None
    damages: int = 0
    restored: dict[str, int] | None = None
    point_in_time: str | None = None


def missing_of(totals: dict[str, typing.Any]) -> int | None:
    """Return how many entries a backup lacks, by what its repository has of
    it; None if that was not recorded.

    :param totals: dict with ``problem_count``, and with ``missing`` unless an
        earlier release has made it.
    """
    return totals.get('missing', None if totals['problem_count'] else 0)


class Problems:
    """Entries that could not be carried over, as sentences; bounded.

    :ivar missing: int, as in a :class:`Result`.
    :ivar notes: list of notes, see :mod:`.warnings`.
    :ivar are_cut: bool, whether there would be more notes.
    """

    def __init__(self):
        self.sentences = []
        self.notes = []
        self._noted = 0
        self.are_cut = False
        self.count = self.missing = 0

    def add(self, sentence, missing=False, note=None):
        """Take one.

        :param missing: bool, whether it is about an entry that is missing, or
            not whole.
        :param note: list, its :func:`.warnings.note`, if nothing else that is
            kept tells of it.
        """
        self.count += 1
        if note:
            self.take_notes([note])
        self.missing += bool(missing)
        if len(self.sentences) < MAX_PROBLEMS:
            self.sentences.append(sentence)

    def lost(self, path, lost, stored=False):
        """Tell what the repository or the share can't hold of an entry.

        :param path: bytes.
        :param lost: list of bytes, as in the manifest's ``lost=``.
        :param stored: bool, whether it is the repository.
        """
        # What of a directory is not known was said when it was found.
        lost = [item for item in lost
                if item not in _IN_MANIFEST and item != b'entries']
        if not lost or stored and lost == [b'mode']:
            # Only more rights to its owner there; a restore gives it the
            # mode that it had.
            return
        said = ', '.join(_said(item) for item in lost)
        self.add(f'"{errors.printable(path)}": could not keep its {said}.')

    def unmade(self, path, is_link):
        """Tell that nothing could be made in the share for an entry that is
        neither a file nor a directory.

        :param path: bytes.
        :param is_link: bool, whether it is a symbolic link: any user may make
            those, so it is missing. A device may not be wanted at all.
        """
        self.add(f'"{errors.printable(path)}" could not be made in the share: '
                 'its file system can\'t hold it, or does not allow it.',
                 is_link)

    def take_notes(self, notes, are_cut=False):
        """Add notes of others."""
        for each in notes:
            self._noted += len(each[0]) + NOTE_BYTES
            if self._noted > MAX_NOTE_BYTES:
                are_cut = True
                break
            self.notes.append(each)
        self.are_cut |= are_cut

    def include(self, other):
        """Add all of others.

        :param other: :class:`Problems`.
        """
        self.merge(*other.said())
        self.take_notes(other.notes, other.are_cut)

    def said(self):
        """All of it, for :meth:`merge`."""
        return self.sentences, self.count, self.missing

    def merge(self, sentences, count, missing=0):
        room = MAX_PROBLEMS - len(self.sentences)
        self.sentences.extend(sentences[:max(room, 0)])
        self.count += count
        self.missing += missing


def _said(item):
    if item == b'x:*room':
        return 'space allocated beyond its end'
    if item == b'x:*':
        return 'extended attributes'
    if item.startswith(b'x:'):
        return f'extended attribute {errors.printable(item[2:])}'
    return {b'owner': 'owner and group', b'mode': 'mode',
            b'time': 'exact modification time',
            b'flags': 'immutable or append-only flag',
            b'*flags': 'inode flags', b'*project': 'project id',
            b'layout': 'holes, or the room that is allocated to it',
            b'node': 'node (it is recorded in the manifest only)',
            }[item]
