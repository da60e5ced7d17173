# SPDX-License-Identifier: Apache-2.0
"""Choice of what to restore, where to, and what to do with what is there."""

import dataclasses
import enum
import itertools
import re

from manila_backup.fs import handles
from manila_backup.fs import name_keys

#: What a restore of paths counts entries as.
COUNTS = 'created', 'replaced', 'renamed', 'unchanged', 'skipped'

_LONGEST = 255

# The end of a name that says of which kind a file is.
_ENDING = re.compile(rb'\.[A-Za-z0-9]{1,10}\Z')


class Conflict(str, enum.Enum):
    """Handling of what has the place of an entry, and is not the same."""

    FAIL = 'fail'               # nothing is restored at all
    SKIP = 'skip'               # what is there stays
    OVERWRITE = 'overwrite'     # what is there goes, unless it is a directory
    KEEP_BOTH = 'keep_both'     # the entry gets another name

    def __str__(self) -> str:
        return str(self.value)


@dataclasses.dataclass(frozen=True)
class Selection:
    """Choice of what to restore.

    :ivar paths: tuple of bytes, paths below the share's root, which may be
        among them.
    :ivar target: bytes, path of the directory of the share below which they
        are restored, with all of their paths; None for where they were.
    :ivar conflict: a :class:`Conflict`.
    :ivar token: str, what names of temporary entries have in them.
    """

    paths: tuple[bytes, ...]
    target: bytes | None = None
    conflict: Conflict = Conflict.FAIL
    token: str = ''

    @property
    def base(self) -> bytes:
        """Path of the directory that stands for the share's root."""
        return handles.ROOT if self.target is None else self.target

    @property
    def workplace(self) -> bytes:
        """Name, in the share's root, of the directory in which entries are
        made before they get their own names."""
        return name_keys.TEMPORARY + b'restore-' + self.token.encode()

    def topmost(self) -> list[bytes]:
        """List the paths that are not below another one, sorted."""
        found: list[bytes] = []
        for path in sorted(set(self.paths), key=lambda each: (
                each != handles.ROOT, each.split(b'/'))):
            if not found or not is_below(path, found[-1]):
                found.append(path)
        return found


def is_below(path: bytes, other: bytes) -> bool:
    """Tell whether a path is another one, or leads through it."""
    return (other in (handles.ROOT, path)
            or path.startswith(other + b'/'))


def others(name: bytes) -> 'itertools.chain[bytes]':
    """Iterate over names to give to an entry whose own is taken: a few of
    them."""
    return itertools.chain((_marked(name, b'.restored'),), (
        _marked(name, b'.restored-%d' % number)
        for number in range(2, 1000)))


def _marked(name: bytes, mark: bytes) -> bytes:
    ending = _ENDING.search(name, 1)
    end = ending[0] if ending else b''
    stem = name[:len(name) - len(end)]
    room = _LONGEST - len(mark) - len(end)
    if len(stem) > room:
        stem = stem[:room]
        # Not in the middle of a character.
        stem = stem.decode('utf-8', 'ignore').encode() or stem
    return stem + mark + end
