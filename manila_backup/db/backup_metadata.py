# SPDX-License-Identifier: Apache-2.0
"""Queries about the metadata of share backups.

Who changes it holds the backup's row. Keys neither begin nor end with a space:
MariaDB takes those that differ by one for the same.
"""

import sqlalchemy as sa

from manila_backup.db import listing
from manila_backup.db import models

TABLE = models.share_backup_metadata

#: Backups in one statement.
_BATCH = 500


def of_backups(conn, ids):
    """Read the metadata of some backups.

    :param ids: list of str.
    :returns: dict of id to dict of str to str; a backup without any is not in
        it.
    """
    found = {}
    for begin in range(0, len(ids), _BATCH):
        for row in conn.execute(
                sa.select(TABLE)
                .where(TABLE.c.backup_id.in_(ids[begin:begin + _BATCH]))
                .order_by(TABLE.c.backup_id, TABLE.c.key)):
            found.setdefault(row.backup_id, {})[row.key] = row.value
    return found


def of_backup(conn, backup_id):
    """Read the metadata of a backup, as a dict of str to str."""
    return of_backups(conn, [backup_id]).get(backup_id, {})


def with_key(conn, ids, key):
    """Find those of some backups whose metadata has a key, as set of their
    ids."""
    return {id_ for begin in range(0, len(ids), _BATCH)
            for id_ in conn.execute(sa.select(TABLE.c.backup_id).where(
                TABLE.c.backup_id.in_(ids[begin:begin + _BATCH]),
                TABLE.c.key == key)).scalars()}


def replace(conn, backup_id, metadata):
    """Give a backup this metadata and no other.

    :param metadata: dict of str to str.
    """
    there = of_backup(conn, backup_id)
    for key in sorted(there.keys() | metadata.keys()):
        value = metadata.get(key)
        if value is None:
            conn.execute(sa.delete(TABLE).where(*_item(backup_id, key)))
        elif key not in there:
            conn.execute(sa.insert(TABLE).values(backup_id=backup_id, key=key,
                                                 value=value))
        elif value != there[key]:
            conn.execute(sa.update(TABLE).where(*_item(backup_id, key))
                         .values(value=value))


def has(backup_ids, metadata):
    """WHERE conditions: a backup has each of these items.

    :param backup_ids: the column with the backup's id.
    :param metadata: dict of str to str.
    """
    for key, value in metadata.items():
        yield sa.exists().where(TABLE.c.backup_id == backup_ids,
                                listing.is_text(TABLE.c.key, key),
                                listing.is_text(TABLE.c.value, value))


def _item(backup_id, key):
    return TABLE.c.backup_id == backup_id, TABLE.c.key == key
