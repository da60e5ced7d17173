# SPDX-License-Identifier: Apache-2.0
"""Removing a snapshot."""

import typing

import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import transitions
from manila_backup.engine.tasks import base
from manila_backup.engine.tasks import refusals
from manila_backup import exception
from manila_backup import states


def begin(conn: sa.Connection, snapshot: base.Row,
          live: base.Row | None) -> None:
    """Claim a snapshot to be removed.

    :param live: the live operation on it, locked, or None.
    """
    if snapshot.status not in states.sources(SnapshotDelete.begun):
        raise exception.InvalidState(
            refusals.of_snapshot(snapshot.id, snapshot.status))
    if not transitions.change(conn, models.snapshots, snapshot.id,
                              SnapshotDelete.begun):
        raise conflict(snapshot)
    # An administrator may have set its status.
    if live and not db_operations.cancel(conn, live) or any(
            operation.status not in states.OVER for operation in
            db_operations.of_snapshot(conn, snapshot.share_id, snapshot.id)):
        raise exception.Conflict(
            f'An operation on share snapshot {snapshot.id} has not ended '
            f'yet.')


def conflict(snapshot: base.Row) -> exception.Conflict:
    """The error of a snapshot whose status is another one by now."""
    return exception.Conflict(
        f'Share snapshot {snapshot.id} is being changed by another request.')


class SnapshotDelete(base.SnapshotTask):

    # What is in the share has nothing to do with it.
    identifies = False
    begun = states.Snapshot.DELETING
    error = states.Snapshot.ERROR_DELETING

    def work(self) -> base.Call:
        return self.tools.source.remove_snapshot, (self.ref, self.snapshot_id)

    def succeeded(self, conn: sa.Connection, result: typing.Any) -> None:
        transitions.remove(conn, models.snapshots, self.snapshot_id)
