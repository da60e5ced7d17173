# SPDX-License-Identifier: Apache-2.0
"""Queries about the operations on backups, as callers see them."""

import sqlalchemy as sa

from manila_backup.db import listing
from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import sqltime
from manila_backup import states

TABLE = models.operations

#: Of other kinds of operations callers know nothing.
_SHOWN_KINDS = TABLE.c.kind.in_([str(kind) for kind in states.BACKUP_KINDS])

#: The columns that are shown, and ``now``: how far it is, is told of the same
#: instant.
_COLUMNS = (
    TABLE.c.id, TABLE.c.kind, TABLE.c.status, TABLE.c.project_id,
    TABLE.c.user_id, TABLE.c.request_id, TABLE.c.share_id, TABLE.c.backup_id,
    TABLE.c.attempt, TABLE.c.failures, TABLE.c.worker, TABLE.c.lease_until,
    TABLE.c.files_total, TABLE.c.files_done, TABLE.c.bytes_total,
    TABLE.c.bytes_done, TABLE.c.error, TABLE.c.status_code,
    TABLE.c.share_changed, TABLE.c.options, TABLE.c.created_at,
    TABLE.c.started_at, TABLE.c.attempt_started_at, TABLE.c.finished_at,
    sqltime.utcnow().label('now'))


def get(conn, operation_id, project_id=None):
    """The row of an operation on a backup, or None.

    :param project_id: str to find it only in that project.
    """
    query = sa.select(*_COLUMNS).where(TABLE.c.id == operation_id,
                                       *_conditions(project_id, {}))
    return conn.execute(query).first()


def lock(conn, operation_id, project_id=None):
    """All of an operation on a backup, locked, or None."""
    return conn.execute(
        sa.select(TABLE).where(TABLE.c.id == operation_id,
                               *_conditions(project_id, {}))
        .with_for_update()).first()


def is_being_cancelled(conn, backup_id):
    """Tell whether a worker has yet to end a cancelled operation on a
    backup."""
    return conn.execute(sa.select(sa.literal(1)).where(
        TABLE.c.backup_id == backup_id,
        TABLE.c.status == str(states.Operation.CANCELLING)
    ).with_for_update()).first() is not None


def list_page(conn, project_id=None, filters=None, since=None,
              sort_key='created_at', descending=True, limit=None, offset=0,
              marker=None):
    """A page of operations on backups.

    :param project_id: str, or None for those of all projects.
    :param filters: dict, see :func:`listing.conditions`.
    :param since: datetime; only those that were queued then or later.
    :param sort_key: str, a column's name.
    :param limit: int, the most rows to return, or None for all.
    :param offset: int, how many rows to skip.
    :param marker: str, the id of the row before the first.
    :returns: list of rows.
    """
    query = sa.select(*_COLUMNS).where(
        *_conditions(project_id, filters, since))
    return conn.execute(listing.page(query, TABLE, sort_key, descending,
                                     limit, offset, marker)).all()


def count_all(conn, project_id=None, filters=None, since=None):
    """Count the operations on all pages of :func:`list_page`."""
    return rows.count(conn, TABLE, *_conditions(project_id, filters, since))


def _conditions(project_id, filters, since=None):
    yield _SHOWN_KINDS
    yield from listing.owned(TABLE, project_id, filters)
    if since is not None:
        yield TABLE.c.created_at >= since
