# SPDX-License-Identifier: Apache-2.0
"""Requests about access rules of the local source's shares. They are done with
the commit: no worker has a part in them."""

from oslo_db import exception as db_exc
from oslo_utils import uuidutils

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup import exception
from manila_backup.requests import common


class AccessRules:
    """The requests about access rules.

    :param database: a :class:`manila_backup.db.engine.Database`.
    """

    def __init__(self, database):
        self._database = database

    def allow(self, context, share_id, access_type, access_to,
              access_level='rw'):
        """Note who may mount a share. Nobody enforces it here: a local
        share is a directory, exported or not by whoever runs the host.

        :returns: the rule's row.
        """
        id_ = uuidutils.generate_uuid()

        def write(conn):
            share = common.get_share(conn, context, share_id)
            rows.insert(conn, models.access_rules, id=id_, share_id=share.id,
                        access_type=access_type, access_to=access_to,
                        access_level=access_level, state='active')
            return rows.get(conn, models.access_rules, id_)

        try:
            return self._database.write(write)
        except db_exc.DBDuplicateEntry as exc:
            raise exception.InvalidInput(
                f'Share {share_id} already has an access rule for '
                f'{access_type} {access_to}.') from exc

    def deny(self, context, share_id, access_id):
        """Remove an access rule of a share."""
        def write(conn):
            share = common.get_share(conn, context, share_id)
            if not rows.delete(conn, models.access_rules, access_id,
                               share_id=share.id):
                raise exception.NotFound('Share access rule', access_id)

        self._database.write(write)
