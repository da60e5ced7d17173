# SPDX-License-Identifier: Apache-2.0
"""Messages for users about what went wrong: every action and every detail that
there is, as data.

The numbers are Manila's where Manila has one for it; those from 901 on are
this service's own.
"""

import enum


class Numbered(enum.Enum):
    """A number, as text, and what it says.

    :ivar id: str.
    :ivar text: str.
    """

    def __init__(self, id_: str, text: str) -> None:
        self.id = id_
        self.text = text

    @classmethod
    def text_of(cls, id_: str) -> str:
        """Return what a number says; nothing for one of another release."""
        return next((each.text for each in cls if each.id == id_), '')


class Action(Numbered):
    """Something that was asked for."""

    CREATE = '002', 'create'
    DELETE = '007', 'delete'
    RESTORE_BACKUP = '028', 'restore share backup'
    VERIFY_BACKUP = '901', 'verify share backup'


class Detail(Numbered):
    """Something that became of it, and what to do."""

    NOT_MADE = '901', (
        'The backup could not be made, and nothing is stored of it. Delete '
        'it, and create another one. Contact your administrator if that '
        'fails as well.')
    INCOMPLETE = '902', (
        'The backup was made, but something in the share could not be stored, '
        'or not in full, such as a file that was changed all the time. Its '
        'warnings say what: "openstack share backup warning list".')
    NOTHING_RESTORED = '903', (
        'The backup could not be restored. The share was not changed. Contact '
        'your administrator if that fails again.')
    PARTLY_RESTORED = '904', (
        'The backup could not be restored, and the share may have been '
        'changed. Restore a backup to it again. Contact your administrator '
        'if that fails as well.')
    RESTORED_INCOMPLETELY = '905', (
        'The backup was restored, but something in it could not be written to '
        'the share, or not in full. Contact your administrator to learn what '
        'it was.')
    PATHS_NOT_RESTORED = '908', (
        'Not all of the chosen files could be restored. The others were, and '
        'the share can be used as before. Contact your administrator to '
        'learn which ones are missing.')
    NOT_DELETED = '906', (
        'The backup could not be deleted. Delete it again. Contact your '
        'administrator if that fails as well.')
    INCOMPLETE_IS_ERROR = '907', (
        'Something in the share could not be stored, or not in full, such as '
        'a file that was changed all the time, and so the backup counts as '
        'failed. Its warnings say what: "openstack share backup warning '
        'list". Delete it, and create another one. What there is of it is '
        'kept until then: contact your administrator if you need it.')

    DAMAGED = '909', (
        'The backup is damaged: its content is not what was stored, and it '
        'can\'t be restored. Create another one: nothing of this one is '
        'reused for it.')


#: What messages can be about.
SHARE_BACKUP = 'SHARE_BACKUP'

#: The only level that there is.
ERROR = 'ERROR'


def text(action_id: str, detail_id: str) -> str:
    """Return a message's text."""
    return f'{Action.text_of(action_id)}: {Detail.text_of(detail_id)}'
