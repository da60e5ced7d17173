# SPDX-License-Identifier: Apache-2.0
"""Queries about share backups."""

import sqlalchemy as sa

from manila_backup.db import backup_metadata
from manila_backup.db import counts
from manila_backup.db import listing
from manila_backup.db import models
from manila_backup.db import rows
from manila_backup import states

TABLE = models.share_backups


def get(conn, backup_id, project_id=None):
    """The backup's row, or None; see :func:`rows.get`."""
    return rows.get(conn, TABLE, backup_id, project_id)


def count_of_share(conn, share_id):
    """Count the backups of a share."""
    return rows.count(conn, TABLE, TABLE.c.share_id == share_id)


def statuses(conn, ids):
    """Read the statuses of some backups.

    :param ids: list of str, not too many for one statement.
    :returns: dict of id to status; what is not known is not in it.
    """
    return dict(conn.execute(sa.select(TABLE.c.id, TABLE.c.status).where(
        TABLE.c.id.in_(ids))).all())


def list_places(conn, project_id=None):
    """List the backups as rows: ``id``, ``project_id``, ``share_id``,
    ``backup_type``, ``status``.

    :param project_id: str, or None for those of all projects.
    """
    query = sa.select(TABLE.c.id, TABLE.c.project_id, TABLE.c.share_id,
                      TABLE.c.backup_type, TABLE.c.status)
    if project_id is not None:
        query = query.where(TABLE.c.project_id == project_id)
    return conn.execute(query.order_by(TABLE.c.created_at,
                                       TABLE.c.id)).all()


def any_stored(conn, backup_type):
    """Tell whether a driver must have a backup in its repository."""
    return conn.execute(sa.select(TABLE.c.id).where(
        TABLE.c.backup_type == backup_type,
        TABLE.c.status.in_([str(each) for each in states.STORED])
    ).limit(1)).first() is not None


def count_by_state(conn):
    """Count the backups, and sum up their sizes, by all that metrics tell
    them apart by: read in one go, however many there are.

    :returns: list of rows: ``status``, ``backup_type``, ``result``,
        ``verified_result``, ``count``, ``gigabytes`` (of their shares),
        ``stored_bytes`` (as far as known; null if of none), ``verified_at``
        (of the last one), ``looked_at`` (the first time at which one was
        verified last, or made if it never was).
    """
    by = (TABLE.c.status, TABLE.c.backup_type, TABLE.c.result,
          TABLE.c.verified_result)
    return conn.execute(sa.select(
        *by, sa.func.count().label('count'),
        sa.func.sum(TABLE.c.size).label('gigabytes'),
        counts.total(TABLE.c.stored_bytes).label('stored_bytes'),
        sa.func.max(TABLE.c.verified_at).label('verified_at'),
        sa.func.min(sa.func.coalesce(
            TABLE.c.verified_at, TABLE.c.completed_at, TABLE.c.created_at)
        ).label('looked_at'))
        .group_by(*by)).all()


def last_made(conn, limit):
    """Find when the last good backup of each project was made.

    :param limit: int, the most projects: those where that is longest ago.
    :returns: list of (project's id, datetime, int: how many projects have a
        good backup), the oldest first.
    """
    made = sa.func.max(sa.func.coalesce(TABLE.c.completed_at,
                                        TABLE.c.created_at))
    good = TABLE.c.status.in_([str(each) for each in states.STORED])
    return conn.execute(
        sa.select(TABLE.c.project_id, made, sa.func.count().over())
        .where(good).group_by(TABLE.c.project_id)
        .order_by(made, TABLE.c.project_id).limit(limit)).all()


def count_by_type(conn):
    """Count the backups of each driver, as a dict."""
    return dict(conn.execute(
        sa.select(TABLE.c.backup_type, sa.func.count())
        .group_by(TABLE.c.backup_type)).all())


#: Columns of lists: reading no more than is shown is worth it.
BRIEF = (TABLE.c.id, TABLE.c.name, TABLE.c.share_id, TABLE.c.status)
OF_HOST = (TABLE.c.host, TABLE.c.topic)
OF_FAILURE = (TABLE.c.fail_reason,)
#: What the extension adds.
CONTENTS = (
    TABLE.c.result, TABLE.c.entries, TABLE.c.content_bytes,
    TABLE.c.stored_bytes, TABLE.c.warning_count, TABLE.c.missing_count,
    TABLE.c.taken_at, TABLE.c.point_in_time, TABLE.c.completed_at,
    TABLE.c.requested_by, TABLE.c.user_id, TABLE.c.verified_at,
    TABLE.c.verified_result, TABLE.c.status_code, TABLE.c.policy_id,
    TABLE.c.rule_id, TABLE.c.due_at)
SHOWN = BRIEF + (
    TABLE.c.project_id, TABLE.c.size, TABLE.c.availability_zone,
    TABLE.c.description, TABLE.c.created_at, TABLE.c.updated_at,
    TABLE.c.progress, TABLE.c.restore_progress, TABLE.c.backup_type)


def list_page(conn, project_id=None, filters=None, columns=SHOWN,
              sort_key='created_at', descending=True, limit=None, offset=0,
              marker=None):
    """A page of backups.

    :param project_id: str, or None for those of all projects.
    :param filters: dict, see :func:`listing.conditions`; with ``metadata``, a
        dict of str to str that a backup must have in its own.
    :param columns: tuple of columns to read.
    :param sort_key: str, a column's name.
    :param limit: int, the most rows to return, or None for all.
    :param offset: int, how many rows to skip.
    :param marker: str, the id of the row before the first.
    :returns: list of rows.
    """
    query = sa.select(*columns).where(*_conditions(project_id, filters))
    return conn.execute(listing.page(query, TABLE, sort_key, descending,
                                     limit, offset, marker)).all()


def count_all(conn, project_id=None, filters=None):
    """Count the backups on all pages of :func:`list_page`."""
    return rows.count(conn, TABLE, *_conditions(project_id, filters))


def _conditions(project_id, filters):
    filters = dict(filters or {})
    metadata = filters.pop('metadata', {})
    yield from listing.owned(TABLE, project_id, filters)
    yield from backup_metadata.has(TABLE.c.id, metadata)
