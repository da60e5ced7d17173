# SPDX-License-Identifier: Apache-2.0
"""Letting requests about snapshots of the local source's shares in."""

from oslo_utils import uuidutils

from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import quotas as db_quotas
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup.db import usage
from manila_backup import exception
from manila_backup import states

_Snapshot = states.Snapshot


class SnapshotAdmission:
    """The requests about snapshots; see :class:`manila_backup.requests.
    backups.Admission`, which is the one to make."""

    def create_snapshot(self, context, share_id, name=None,
                        description=None):
        """Have a snapshot of a share made.

        :returns: the snapshot's row.
        """
        ids = uuidutils.generate_uuid(), uuidutils.generate_uuid()
        row = self._database.write(
            self._create_snapshot, context, ids, share_id,
            dict(name=name, description=description))
        self._caller.queued(context, ids[1],
                            states.Kind.SNAPSHOT_CREATE)
        return row

    def _create_snapshot(self, conn, context, ids, share_id, values):
        snapshot_id, operation_id = ids
        share = self._get_share(conn, context, share_id)
        db_quotas.lock(conn, share.project_id)
        # Locked: a backup that is asked for now sees the snapshot or comes
        # first.
        share = rows.get(conn, models.shares, share.id, lock=True)
        if share is None:
            raise exception.NotFound('Share', share_id)
        if share.status != states.Share.AVAILABLE:
            raise exception.InvalidState(
                f'Share {share_id} is {share.status}; for a snapshot it '
                f'must be available.')
        count, size = usage.of_table(conn, models.snapshots,
                                     share.project_id)
        self._check_quota(conn, share.project_id, snapshots=(count, 1),
                          snapshot_gigabytes=(size, share.size))
        rows.insert(conn, models.snapshots, id=snapshot_id,
                    project_id=share.project_id, user_id=context.user_id,
                    share_id=share.id, size=share.size,
                    share_proto=share.share_proto,
                    status=_Snapshot.CREATING, **values)
        self._queue(conn, context, operation_id,
                    states.Kind.SNAPSHOT_CREATE, share,
                    snapshot_id=snapshot_id)
        return rows.get(conn, models.snapshots, snapshot_id)

    def update_snapshot(self, context, snapshot_id, values):
        """Change a snapshot's name or description.

        :returns: the snapshot's row.
        """
        return self._database.write(self._update_snapshot, context,
                                    snapshot_id, values)

    def _update_snapshot(self, conn, context, snapshot_id, values):
        self._get_snapshot(conn, context, snapshot_id)
        if values:
            rows.update(conn, models.snapshots, snapshot_id, values)
        return self._get_snapshot(conn, context, snapshot_id)

    def delete_snapshot(self, context, snapshot_id, force=False):
        """Have a snapshot removed.

        :param force: bool, True to do so whatever its status, as
            administrators may, unless a worker is busy with it.
        """
        operation_id = uuidutils.generate_uuid()
        self._database.write(self._delete_snapshot, context, operation_id,
                             snapshot_id, force)
        self._caller.queued(context, operation_id,
                            states.Kind.SNAPSHOT_DELETE)

    def _delete_snapshot(self, conn, context, operation_id, snapshot_id,
                         force):
        snapshot = self._get_snapshot(conn, context, snapshot_id)
        # An operation is locked before what it is about: locking.ORDER.
        live = db_operations.live_of_snapshot(conn, snapshot.share_id,
                                              snapshot_id)
        if force and not live:
            rows.update(conn, models.snapshots, snapshot_id,
                        {'status': _Snapshot.ERROR}, status=snapshot.status)
            snapshot = self._get_snapshot(conn, context, snapshot_id)
        expected = states.sources(_Snapshot.DELETING)
        if snapshot.status not in expected:
            raise exception.InvalidState(
                f'Share snapshot {snapshot_id} is {snapshot.status}; to be '
                f'deleted it must be {" or ".join(expected)}.')
        if not rows.update(conn, models.snapshots, snapshot_id,
                           {'status': _Snapshot.DELETING}, status=expected):
            raise exception.Conflict(
                f'Share snapshot {snapshot_id} is being changed by another '
                f'request.')
        # An administrator may have set its status.
        if live and not db_operations.cancel(conn, live) or any(
                each.status not in states.OVER for each in
                db_operations.of_snapshot(conn, snapshot.share_id,
                                          snapshot_id)):
            raise exception.Conflict(
                f'Something is still being done to share snapshot '
                f'{snapshot_id}.')
        self._queue(conn, context, operation_id,
                    states.Kind.SNAPSHOT_DELETE,
                    db_shares.get(conn, snapshot.share_id),
                    snapshot_id=snapshot_id)

    def reset_snapshot_status(self, context, snapshot_id, status):
        """Set a snapshot's status, calling off its being made.

        :param status: str, any status of a snapshot.
        """
        if status not in [str(each) for each in _Snapshot]:
            raise exception.InvalidInput(
                f'status can be one of {", ".join(map(str, _Snapshot))}.')
        cancelled = self._database.write(self._reset_snapshot_status,
                                         context, snapshot_id, status)
        if cancelled:
            self._caller.cancelled(context, cancelled)

    def _reset_snapshot_status(self, conn, context, snapshot_id, status):
        """The id of an operation that a worker has to be told about, or
        None."""
        snapshot = self._get_snapshot(conn, context, snapshot_id)
        live = db_operations.live_of_snapshot(conn, snapshot.share_id,
                                              snapshot_id)
        told = None
        if live and live.kind == states.Kind.SNAPSHOT_CREATE and (
                not db_operations.cancel(conn, live)):
            told = live.id
        rows.update(conn, models.snapshots, snapshot_id, {'status': status})
        return told

    def _get_snapshot(self, conn, context, snapshot_id):
        snapshot = rows.get(conn, models.snapshots, snapshot_id,
                            self._scope(context))
        if snapshot is None:
            raise exception.NotFound('Share snapshot', snapshot_id)
        return snapshot
