# SPDX-License-Identifier: Apache-2.0
"""Watches every transaction of a process lock rows, and fails one that goes
back in the order of :mod:`manila_backup.db.locking`.

Statements are told apart before they are sent, by what they are made of, so
that any database shows what would wait on another. A statement that finds
nothing to change may have waited for a row, but holds none.

The unit tests run like this, and so do the processes of the functional tests
(``tests/functional/hooks``).
"""

import sys
import unittest
import weakref

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql import operators

from manila_backup.db import locking

_RANKS = {table: rank for rank, table in enumerate(locking.ORDER)}

#: What each violation begins with where a process says it.
MARK = 'Locked in the wrong order: '

#: What was found in this process so far, as a list of str.
violations = []

_transactions = weakref.WeakKeyDictionary()


class WrongOrder(AssertionError):
    """A transaction locks rows in another order."""


class Transaction:
    """The locks of a transaction.

    A lock is the rank of its table and the row's key, a tuple.
    """

    def __init__(self):
        self._held = {}
        self._made = set()

    def check(self, locks, statement):
        """Make sure that locks may be waited for now.

        :raises WrongOrder: they may not.
        """
        last = max(self._held, default=None)
        back = [lock for lock in locks
                if lock not in self._held and lock not in self._made
                and last is not None and lock < last]
        if back:
            found = (f'{_said(min(back))} is locked after {_said(last)}.\n'
                     f'After: {_text(self._held[last])}\n'
                     f'Now: {_text(statement)}')
            violations.append(found)
            print(MARK, found, file=sys.stderr, flush=True)
            raise WrongOrder(found)

    def take(self, locks, statement):
        """Note locks that are held from now on."""
        for lock in locks:
            if lock not in self._made:
                self._held.setdefault(lock, statement)

    def make(self, lock):
        """Note a row that nobody else knows of yet."""
        self._made.add(lock)


def install():
    """Watch all transactions from now on, and have a test that ends after a
    violation fail, whoever has caught the error."""
    for name, function in (
            ('begin', _forget), ('commit', _forget), ('rollback', _forget),
            ('before_execute', _before), ('after_execute', _after)):
        sa.event.listen(sa.Engine, name, function)
    unittest.TestCase.setUp = _set_up


def _set_up(test):
    test.addCleanup(_check, len(violations))


def _check(before):
    if violations[before:]:
        raise WrongOrder('\n\n'.join(violations[before:]))


def _text(statement):
    # SQLite's has no FOR UPDATE.
    return statement.compile(dialect=mysql.dialect())


def _said(lock):
    rank, key = lock
    return f'{locking.ORDER[rank].name} {", ".join(map(str, key))}'


def _forget(conn):
    _transactions.pop(conn, None)


def _before(conn, statement, multiparams, params, execution_options):
    locks = _locks(conn, statement)
    _transactions.setdefault(conn, Transaction()).check(locks, statement)
    conn.info['locks'] = locks


def _after(conn, statement, multiparams, params, execution_options, result):
    locks = conn.info.pop('locks', None)
    transaction = _transactions.get(conn)
    if locks is None or transaction is None:
        return
    if isinstance(statement, sa.Insert):
        values = statement.compile(dialect=conn.dialect).params
        transaction.make((_RANKS.get(statement.table), tuple(
            values.get(key.name) for key in statement.table.primary_key)))
    if isinstance(statement, sa.Select) or result.rowcount:
        transaction.take(locks, statement)


def _locks(conn, statement):
    """List the locks that a statement takes.

    Only tests, with a database of their own, empty whole tables.
    """
    if isinstance(statement, sa.Insert):
        return _parents(conn, statement)
    if isinstance(statement, sa.Delete) and statement.whereclause is None:
        return []
    if isinstance(statement, (sa.Update, sa.Delete)):
        locks = _rows(conn, statement.table, statement.whereclause)
        if locks and isinstance(statement, sa.Update):
            locks += _parents(conn, statement)
        return locks
    if isinstance(statement, sa.Select) and (
            statement._for_update_arg is not None):
        table, = statement.get_final_froms()
        return _rows(conn, table, statement.whereclause)
    return []


def _rows(conn, table, where):
    """The rows of a table that a condition is about, as a list of locks:
    what is asked for by its key whether or not the rest holds too, as that is
    known only once nobody else has the row."""
    if table not in _RANKS:
        return []       # a migration's, or alembic's own
    keys = list(table.primary_key)
    wanted = dict(_equalities(where))
    if all(key in wanted for key in keys):
        found = [tuple(wanted[key] for key in keys)]
    else:
        query = sa.select(*keys)
        found = conn.execute(query if where is None else query.where(where))
    return [(_RANKS[table], tuple(row)) for row in found]


def _equalities(where):
    """Pairs of a column and the value that it has where a condition holds."""
    if isinstance(where, sa.BooleanClauseList) and (
            where.operator is operators.and_):
        for each in where.clauses:
            yield from _equalities(each)
    elif isinstance(where, sa.BinaryExpression) and (
            where.operator is operators.eq
            and isinstance(where.right, sa.BindParameter)):
        yield where.left, where.right.effective_value


def _parents(conn, statement):
    """The rows that a new or changed one refers to, as a list of locks."""
    values = statement.compile(dialect=conn.dialect).params
    return [(_RANKS[key.column.table], (values[key.parent.name],))
            for key in statement.table.foreign_keys
            if key.column.table in _RANKS
            and values.get(key.parent.name) is not None]
