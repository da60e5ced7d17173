# SPDX-License-Identifier: Apache-2.0
"""Functions that the query modules share.

Each function takes a connection inside a transaction first, and returns
SQLAlchemy rows (attributes named like the columns) or counts of rows.
"""

from oslo_db import exception as db_exc
import sqlalchemy as sa

from manila_backup import exception


def get(conn, table, id_, project_id=None, lock=False):
    """One row by its id.

    :param project_id: str to find it only in that project.
    :param lock: True to hold it against other writers until the commit.
    :returns: the row, or None.
    """
    query = sa.select(table).where(table.c.id == id_)
    if project_id is not None:
        query = query.where(table.c.project_id == project_id)
    if lock:
        query = query.with_for_update()
    return conn.execute(query).first()


def use_index(query, table, index):
    """Have MariaDB use an index for a query, where it believes often that
    sorting all rows is cheaper."""
    for dialect in 'mysql', 'mariadb':
        query = query.with_hint(table, f'FORCE INDEX ({index})', dialect)
    return query


def insert(conn, table, **values):
    """Insert a row. Times that aren't given are the database's."""
    conn.execute(sa.insert(table).values(**_plain(values)))


def insert_once(conn, table, **values):
    """Insert a row, unless another transaction has inserted it meanwhile.

    Waits for one that is about to.

    :returns: bool, whether it was inserted.
    """
    try:
        with conn.begin_nested():
            insert(conn, table, **values)
        return True
    except db_exc.DBDuplicateEntry:
        return False


def update(conn, table, id_, values, **expected):
    """Change one row if it still is as expected, all but its status: that is
    for :mod:`manila_backup.db.transitions`.

    :param values: dict of column name to new value.
    :param expected: column name to the value it must have, or to a list of
        values of which it must have one.
    :returns: bool, whether it was and is changed now.
    """
    if 'status' in values:
        raise exception.IllegalTransition(
            f'A status of {table.name} is written by transitions alone.')
    return swap(conn, table, id_, values, expected)


def swap(conn, table, id_, values, expected):
    """Change one row if it still is as expected: the compare-and-swap.

    :param values: dict of column name to new value.
    :param expected: column name to the value it must have, or to a list of
        values of which it must have one.
    :returns: bool, whether it was and is changed now.
    """
    return conn.execute(
        sa.update(table).where(table.c.id == id_, *_conditions(
            table, expected)).values(**_plain(values))).rowcount == 1


def delete(conn, table, id_, **expected):
    """Remove one row if it still is as expected.

    :returns: bool, whether it was.
    """
    return conn.execute(
        sa.delete(table).where(table.c.id == id_, *_conditions(
            table, expected))).rowcount == 1


def count(conn, table, *conditions):
    """Count the rows that meet the conditions."""
    return conn.execute(sa.select(sa.func.count()).select_from(table)
                        .where(*conditions)).scalar()


def _conditions(table, expected):
    for name, value in expected.items():
        column = table.c[name]
        if isinstance(value, (list, tuple, set, frozenset)):
            yield column.in_([_value(each) for each in value])
        else:
            yield column == _value(value)


def _plain(values):
    return {name: _value(value) for name, value in values.items()}


def _value(value):
    # Statuses are an enumeration of strings; drivers want plain ones.
    return str(value) if isinstance(value, str) else value
