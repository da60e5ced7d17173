# SPDX-License-Identifier: Apache-2.0
"""Queries about what directories were when they were noted."""

import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup import states

TABLE = models.places
_SHARES = models.shares

# What a share is only if its directory was made.
_THERE = [str(each) for each in (
    states.Share.AVAILABLE, states.Share.BACKUP_CREATING,
    states.Share.BACKUP_RESTORING, states.Share.BACKUP_RESTORING_ERROR)]

#: The directory that holds the shares of the local source.
ROOT = 'local_shares'


def identity(conn, name):
    """Read the recorded identity of a directory as a dict, or None."""
    return conn.execute(sa.select(TABLE.c.identity).where(
        TABLE.c.name == name)).scalar()


def note(conn, name, present):
    """Note what a place is, unless that was noted already.

    :param present: dict.
    :returns: dict, what is noted of it now.
    """
    noted = identity(conn, name)
    if noted is None and not rows.insert_once(conn, TABLE, name=name,
                                              identity=present):
        noted = identity(conn, name)
    return noted or present


def note_share(conn, share_id, present):
    """Record the identity of a share's directory.

    :returns: the share's row as it is now, or None.
    """
    conn.execute(sa.update(_SHARES).where(
        _SHARES.c.id == share_id, _SHARES.c.identity.is_(sa.null())
    ).values(identity=present))
    return rows.get(conn, _SHARES, share_id)


def known(conn, limit=1000):
    """Shares that should be in the directory that holds them.

    :returns: list of str, ids; some, if there are very many.
    """
    return list(conn.execute(
        sa.select(_SHARES.c.id).where(
            _SHARES.c.source == 'local', _SHARES.c.path.is_(None),
            _SHARES.c.status.in_(_THERE))
        .order_by(_SHARES.c.created_at, _SHARES.c.id).limit(limit)
    ).scalars())


def forget(conn, name):
    """Have a place noted anew when it is used next.

    :returns: bool, whether it was noted.
    """
    return conn.execute(sa.delete(TABLE).where(
        TABLE.c.name == name)).rowcount == 1


def forget_share(conn, share_id=None):
    """Forget the identity of the directory of a share, or of all.

    :param share_id: str, or None for all.
    :returns: int, how many shares of the local source there are of that.
    """
    conditions = [_SHARES.c.source == 'local']
    if share_id is not None:
        conditions.append(_SHARES.c.id == share_id)
    conn.execute(sa.update(_SHARES).where(*conditions).values(
        identity=sa.null()))
    return rows.count(conn, _SHARES, *conditions)
