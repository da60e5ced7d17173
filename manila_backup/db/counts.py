# SPDX-License-Identifier: Apache-2.0
"""Numbers of bytes and entries, as every database can hold them.

A file with holes can say that it is as large as a column can hold, so that
several of them are larger. What is told of them is then as much as there is
room for, as it is of a text.
"""

import sqlalchemy as sa
from sqlalchemy.ext import compiler
from sqlalchemy.sql import functions

#: The most that a column of the type :class:`Count` holds.
MOST = 2 ** 63 - 1


class Count(sa.types.TypeDecorator):
    """A column's type: a number that may be larger than what it holds."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value, dialect):
        """Called by SQLAlchemy with what is to be stored."""
        return value if value is None else min(value, MOST)


class total(functions.FunctionElement):
    """SQL function: the sum of a column of such numbers, which may be more
    than any of them can be; NULL of none."""

    type = sa.BigInteger()
    inherit_cache = True
    name = 'total'


@compiler.compiles(total)
def _total(element, compiler_, **kw):
    return f'sum({compiler_.process(element.clauses, **kw)})'


@compiler.compiles(total, 'sqlite')
def _total_sqlite(element, compiler_, **kw):
    # The sum of its integers is one, or an error.
    return (f'sum(CAST({compiler_.process(element.clauses, **kw)} '
            f'AS REAL))')
