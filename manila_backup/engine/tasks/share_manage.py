# SPDX-License-Identifier: Apache-2.0
"""Adopting a directory as a share. Its row begins as
:attr:`ShareManage.begun`."""

from manila_backup.engine.tasks import base
from manila_backup.engine.tasks import share_create
from manila_backup import states


class ShareManage(share_create.ShareCreate):

    begun = states.Share.MANAGE_STARTING
    error = states.Share.MANAGE_ERROR

    def work(self) -> base.Call:
        return self.tools.source.adopt, (self.ref,)
