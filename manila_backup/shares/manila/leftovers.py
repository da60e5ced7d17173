# SPDX-License-Identifier: Apache-2.0
"""Removing what attempts have made in Manila."""

import contextlib

from manila_backup.shares import base
from manila_backup.shares.manila import client
from manila_backup.shares.manila import ownership

# Manila is at it already.
_GOING = ('queued_to_deny', 'denying', 'deleting', 'deferred_deleting')
_ERROR_GOING = ('error_deleting', 'error_deferred_deleting')

# What can be deleted: whatever else it is, it first has to become that.
_AT_REST = ('available', 'error', 'inactive')


class Leftovers:
    """Residue of this service with an external share: access rules, snapshots,
    locks and shares.

    :param manila: a :class:`.client.Manila`.
    :param share_id: str; the share may be gone.
    :param which: a :class:`.ownership.Mine` or the like: what is meant.
    """

    def __init__(self, manila, share_id, which):
        self._manila = manila
        self._share_id = share_id
        self._which = which
        self._forced = set()

    def remove_uses(self, patience):
        """Revoke access, and remove snapshots and what was made of them.

        :param patience: a :class:`.waiting.Patience`.
        :raises ShareError: something stays.
        """
        patience.until(
            f'The removal of the resources for the backup of share '
            f'{self._share_id}', lambda: not any([
                *self._rules(patience), *self._snapshots(patience)]))

    def remove_rules(self, patience):
        """Revoke access.

        :raises ShareError: some stays.
        """
        patience.until(
            f'The removal of access rules of share {self._share_id}',
            lambda: not list(self._rules(patience)))

    def begin_removal(self, patience):
        """Have Manila remove snapshots and what was made of them, without
        waiting for that. What can't be stays."""
        with contextlib.suppress(base.ShareError):
            for _ in self._snapshots(patience):
                pass

    def remove_protection(self, patience):
        """Remove locks and metadata.

        :raises ShareError: something stays.
        """
        if self._manila.has(client.LOCKS):
            for lock in self._manila.locks(self._share_id):
                if self._which(lock.get('lock_reason')):
                    patience.check()
                    _unless_gone(self._manila.unlock, lock['id'])
        try:
            found = self._manila.share(self._share_id)['metadata']
        except client.Gone:
            return
        if self._which(found.get(ownership.KEY)):
            patience.check()
            _unless_gone(self._manila.delete_metadata, self._share_id,
                         ownership.KEY)

    # Each yields once for each thing that is still there.

    def _rules(self, patience):
        for rule in self._listed_rules():
            if self._which((rule.get('metadata') or {}).get(ownership.KEY)):
                if rule['state'] not in _GOING:
                    patience.check()
                    _unless_gone(self._manila.deny, self._share_id,
                                 rule['id'])
                yield True

    def _listed_rules(self):
        try:
            return self._manila.rules(self._share_id)
        except (client.Gone, client.Refused):
            # Of a share that is gone Manila says that the request is wrong.
            if _unless_gone(self._manila.share, self._share_id):
                raise
            return []

    def _snapshots(self, patience):
        for snapshot in self._manila.snapshots(self._share_id):
            if self._which(snapshot.get('name')):
                if not list(self._copies(patience, snapshot)):
                    self._delete_snapshot(patience, snapshot)
                yield True

    def _delete_snapshot(self, patience, snapshot):
        failed = snapshot['status'] in _ERROR_GOING
        if failed and snapshot['id'] in self._forced:
            raise base.ShareError(
                f'Snapshot {snapshot["id"]}, which was made for the backup '
                f'of share {self._share_id}, is {snapshot["status"]}: Manila '
                f'could not delete it.')
        if failed:
            self._forced.add(snapshot['id'])
        if failed or snapshot['status'] in _AT_REST:
            patience.check()
            _unless_gone(self._manila.delete_snapshot, snapshot['id'],
                         failed)

    def _copies(self, patience, snapshot):
        for copy in self._manila.copies(snapshot['id']):
            if not self._which(copy.get('name')):
                continue
            status = (_unless_gone(self._manila.share, copy['id'])
                      or {}).get('status')
            if status in _ERROR_GOING:
                raise base.ShareError(
                    f'Share {copy["id"]}, which was made for the backup of '
                    f'share {self._share_id}, is {status}: Manila could not '
                    f'delete it.')
            if status in _AT_REST:
                patience.check()
                _unless_gone(self._manila.delete_share, copy['id'])
            yield True


def _unless_gone(function, *args):
    try:
        return function(*args)
    except client.Gone:
        return None
