# SPDX-License-Identifier: Apache-2.0
"""Queries about who may mount local shares."""

import sqlalchemy as sa

from manila_backup.db import models

TABLE = models.access_rules


def get(conn, access_id, project_id=None):
    """An access rule, with the ``project_id`` of its share, or None.

    :param project_id: str to find it only in that project.
    """
    query = _WITH_PROJECT.where(TABLE.c.id == access_id)
    if project_id is not None:
        query = query.where(models.shares.c.project_id == project_id)
    return conn.execute(query).first()


def list_of_share(conn, share_id):
    """The access rules of a share, oldest first, as a list of rows."""
    return conn.execute(
        sa.select(TABLE).where(TABLE.c.share_id == share_id)
        .order_by(TABLE.c.created_at, TABLE.c.id)).all()


_WITH_PROJECT = sa.select(
    TABLE, models.shares.c.project_id).join(models.shares)
