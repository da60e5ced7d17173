# SPDX-License-Identifier: Apache-2.0
"""Keeping a share from being deleted while a backup of it is made or
restored, and telling its owner about it."""

from manila_backup.shares.manila import client
from manila_backup.shares.manila import ownership


def begin(manila, share, job):
    """Lock a share, and say in its metadata what goes on. Doing so again
    does nothing.

    :param share: dict, as Manila showed it.
    :raises ShareError: it can't be.
    """
    state = 'backup_creating' if job.read_only else 'backup_restoring'
    reason = (f'{state}: share backup {job.backup_id} '
              f'({ownership.of(job)})')
    mine = ownership.Mine(job)
    if manila.has(client.LOCKS) and not any(
            mine(each.get('lock_reason'))
            for each in manila.locks(share['id'])):
        # Manila has one action of a share that can be locked: it is also
        # that of putting it away for deletion, and of letting go of it.
        manila.lock('share', share['id'], 'delete', reason)
    if not mine(share['metadata'].get(ownership.KEY)):
        manila.set_metadata(share['id'], **{ownership.KEY: reason})
