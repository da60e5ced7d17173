# SPDX-License-Identifier: Apache-2.0
"""Requests about share types. They are done with the commit: no worker has a
part in them."""

from oslo_db import exception as db_exc
from oslo_utils import uuidutils

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup import exception


class ShareTypes:
    """The requests about share types.

    :param database: a :class:`manila_backup.db.engine.Database`.
    """

    def __init__(self, database):
        self._database = database

    def create(self, values):
        """Make a share type.

        :param values: dict with ``name`` and perhaps ``description``,
            ``is_public`` and ``extra_specs`` (dict of str to str).
        :returns: the type's row.
        """
        id_ = uuidutils.generate_uuid()
        try:
            self._database.write(rows.insert, models.share_types, id=id_,
                                 **values)
        except db_exc.DBDuplicateEntry as exc:
            raise exception.Conflict(
                f'There is already a share type {values["name"]}.') from exc
        return self._database.read(rows.get, models.share_types, id_)

    def update(self, type_id, values):
        """Change a share type; ``extra_specs`` in ``values`` replaces all.

        :returns: the type's row.
        """
        def write(conn):
            _get(conn, type_id)
            if values:
                rows.update(conn, models.share_types, type_id, values)
            return _get(conn, type_id)

        return self._database.write(write)

    def delete(self, type_id):
        """Remove a share type that no share is of."""
        def write(conn):
            _get(conn, type_id)
            try:
                rows.delete(conn, models.share_types, type_id)
            except db_exc.DBReferenceError as exc:
                raise exception.InvalidInput(
                    f'Share type {type_id} is in use.') from exc

        self._database.write(write)


def _get(conn, type_id):
    share_type = rows.get(conn, models.share_types, type_id)
    if share_type is None:
        raise exception.NotFound('Share type', type_id)
    return share_type
