# SPDX-License-Identifier: Apache-2.0
"""Reasons that anybody may read: a closed list.

Why something was not done is told in full to administrators only: there are
paths and names of hosts in it. Whom it belongs to gets one of these codes,
which programs can go by, and its sentence.
"""

import enum


class StatusCode(str, enum.Enum):
    """A code, as the database and the API have it, and its sentence."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> 'StatusCode':
        made = str.__new__(cls, code)
        made._value_ = code
        made.sentence = sentence
        return made

    def __str__(self) -> str:
        return str(self.value)

    CANCELLED = 'cancelled', 'It was cancelled.'
    RESET = 'reset', 'An administrator ended it by setting a status.'
    INCOMPLETE = 'incomplete', (
        'Some entries are missing in the backup, or not whole.')
    NOT_ALL_RESTORED = 'not_all_restored', (
        'Some entries of the backup could not be restored; all others were.')
    NO_SUCH_FILE = 'no_such_file', (
        'The backup has no file or directory of that path. Nothing was '
        'restored.')
    FILES_EXIST = 'files_exist', (
        'The share has something else of that name already. Nothing was '
        'restored.')
    DAMAGED = 'damaged', (
        'The backup is damaged: its content is not what was stored.')
    NO_SPACE = 'no_space', 'There was not enough free space.'
    SHARE_GONE = 'share_gone', 'The share does not exist any more.'
    SHARE_UNAVAILABLE = 'share_unavailable', 'The share could not be reached.'
    REPOSITORY_UNAVAILABLE = 'repository_unavailable', (
        'The place where backups are kept could not be reached.')
    NO_DRIVER = 'no_driver', 'No worker has the backup\'s driver.'
    WORKER_LOST = 'worker_lost', (
        'Each attempt at it ended unexpectedly.')
    FAILED = 'failed', (
        'It failed; an administrator can find out why.')


def sentence(code: str | None) -> str | None:
    """Return the sentence of a code; None for one of another release, and for
    None.

    :param code: str, as the database has it.
    """
    for known in StatusCode:
        if known == code:
            return known.sentence
    return None
