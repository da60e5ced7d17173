# SPDX-License-Identifier: Apache-2.0
"""Reasons why a backup lacks something of an entry of its share: a closed
list.
"""

import enum


class WarningCode(str, enum.Enum):
    """A code, as repositories and the API have it, and its sentence.

    :ivar is_stored: bool, whether the backup has the entry.
    """

    sentence: str
    is_stored: bool

    def __new__(cls, code: str, is_stored: bool,
                sentence: str) -> 'WarningCode':
        made = str.__new__(cls, code)
        made._value_ = code
        made.is_stored = is_stored
        made.sentence = sentence
        return made

    def __str__(self) -> str:
        return str(self.value)

    CHANGING = 'changing', False, (
        'It was being written to all the time, and is not in the backup.')
    UNREADABLE = 'unreadable', False, (
        'It could not be read, and is not in the backup.')
    NOT_STORABLE = 'not_storable', False, (
        'The place where backups are kept can\'t hold it, or not under its '
        'name. It is not in the backup.')
    TOO_SPARSE = 'too_sparse', False, (
        'It has more holes than can be stored, and is not in the backup.')
    MOUNTED = 'mounted', False, (
        'Another file system was mounted there, which is no part of the '
        'share. It is not in the backup.')
    PARTIAL = 'partial', True, (
        'Not all that was in this directory is in the backup: it could not be '
        'listed to its end, or another file system was mounted on it.')
    TORN = 'torn', True, (
        'It was written to while it was read: the backup may have a part of '
        'it from before that, and a part from after it.')
    PROPERTIES = 'properties', True, (
        'Some of its properties could not be kept.')
    HARD_LINK = 'hard_link', True, (
        'It is a copy in the backup, and no hard link of another file.')
    NO_SNAPSHOT = 'no_snapshot', True, (
        'There could be no snapshot of the share, so the backup was made '
        'from the share itself.')


def known(code: str) -> WarningCode:
    """Return a code from a repository; one of a later release counts as lost
    properties.

    :param code: str.
    """
    for each in WarningCode:
        if each == code:
            return each
    return WarningCode.PROPERTIES
