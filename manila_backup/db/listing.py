# SPDX-License-Identifier: Apache-2.0
"""Pages of lists: the same filters, order and cuts on every database."""

import operator

import sqlalchemy as sa
from sqlalchemy.ext import compiler
from sqlalchemy.sql import functions

from manila_backup.db import texts


class occurs(functions.FunctionElement):
    """SQL function: whether a text (second) occurs in another (first),
    character by character. Unlike LIKE, it knows no wildcards, and is
    case-sensitive on every database."""

    type = sa.Boolean()
    inherit_cache = True
    name = 'occurs'


@compiler.compiles(occurs)
def _occurs(element, compiler_, **kw):
    return f'(instr({compiler_.process(element.clauses, **kw)}) > 0)'


@compiler.compiles(occurs, 'postgresql')
def _occurs_postgresql(element, compiler_, **kw):
    return f'(strpos({compiler_.process(element.clauses, **kw)}) > 0)'


class same(functions.FunctionElement):
    """SQL function: whether two texts are equal, character by character:
    MariaDB's ``=`` ignores spaces at the end."""

    # Where a database has no booleans, SQLAlchemy compares those to 1, and
    # no index is used for what is in there.
    type = sa.types.NullType()
    inherit_cache = True
    name = 'same'


@compiler.compiles(same)
def _same(element, compiler_, **kw):
    one, other = (compiler_.process(each, **kw) for each in element.clauses)
    return f'({one} = {other})'


@compiler.compiles(same, 'mysql')
@compiler.compiles(same, 'mariadb')
def _same_mysql(element, compiler_, **kw):
    one, other = (compiler_.process(each, **kw) for each in element.clauses)
    # The first is what an index can be asked for.
    return (f'({one} = {other}'
            f' AND CHAR_LENGTH({one}) = CHAR_LENGTH({other}))')


class by_code(functions.FunctionElement):
    """A text as something to sort by: by the numbers of its characters, and
    not as a locale has it that one database knows and another does not."""

    type = sa.String()
    inherit_cache = True
    name = 'by_code'


@compiler.compiles(by_code)
def _by_code(element, compiler_, **kw):
    return compiler_.process(element.clauses, **kw)


@compiler.compiles(by_code, 'postgresql')
def _by_code_postgresql(element, compiler_, **kw):
    return f'{compiler_.process(element.clauses, **kw)} COLLATE "C"'


def is_text(column, value):
    """A condition: a column, or what was got out of one, is this text and
    no other, as upper and lower case, accents and spaces make others.

    :param value: str.
    """
    return same(column, sa.bindparam(None, value, type_=sa.String))


#: Filters by the time at which a row was made.
CREATED = {'created_since': operator.ge, 'created_before': operator.le}


def conditions(table, filters):
    """WHERE conditions of filters.

    :param filters: dict of column name to the value it must have; with a
        ``~`` after the name, to a text that must occur in it. Or one of
        :data:`CREATED`, to a datetime in UTC.
    """
    for name, value in filters.items():
        if name in CREATED:
            yield CREATED[name](table.c.created_at, value)
        elif name.endswith('~'):
            yield occurs(table.c[name[:-1]],
                         sa.bindparam(None, value, type_=sa.String))
        elif isinstance(value, str):
            yield is_text(table.c[name], value)
        else:
            yield table.c[name] == value


def owned(table, project_id, filters):
    """WHERE conditions of filters, in one project.

    :param project_id: str, or None for all projects.
    :param filters: dict as of :func:`conditions`, or None.
    """
    if project_id is not None:
        yield table.c.project_id == project_id
    yield from conditions(table, filters or {})


def page(query, table, sort_key='created_at', descending=True, limit=None,
         offset=0, marker=None):
    """Put a query's rows into a definite order and cut a page out of them.

    Rows without a value come before all others, as if it were the least.

    :param sort_key: str, a column's name. The id decides among equals.
    :param marker: str, the id of a row: only what follows it, of what the
        offset then leaves out some.
    """
    column = table.c[sort_key]
    order = [column, table.c.id] if sort_key != 'id' else [column]
    if isinstance(column.type, (sa.String, texts.Said)) and sort_key != 'id':
        # Ids are sorted alike everywhere, and by way of an index.
        order[0] = by_code(column)
    if marker is not None:
        query = query.where(_follows(table, column, order[0], descending,
                                     marker))
    if descending:
        order = [each.desc() for each in order]
    if column.nullable:
        # PostgreSQL has them last where the others have them first.
        has_value = sa.case((column.is_(None), 0), else_=1)
        order.insert(0, has_value.desc() if descending else has_value)
    if not offset:
        return query.order_by(*order).limit(limit)
    # What is skipped is read from the index alone, which knows the id; the
    # rows only of those that are shown.
    ids = (query.with_only_columns(table.c.id).order_by(*order)
           .limit(limit).offset(offset).subquery())
    return query.join(ids, ids.c.id == table.c.id).order_by(*order)


def _follows(table, column, key, descending, marker):
    """A condition: a row comes after another in the order of :func:`page`.

    :param column: the one to sort by; ``key``: what is sorted by of it.
    :param marker: str, the id of the other.
    """
    other = table.alias()
    its = (sa.select(other.c[column.name]).where(other.c.id == marker)
           .scalar_subquery())
    later = table.c.id < marker if descending else table.c.id > marker
    if column.name == 'id':
        return later
    beyond = key < its if descending else key > its
    both_none = sa.and_(column.is_(None), its.is_(None))
    # Rows without a value are the least.
    none = (sa.and_(column.is_(None), its.is_not(None)) if descending
            else sa.and_(column.is_not(None), its.is_(None)))
    return sa.or_(beyond, none, sa.and_(later, sa.or_(key == its,
                                                      both_none)))
