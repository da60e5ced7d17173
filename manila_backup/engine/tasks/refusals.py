# SPDX-License-Identifier: Apache-2.0
"""Sentences for whoever asks for what a status does not allow: what goes on,
and what to do."""

from manila_backup import states

_WAIT = 'Try again when that has ended.'
_RESET = 'Have an administrator find out why, and reset its status.'

#: Status of a share to what goes on and what to do.
_SHARES: dict[str, tuple[str, str]] = {
    states.Share.BACKUP_CREATING: ('a backup of it is being made', _WAIT),
    states.Share.BACKUP_RESTORING: (
        'a backup is being restored to it', _WAIT),
    states.Share.BACKUP_RESTORING_ERROR: (
        'the last restore to it failed and may have changed it',
        'Restore a backup to it first.'),
    states.Share.ERROR: ('it can\'t be used', _RESET),
    states.Share.MANAGE_ERROR: (
        'its directory could not be adopted',
        'Delete or unmanage it, and manage it again.'),
    states.Share.ERROR_DELETING: (
        'it could not be deleted', 'Try to delete it again.'),
}

_BACKUPS: dict[str, tuple[str, str]] = {
    states.Backup.CREATING: ('it is still being made', _WAIT),
    states.Backup.RESTORING: ('it is being restored', _WAIT),
    states.Backup.DELETING: ('it is being deleted',
                             'Nothing else can be done with it.'),
    states.Backup.ERROR: (
        'it could not be made, or was found damaged',
        'The only thing that can be done with it is to delete it.'),
    states.Backup.ERROR_DELETING: (
        'it could not be deleted', 'Try to delete it again.'),
}

_SNAPSHOTS: dict[str, tuple[str, str]] = {
    states.Snapshot.CREATING: ('it is still being made', _WAIT),
    states.Snapshot.DELETING: ('it is being deleted already', _WAIT),
}

_OTHERWISE = 'that is not possible then', 'It has to be available.'


def of_share(share_id: str, status: str) -> str:
    """Return the sentences for a share in a status that forbids something."""
    if status in states.SHARE_CHANGING:
        return _said('Share', share_id, status, 'it is being changed', _WAIT)
    return _said('Share', share_id, status, *_SHARES.get(status, _OTHERWISE))


def of_backup(backup_id: str, status: str) -> str:
    """Return the sentences for a backup in such a status."""
    return _said('Share backup', backup_id, status,
                 *_BACKUPS.get(status, _OTHERWISE))


def of_snapshot(snapshot_id: str, status: str) -> str:
    """Return the sentences for a snapshot in such a status."""
    return _said('Share snapshot', snapshot_id, status,
                 *_SNAPSHOTS.get(status, _OTHERWISE))


def _said(what: str, id_: str, status: str, why: str, advice: str) -> str:
    return f'{what} {id_} is {status}: {why}. {advice}'
