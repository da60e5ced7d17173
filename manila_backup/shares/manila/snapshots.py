# SPDX-License-Identifier: Apache-2.0
"""Shares as they were at one instant: Manila's snapshots, for the time that a
backup is copied from them."""

import dataclasses

from manila_backup.shares.manila import access
from manila_backup.shares.manila import client
from manila_backup.shares.manila import ownership


class Impossible(Exception):
    """There can be no snapshot.

    :param reason: str, a sentence; None if none was to be expected.
    """

    def __init__(self, reason=None):
        super().__init__(reason)
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class Mountable:
    """Export locations that can be mounted now, with their access key.

    :ivar exports: list of export locations.
    :ivar key: str, or None: what goes with the access to it.
    """

    exports: list
    key: str | None = None


def take(manila, share, grantee, job, patience):
    """Make a snapshot of a share, and have access to it.

    :param share: dict, as Manila showed it.
    :returns: a :class:`Mountable`.
    :raises Impossible: the share's type or Manila don't allow it, or it
        went wrong there.
    :raises ShareError: Manila can't be asked, or it took too long.
    """
    if not share.get('snapshot_support'):
        raise Impossible()
    mountable = share.get('mount_snapshot_support')
    if not mountable and not share.get('create_share_from_snapshot_support'):
        raise Impossible()
    try:
        snapshot = _made(manila, share, job, patience)
        if mountable:
            return _mountable(manila, snapshot, grantee, patience)
        return _copied(manila, share, snapshot, grantee, job, patience)
    except client.Refused as exc:
        raise Impossible(
            f'No snapshot of share {share["id"]} could be used. {exc}'
        ) from exc


def _made(manila, share, job, patience):
    name = ownership.of(job)
    found = [each for each in manila.snapshots(share['id'])
             if each.get('name') == name]
    if not found:
        patience.check()
        found = [manila.create_snapshot(
            share['id'], name, f'For share backup {job.backup_id}; it is '
                               f'removed once the backup is made.')]
    snapshot_id = found[0]['id']
    return patience.until(
        f'The snapshot {snapshot_id} of share {share["id"]}',
        lambda: _usable(manila.snapshot(snapshot_id),
                        f'The snapshot {snapshot_id} of share '
                        f'{share["id"]}'))


def _mountable(manila, snapshot, grantee, patience):
    access.to_snapshot(manila, snapshot['id'], grantee, patience)
    return Mountable(manila.snapshot_exports(snapshot['id']))


def _copied(manila, share, snapshot, grantee, job, patience):
    """A share made from the snapshot, which goes before it does."""
    name = ownership.of(job)
    found = [each for each in manila.copies(snapshot['id'])
             if each.get('name') == name]
    if not found:
        patience.check()
        found = [manila.create_copy(share, snapshot['id'], name)]
    copy_id = found[0]['id']
    what = f'The share {copy_id} made of a snapshot of share {share["id"]}'
    patience.until(what, lambda: _usable(manila.share(copy_id), what))
    key = access.to_share(manila, copy_id, grantee, job, patience)
    return Mountable(manila.exports(copy_id), key)


def _usable(found, what):
    status = found['status']
    if status.startswith('error'):
        raise Impossible(f'{what} could not be made: it is {status}.')
    return status == 'available' and found
