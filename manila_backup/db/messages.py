# SPDX-License-Identifier: Apache-2.0
"""Queries about messages for users. Those that have expired are not found."""

from oslo_utils import uuidutils
import sqlalchemy as sa

from manila_backup.db import listing
from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import sqltime
from manila_backup import messages

TABLE = models.messages

#: The most that one transaction removes, so that none locks many for long.
BATCH = 1000


def add(conn, operation, action, detail, seconds):
    """Leave a message about the backup of an operation.

    :param operation: its row, or what has its ``project_id``, ``request_id``
        and ``backup_id``.
    :param action: a :class:`manila_backup.messages.Action`.
    :param detail: a :class:`manila_backup.messages.Detail`.
    :param seconds: float, how long to keep it.
    """
    rows.insert(conn, TABLE, id=uuidutils.generate_uuid(),
                project_id=operation.project_id,
                request_id=operation.request_id,
                resource_type=messages.SHARE_BACKUP,
                resource_id=operation.backup_id, action_id=action.id,
                detail_id=detail.id, message_level=messages.ERROR,
                expires_at=sqltime.utc_in(seconds))


def get(conn, message_id, project_id=None):
    """The message's row, or None; see :func:`rows.get`."""
    return conn.execute(sa.select(TABLE).where(
        TABLE.c.id == message_id, *_conditions(project_id, {}))).first()


def list_page(conn, project_id=None, filters=None, sort_key='created_at',
              descending=True, limit=None, offset=0, marker=None):
    """A page of messages; see :func:`.snapshots.list_page`.

    :param filters: dict, see :func:`listing.conditions`.
    """
    query = sa.select(TABLE).where(*_conditions(project_id, filters))
    return conn.execute(listing.page(query, TABLE, sort_key, descending,
                                     limit, offset, marker)).all()


def purge(conn):
    """Remove messages that have expired, up to :data:`BATCH`.

    :returns: int, how many.
    """
    expired = conn.execute(
        sa.select(TABLE.c.id).where(~_is_kept()).order_by(TABLE.c.id)
        .limit(BATCH)).scalars().all()
    if expired:
        conn.execute(sa.delete(TABLE).where(TABLE.c.id.in_(expired)))
    return len(expired)


def _is_kept():
    return TABLE.c.expires_at > sqltime.utcnow()


def _conditions(project_id, filters):
    yield _is_kept()
    yield from listing.owned(TABLE, project_id, filters)
