# SPDX-License-Identifier: Apache-2.0
"""Queries about what is to be verified: backups that are available."""

import datetime

import sqlalchemy as sa

from manila_backup.db import clock
from manila_backup.db import models
from manila_backup import states

TABLE = models.share_backups

_COLUMNS = (TABLE.c.id, TABLE.c.project_id, TABLE.c.share_id,
            TABLE.c.backup_type, TABLE.c.status, TABLE.c.size,
            TABLE.c.content_bytes)

_IS_AVAILABLE = TABLE.c.status == str(states.Backup.AVAILABLE)
_NEVER = TABLE.c.verified_at.is_(None)


def due(conn, backup_types, seconds, never, limit, offset):
    """List backups that are to be verified, as rows.

    :param backup_types: list of str, the drivers that they may be of.
    :param seconds: float, how long ago a verification is too long ago.
    :param never: bool, True for those that never were, the newest first;
        False for those of which it is too long ago, the longest first.
    :param limit: int, the most rows; ``offset``: how many to leave out.
    """
    if never:
        condition = _NEVER
        order = TABLE.c.created_at.desc(), TABLE.c.id.desc()
    else:
        condition = _is_long_ago(conn, seconds)
        order = TABLE.c.verified_at, TABLE.c.created_at, TABLE.c.id
    return conn.execute(
        sa.select(*_COLUMNS).where(
            _IS_AVAILABLE, condition, TABLE.c.backup_type.in_(backup_types))
        .order_by(*order).limit(limit).offset(offset)).all()


def is_due(conn, backup_id, seconds):
    """Tell whether a backup still is to be verified."""
    return conn.execute(sa.select(TABLE.c.id).where(
        TABLE.c.id == backup_id, _IS_AVAILABLE,
        sa.or_(_NEVER, _is_long_ago(conn, seconds)))).first() is not None


def _is_long_ago(conn, seconds):
    return TABLE.c.verified_at < (
        clock.now(conn) - datetime.timedelta(seconds=seconds))
