# SPDX-License-Identifier: Apache-2.0
"""Making a share. Its row begins as :attr:`ShareCreate.begun`."""

import typing

import sqlalchemy as sa

from manila_backup.db import places as db_places
from manila_backup.engine.tasks import base
from manila_backup import states


class ShareCreate(base.ShareTask):

    begun = states.Share.CREATING
    error = states.Share.ERROR

    def work(self) -> base.Call:
        return self.tools.source.create, (self.ref,)

    def succeeded(self, conn: sa.Connection, result: typing.Any) -> None:
        # Two attempts may both have got to making it: the first counts.
        db_places.note_share(conn, self.share.id, result)
        base.set_share(conn, self.operation, states.Share.AVAILABLE,
                       self.begun)
