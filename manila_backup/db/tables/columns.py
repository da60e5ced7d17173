# SPDX-License-Identifier: Apache-2.0
"""Kinds of columns, and what all tables have in common."""

import sqlalchemy as sa
from sqlalchemy import orm

from manila_backup.db import sqltime
from manila_backup.db import texts

NAMING = {
    'ix': 'ix_%(table_name)s_%(column_0_N_name)s',
    'uq': 'uq_%(table_name)s_%(column_0_N_name)s',
    'fk': 'fk_%(table_name)s_%(column_0_name)s',
    'pk': 'pk_%(table_name)s',
}

#: utf8mb4_bin: project ids and names are told apart by case and accent, as
#: they are on PostgreSQL and SQLite.
MYSQL = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
         'mysql_collate': 'utf8mb4_bin'}

#: The longest path that can be a share's export path, in characters.
MAX_PATH = 1024

#: The longest value of a metadata item, in characters, as Manila has it.
MAX_VALUE = 1023


class Base(orm.DeclarativeBase):
    """The models' base class, which knows them all."""

    metadata = sa.MetaData(naming_convention=NAMING)


def identifier():
    """Column for the UUID of a row."""
    return sa.Column(sa.String(36), primary_key=True)


def text(size=255, **kw):
    """Column for text of this service's own.

    :param size: int, the most characters.
    :param kw: what a Column takes.
    """
    return sa.Column(sa.String(size), **kw)


def status(kind, table, size=32):
    """Column for a status, of an enumeration of :mod:`manila_backup.states`.
    """
    return one_of(kind, table, 'status', size, nullable=False)


def one_of(kind, table, name, size=16, **kw):
    """Column for one of an enumeration of :mod:`manila_backup.states`."""
    allowed = ', '.join(f"'{each}'" for each in sorted(map(str, kind)))
    return sa.Column(
        sa.String(size),
        sa.CheckConstraint(f'{name} IN ({allowed})',
                           name=f'ck_{table}_{name}'), **kw)


def said(size=255, **kw):
    """Column for text from other services, for people to read; None for a long
    text.
    """
    return sa.Column(texts.Said(size), **kw)


def created_at():
    """Column for when a row was made, by the database's clock."""
    return sa.Column(sqltime.Timestamp, nullable=False,
                     default=sqltime.utcnow())


def updated_at():
    """Column for when a row was changed last, by the database's clock."""
    return sa.Column(sqltime.Timestamp, onupdate=sqltime.utcnow())
