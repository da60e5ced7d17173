# SPDX-License-Identifier: Apache-2.0
"""Mounts that exist, and mounts that should."""

import dataclasses
import os
import re
import sys

_FSTAB = '/etc/fstab'


@dataclasses.dataclass(frozen=True)
class Mount:
    """One mount that this process can see.

    :ivar number: int, its number while it is there.
    :ivar parent: int, the number of the mount that it is on.
    :ivar path: str, where it is.
    :ivar kind: str, the type of its file system.
    :ivar source: str, what is mounted.
    """

    number: int
    parent: int
    path: str
    kind: str
    source: str


def mounted():
    """Iterate over all mounts."""
    with _opened('/proc/self/mountinfo') as lines:
        for line in lines:
            before, _, after = line.partition(' - ')
            fields = before.split(' ')
            kind, source = after.split(' ')[:2]
            yield Mount(int(fields[0]), int(fields[1]), _plain(fields[4]),
                        kind, _plain(source))


def below(fd):
    """The mounts below an open directory.

    :returns: list of str, paths.
    """
    inside = os.path.join(os.readlink(f'/proc/self/fd/{fd}'), '')
    return [each.path for each in mounted() if each.path.startswith(inside)]


def to_be_mounted():
    """list of str, the mount points that /etc/fstab names."""
    try:
        with _opened(_FSTAB) as lines:
            fields = [line.split() for line in lines
                      if not line.lstrip().startswith('#')]
    except OSError:
        return []
    return [_plain(each[1]) for each in fields
            if len(each) > 2 and each[1].startswith('/')]


def _opened(path):
    # As os.fsdecode has names, so that they can be compared; they may have
    # other ends of lines in them.
    return open(path, encoding=sys.getfilesystemencoding(),
                errors='surrogateescape', newline='\n')


def _plain(text):
    """A field without the escapes for what it can't hold."""
    return re.sub(r'\\([0-7]{3})', lambda octal: chr(int(octal[1], 8)), text)
