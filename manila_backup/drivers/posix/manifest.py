# SPDX-License-Identifier: Apache-2.0
"""Lines of a manifest other than entries: repository-format.rst, in code.
Entries are in :mod:`manila_backup.fs.dirent`."""

from manila_backup.fs import dirent

NAME = 'manifest'

# Entries, and bytes of content, that make a block worth its handling.
BLOCK_ENTRIES = 128
BLOCK_BYTES = 8 << 20


def is_unstored(text):
    """Tell whether an entry's line is all that the backup has of it. Its name
    or target may look like such a mark."""
    fields = text.rstrip(b'\n').split(b' ')
    return (len(fields) > dirent.FIELDS.get(fields[0], 2)
            and fields[-1].startswith(b'lost=')
            and b'node' in fields[-1][5:].split(b','))


#: Why nothing of an entry is stored, as a word in its line and in words.
CHANGING, UNREADABLE, MOUNTED, TOO_MUCH = (
    b'changing', b'unreadable', b'mounted', b'toomuch')

_WHY = {CHANGING: 'it was being written to',
        UNREADABLE: 'it could not be read',
        MOUNTED: 'another file system was mounted there',
        TOO_MUCH: 'the repository could not hold it'}


def unstored_line(name, why=CHANGING):
    """The line of an entry of which nothing is stored."""
    text = b'U %b 0' % dirent.quote(name)
    return text + (b'\n' if why == CHANGING else b' why=%b\n' % why)


def unstored(text):
    """Such a line's name, and why it is one: "... at the time"."""
    fields = text.rstrip().split(b' ')
    why = fields[3].partition(b'=')[2] if len(fields) > 3 else CHANGING
    return dirent.checked_name(fields[1]), _WHY.get(why, _WHY[UNREADABLE])


def link_name(text):
    """The name of an ``H`` line, and whether it is stored."""
    fields = text.split(b' ')
    return dirent.checked_name(fields[1]), len(fields) < 3
