# SPDX-License-Identifier: Apache-2.0
"""Making a snapshot of a share. Its row begins as
:attr:`SnapshotCreate.begun`."""

import typing

import sqlalchemy as sa

from manila_backup.db import operations as db_operations
from manila_backup.db import rows
from manila_backup.engine.tasks import base
from manila_backup.engine.tasks import refusals
from manila_backup import exception
from manila_backup import states


def begin(share: base.Row) -> None:
    """Make sure that a snapshot of a share can be made.

    :param share: its row, locked: a backup that is asked for now sees the
        snapshot or comes first.
    """
    if share.status != states.Share.AVAILABLE:
        raise exception.InvalidState(
            refusals.of_share(share.id, share.status))


class SnapshotCreate(base.SnapshotTask):

    begun = states.Snapshot.CREATING
    error = states.Snapshot.ERROR

    def work(self) -> base.Call:
        return self.tools.source.create_snapshot, (
            self.ref, self.snapshot_id, self.operation.attempt)

    def discard(self) -> None:
        # Of an attempt that was cancelled, or failed.
        if self.share is not None:
            self.tools.source.discard_snapshot(
                self.ref, self.snapshot_id, attempt=self.operation.attempt)

    def succeeded(self, conn: sa.Connection, result: typing.Any) -> None:
        self._set_snapshot(conn, states.Snapshot.AVAILABLE)
        # Snapshots have no record of their own: this is where operators
        # look.
        rows.update(conn, db_operations.TABLE, self.operation.id,
                    {'error': base.problems(result)})
