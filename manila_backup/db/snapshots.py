# SPDX-License-Identifier: Apache-2.0
"""Queries about snapshots of local shares."""

import sqlalchemy as sa

from manila_backup.db import listing
from manila_backup.db import models
from manila_backup.db import rows

TABLE = models.snapshots


def get(conn, snapshot_id, project_id=None):
    """The snapshot's row, or None; see :func:`rows.get`."""
    return rows.get(conn, TABLE, snapshot_id, project_id)


def list_page(conn, project_id=None, filters=None, sort_key='created_at',
              descending=True, limit=None, offset=0, marker=None):
    """A page of snapshots.

    :param project_id: str, or None for those of all projects.
    :param filters: dict, see :func:`listing.conditions`.
    :returns: list of rows.
    """
    query = sa.select(TABLE).where(*listing.owned(TABLE, project_id, filters))
    return conn.execute(listing.page(query, TABLE, sort_key, descending,
                                     limit, offset, marker)).all()


def count_all(conn, project_id=None, filters=None):
    """Count the snapshots on all pages of :func:`list_page`."""
    return rows.count(conn, TABLE, *listing.owned(TABLE, project_id, filters))
