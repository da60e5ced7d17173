# SPDX-License-Identifier: Apache-2.0
"""Requests about snapshots of the local source's shares."""

from oslo_utils import uuidutils

from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import quotas as db_quotas
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup.db import transitions
from manila_backup.db import usage
from manila_backup.engine.tasks import snapshot_create
from manila_backup.engine.tasks import snapshot_delete
from manila_backup import exception
from manila_backup.requests import common
from manila_backup import states

_Snapshot = states.Snapshot


class Snapshots:
    """The requests about snapshots.

    :param conf: the configuration.
    :param database: a :class:`manila_backup.db.engine.Database`.
    :param caller: a :class:`manila_backup.bus.rpc.Caller`.
    """

    def __init__(self, conf, database, caller):
        self._conf = conf
        self._database = database
        self._caller = caller

    def create(self, context, share_id, name=None, description=None):
        """Have a snapshot of a share made.

        :returns: the snapshot's row.
        """
        snapshot_id = uuidutils.generate_uuid()
        operation_id = uuidutils.generate_uuid()

        def admit(conn):
            share = common.get_share(conn, context, share_id)
            db_quotas.lock(conn, share.project_id)
            share = rows.get(conn, models.shares, share.id, lock=True)
            if share is None:
                raise exception.NotFound('Share', share_id)
            snapshot_create.begin(share)
            count, size = usage.of_table(conn, models.snapshots,
                                         share.project_id)
            common.check_quota(conn, self._conf.quota, share.project_id,
                               snapshots=(count, 1),
                               snapshot_gigabytes=(size, share.size))
            transitions.create(
                conn, models.snapshots, snapshot_create.SnapshotCreate.begun,
                id=snapshot_id, project_id=share.project_id,
                user_id=context.user_id, share_id=share.id, size=share.size,
                share_proto=share.share_proto, name=name,
                description=description)
            common.queue(conn, context, operation_id,
                         states.Kind.SNAPSHOT_CREATE, share,
                         snapshot_id=snapshot_id)
            return rows.get(conn, models.snapshots, snapshot_id)

        snapshot = self._database.write(admit)
        self._caller.queued(context, operation_id,
                            states.Kind.SNAPSHOT_CREATE)
        return snapshot

    def update(self, context, snapshot_id, values):
        """Change a snapshot's name or description.

        :returns: the snapshot's row.
        """
        def write(conn):
            _get_snapshot(conn, context, snapshot_id)
            if values:
                rows.update(conn, models.snapshots, snapshot_id, values)
            return _get_snapshot(conn, context, snapshot_id)

        return self._database.write(write)

    def delete(self, context, snapshot_id, force=False):
        """Have a snapshot removed.

        :param force: bool, True to do so whatever its status, as
            administrators may, unless a worker is busy with it.
        """
        operation_id = uuidutils.generate_uuid()

        def admit(conn):
            snapshot = _get_snapshot(conn, context, snapshot_id)
            # An operation is locked before what it is about: locking.ORDER.
            live = db_operations.live_of_snapshot(conn, snapshot.share_id,
                                                  snapshot_id)
            if force and not live:
                transitions.override(
                    conn, models.snapshots, snapshot_id, _Snapshot.ERROR,
                    states.Override.FORCE_DELETE, snapshot.status)
                snapshot = _get_snapshot(conn, context, snapshot_id)
            snapshot_delete.begin(conn, snapshot, live)
            common.queue(conn, context, operation_id,
                         states.Kind.SNAPSHOT_DELETE,
                         db_shares.get(conn, snapshot.share_id),
                         snapshot_id=snapshot_id)

        self._database.write(admit)
        self._caller.queued(context, operation_id,
                            states.Kind.SNAPSHOT_DELETE)

    def reset_status(self, context, snapshot_id, status):
        """Set a snapshot's status, cancelling its being made.

        :param status: str, any status of a snapshot.
        """
        common.check_status(status, _Snapshot)
        cancelled = self._database.write(
            common.reset_status, models.snapshots, status,
            lambda conn: _get_snapshot(conn, context, snapshot_id), _cancel,
            snapshot_delete.conflict)
        if cancelled:
            self._caller.cancelled(context, cancelled)


def _cancel(conn, snapshot):
    """Cancel the making of a snapshot; see :func:`.common.reset_status`."""
    live = db_operations.live_of_snapshot(conn, snapshot.share_id,
                                          snapshot.id)
    if live and live.kind == states.Kind.SNAPSHOT_CREATE and (
            not db_operations.cancel(conn, live)):
        return live.id
    return None


def _get_snapshot(conn, context, snapshot_id):
    snapshot = rows.get(conn, models.snapshots, snapshot_id,
                        context.scope)
    if snapshot is None:
        raise exception.NotFound('Share snapshot', snapshot_id)
    return snapshot
