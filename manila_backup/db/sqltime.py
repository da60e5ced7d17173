# SPDX-License-Identifier: Apache-2.0
"""The database's own clock, in SQL.

Leases are granted and judged by it alone, so the clocks of the hosts that the
workers run on don't matter. All times are UTC, to the microsecond
(milliseconds on SQLite), without a time zone.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext import compiler
from sqlalchemy.sql import functions

Timestamp = sa.DateTime().with_variant(mysql.DATETIME(fsp=6),
                                       'mysql', 'mariadb')


class utcnow(functions.FunctionElement):
    """The current instant."""

    type = sa.DateTime()
    inherit_cache = True
    name = 'utcnow'


class utc_once(functions.FunctionElement):
    """The instant at which a statement has begun: to compare a column with
    that by an index, which none is used for where the time can be another for
    each row."""

    type = sa.DateTime()
    inherit_cache = True
    name = 'utc_once'


class utc_in(functions.FunctionElement):
    """The instant so many seconds (a float) from now."""

    type = sa.DateTime()
    inherit_cache = True
    name = 'utc_in'

    def __init__(self, seconds):
        super().__init__(sa.bindparam('seconds', float(seconds),
                                      type_=sa.Float(), unique=True))


@compiler.compiles(utcnow, 'mysql')
@compiler.compiles(utcnow, 'mariadb')
def _utcnow_mysql(element, compiler_, **kw):
    return 'UTC_TIMESTAMP(6)'


@compiler.compiles(utc_once)
def _utc_once(element, compiler_, **kw):
    return compiler_.process(utcnow(), **kw)


@compiler.compiles(utc_once, 'postgresql')
def _utc_once_postgresql(element, compiler_, **kw):
    return f'(SELECT {compiler_.process(utcnow(), **kw)})'


@compiler.compiles(utcnow, 'postgresql')
def _utcnow_postgresql(element, compiler_, **kw):
    # clock_timestamp, not now(): the latter stands still in a transaction.
    return "(clock_timestamp() AT TIME ZONE 'UTC')"


@compiler.compiles(utcnow, 'sqlite')
def _utcnow_sqlite(element, compiler_, **kw):
    return "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"


@compiler.compiles(utc_in, 'mysql')
@compiler.compiles(utc_in, 'mariadb')
def _utc_in_mysql(element, compiler_, **kw):
    seconds = compiler_.process(element.clauses, **kw)
    return (f'(UTC_TIMESTAMP(6) + INTERVAL '
            f'ROUND({seconds} * 1000000) MICROSECOND)')


@compiler.compiles(utc_in, 'postgresql')
def _utc_in_postgresql(element, compiler_, **kw):
    seconds = compiler_.process(element.clauses, **kw)
    return (f"((clock_timestamp() AT TIME ZONE 'UTC')"
            f" + make_interval(secs => {seconds}))")


@compiler.compiles(utc_in, 'sqlite')
def _utc_in_sqlite(element, compiler_, **kw):
    seconds = compiler_.process(element.clauses, **kw)
    return (f"(strftime('%Y-%m-%d %H:%M:%f', 'now',"
            f" {seconds} || ' seconds') || '000')")
