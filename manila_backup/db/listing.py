# SPDX-License-Identifier: Apache-2.0
"""Pages of lists: the same filters, order and cuts on every database."""

import sqlalchemy as sa
from sqlalchemy.ext import compiler
from sqlalchemy.sql import functions


class occurs(functions.FunctionElement):
    """Whether a text (second) occurs in another (first), character by
    character. Unlike LIKE, it knows no wildcards, and tells upper from
    lower case on every database."""

    type = sa.Boolean()
    inherit_cache = True
    name = 'occurs'


@compiler.compiles(occurs)
def _occurs(element, compiler_, **kw):
    return f'(instr({compiler_.process(element.clauses, **kw)}) > 0)'


@compiler.compiles(occurs, 'postgresql')
def _occurs_postgresql(element, compiler_, **kw):
    return f'(strpos({compiler_.process(element.clauses, **kw)}) > 0)'


def conditions(table, filters):
    """WHERE conditions of filters.

    :param filters: dict of column name to the value it must have; with a
        ``~`` after the name, to a text that must occur in it.
    """
    for name, value in filters.items():
        if name.endswith('~'):
            yield occurs(table.c[name[:-1]],
                         sa.bindparam(None, value, type_=sa.String))
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
         offset=0):
    """Put a query's rows into a definite order and cut a page out of them.

    Rows without a value come before all others, as if it were the least.

    :param sort_key: str, a column's name. The id decides among equals.
    """
    column = table.c[sort_key]
    order = [column, table.c.id] if sort_key != 'id' else [column]
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
