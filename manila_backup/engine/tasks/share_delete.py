# SPDX-License-Identifier: Apache-2.0
"""Removing a share and all that is in it."""

import typing

import sqlalchemy as sa

from manila_backup.db import shares as db_shares
from manila_backup.db import transitions
from manila_backup.engine.tasks import base
from manila_backup.engine.tasks import preconditions
from manila_backup import exception
from manila_backup import states


def begin(conn: sa.Connection, share: base.Row) -> None:
    """Claim a share to be removed."""
    preconditions.claim_share(conn, share, ShareDelete.begun,
                              busy=exception.Forbidden)
    preconditions.check_no_dependants(conn, share, 'deleted')


class ShareDelete(base.ShareTask):

    #: ``keep``: the directory never became a share.
    options = frozenset(('keep',))

    begun = states.Share.DELETING
    error = states.Share.ERROR_DELETING

    def work(self) -> base.Call:
        if self.share.status != self.begun:
            raise exception.WorkFailed(
                f'Share {self.share.id} is {self.share.status}, so it is not '
                f'removed.')
        if (self.operation.options or {}).get('keep'):
            return self.tools.source.leave, (self.ref,)
        return self.tools.source.remove, (self.ref,)

    def succeeded(self, conn: sa.Connection, result: typing.Any) -> None:
        transitions.remove(conn, db_shares.TABLE, self.share.id)
