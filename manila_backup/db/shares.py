# SPDX-License-Identifier: Apache-2.0
"""Queries about shares, their types, snapshots and access rules."""

import hashlib
import os

import sqlalchemy as sa

from manila_backup.db import listing
from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import texts
from manila_backup.db import transitions
from manila_backup import states

TABLE = models.shares


def get(conn, share_id, project_id=None):
    """The share's row, or None; see :func:`rows.get`."""
    return rows.get(conn, TABLE, share_id, project_id)


def lock(conn, share_ids, project_id):
    """Rows of shares of a project, held against other writers until the
    commit, as a list in the order of their ids."""
    return conn.execute(
        sa.select(TABLE).where(TABLE.c.id.in_(share_ids),
                               TABLE.c.project_id == project_id)
        .order_by(TABLE.c.id).with_for_update()).all()


def remember(conn, described, source):
    """Have a row for a share of an external source, and in it what that says
    now. Its status is about backups, and only ever set by those.

    :param described: a :class:`manila_backup.shares.base.Description`.
    :param source: str, the source's name.
    """
    values = dict(project_id=described.project_id, size=described.size)
    values.update(
        (name, texts.as_stored(TABLE.c[name], getattr(described, name)))
        for name in ('name', 'share_proto', 'availability_zone'))
    row = rows.get(conn, TABLE, described.id)
    if row is None:
        transitions.create(conn, TABLE, states.Share.AVAILABLE,
                           id=described.id, source=source, **values)
    elif any(getattr(row, name) != value for name, value in values.items()):
        rows.update(conn, TABLE, described.id, values)


def get_type(conn, id_or_name):
    """A share type by its id or its name, or None."""
    table = models.share_types
    return conn.execute(
        sa.select(table).where(sa.or_(
            table.c.id == id_or_name,
            listing.is_text(table.c.name, id_or_name)))).first()


def count_snapshots(conn, share_id, status=None):
    """Count the snapshots of a share, or those in a status."""
    table = models.snapshots
    conditions = [table.c.share_id == share_id]
    if status is not None:
        conditions.append(table.c.status == str(status))
    return rows.count(conn, table, *conditions)


def with_snapshots(conn, share_ids, status=None):
    """The ids of those of some shares that have snapshots, or such in a
    status, as a set."""
    table = models.snapshots
    query = sa.select(table.c.share_id).distinct().where(
        table.c.share_id.in_(share_ids))
    if status is not None:
        query = query.where(table.c.status == str(status))
    return set(conn.execute(query).scalars())


def path_digest(path):
    """Return the digest of a path, for the column ``path_digest``."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()


def path_taken(conn, path_digest):
    """Tell whether a directory (by its path's digest) is a share already."""
    return rows.count(conn, TABLE, TABLE.c.path_digest == path_digest) > 0


def adopted(conn):
    """The shares that were adopted, as a list of rows with ``id`` and
    ``path``."""
    return conn.execute(sa.select(TABLE.c.id, TABLE.c.path).where(
        TABLE.c.source == 'local', TABLE.c.path.is_not(None)
    ).order_by(TABLE.c.created_at, TABLE.c.id)).all()


_TYPES = models.share_types
_WITH_TYPE = sa.select(
    TABLE, _TYPES.c.name.label('share_type_name'),
    _TYPES.c.extra_specs.label('share_type_specs'),
).select_from(TABLE.outerjoin(_TYPES))


def get_with_type(conn, share_id, project_id=None):
    """A share as the API shows it.

    :param project_id: str to find it only in that project, or if it is
        public.
    :returns: the row, with ``share_type_name`` and ``share_type_specs`` of
        its type, or None.
    """
    query = _WITH_TYPE.where(TABLE.c.id == share_id)
    if project_id is not None:
        query = query.where(_visible(project_id, True))
    return conn.execute(query).first()


def list_page(conn, project_id=None, public=False, filters=None,
              properties=None, sort_key='created_at', descending=True,
              limit=None, offset=0, marker=None):
    """A page of the shares of the local source.

    :param project_id: str, or None for those of all projects.
    :param public: bool, whether those of others that are public count too.
    :param filters: dict, see :func:`listing.conditions`.
    :param properties: dict of str to str that a share must have among its
        properties.
    :param limit: int, the most rows to return, or None for all.
    :param offset: int, how many rows to skip.
    :param marker: str, the id of the row before the first.
    :returns: list of rows as of :func:`get_with_type`.
    """
    query = _WITH_TYPE.where(
        *_conditions(project_id, public, filters, properties))
    return conn.execute(listing.page(query, TABLE, sort_key, descending,
                                     limit, offset, marker)).all()


def count_all(conn, project_id=None, public=False, filters=None,
              properties=None):
    """Count the shares on all pages of :func:`list_page`."""
    return rows.count(conn, TABLE, *_conditions(project_id, public, filters,
                                                properties))


def list_types(conn, public_only=None):
    """All share types by name, as a list of rows.

    :param public_only: True for the public ones, False for the others.
    """
    query = sa.select(_TYPES).order_by(_TYPES.c.name)
    if public_only is not None:
        query = query.where(_TYPES.c.is_public.is_(public_only))
    return conn.execute(query).all()


def _visible(project_id, public):
    own = TABLE.c.project_id == project_id
    return sa.or_(own, TABLE.c.is_public.is_(True)) if public else own


def _conditions(project_id, public, filters, properties):
    yield TABLE.c.source == 'local'
    if project_id is not None:
        yield _visible(project_id, public)
    yield from listing.conditions(TABLE, filters or {})
    for name, value in (properties or {}).items():
        yield listing.is_text(TABLE.c.properties[name].as_string(), value)
