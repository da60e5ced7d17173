# SPDX-License-Identifier: Apache-2.0
"""Requests about the metadata of share backups. They are done with the commit:
no worker has a part in them."""

from manila_backup.db import backup_metadata
from manila_backup.db import backups as db_backups
from manila_backup.db import rows
from manila_backup.db import sqltime
from manila_backup import exception

#: Items that a backup can have.
MOST = 128


class BackupMetadata:
    """See :class:`manila_backup.requests.admission.Admission`."""

    def __init__(self, database):
        self._database = database

    def set(self, context, backup_id, metadata, replace=False):
        """Set items of a backup's metadata.

        :param metadata: dict of str to str.
        :param replace: bool, whether to remove the others.
        :returns: dict, all of it.
        """
        def write(conn):
            _hold(conn, context, backup_id)
            found = {} if replace else backup_metadata.of_backup(conn,
                                                                 backup_id)
            found.update(metadata)
            if len(found) > MOST:
                raise exception.InvalidInput(
                    f'A share backup can have {MOST} items of metadata; this '
                    f'would make {len(found)}.')
            backup_metadata.replace(conn, backup_id, found)
            return found

        return self._database.write(write)

    def delete(self, context, backup_id, key):
        """Remove an item of a backup's metadata."""
        def write(conn):
            _hold(conn, context, backup_id)
            found = backup_metadata.of_backup(conn, backup_id)
            if key not in found:
                raise exception.NotFound('Share backup metadata', key)
            del found[key]
            backup_metadata.replace(conn, backup_id, found)

        self._database.write(write)


def _hold(conn, context, backup_id):
    """Keep others from changing a backup's metadata until the commit. The row
    is written, for Galera to see who else does."""
    if not (db_backups.get(conn, backup_id, context.scope) and rows.update(
            conn, db_backups.TABLE, backup_id,
            {'updated_at': sqltime.utcnow()})):
        raise exception.NotFound('Share backup', backup_id)
