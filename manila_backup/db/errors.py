# SPDX-License-Identifier: Apache-2.0
"""Errors of the database: which of them may pass if one tries again."""

import re

from oslo_db import exception as db_exc
import sqlalchemy as sa

#: A violated CHECK constraint as MariaDB (4025), MySQL (3819) and SQLite tell
#: it; PostgreSQL's oslo.db knows itself.
_CHECKS = (
    re.compile(r'\(4025, .*CONSTRAINT `(?P<name>[^`]*)` failed for '
               r'`[^`]*`\.`(?P<table>[^`]*)`'),
    re.compile(r'\(3819, .*Check constraint \'(?P<name>[^\']*)\''),
    re.compile(r'CHECK constraint failed: (?P<name>\S+)'),
)

_CLOSED = 'Connection is closed'


def translate(exc: sa.exc.SQLAlchemyError | db_exc.DBError
              | NotImplementedError) -> Exception:
    """Return what an error is that oslo.db has not told exactly.

    :param exc: an error that oslo.db let through as SQLAlchemy raised it, one
        of its own, or the one that it runs into where it looks at a connection
        that broke while SQLAlchemy set up the first one of an engine.
    :returns: DBConstraintError for a violated CHECK constraint; otherwise
        oslo.db's own error, and DBConnectionError for what it let through:
        that is PostgreSQL's refusal of new connections, and SQLAlchemy's word
        for a connection that was lost while it was being set up.
    """
    if isinstance(exc, sa.exc.ResourceClosedError) and (
            _CLOSED not in str(exc)):
        return exc      # of a result: a mistake
    if isinstance(exc, NotImplementedError):
        cause = exc.__cause__
        return (db_exc.DBConnectionError(cause) if _is_of_driver(cause)
                else exc)
    for pattern in _CHECKS:
        match = pattern.search(str(exc))
        if match:
            return db_exc.DBConstraintError(
                match.groupdict().get('table'), match['name'], exc)
    if isinstance(exc, db_exc.DBError):
        return exc
    return db_exc.DBConnectionError(exc)


def _is_of_driver(exc: BaseException | None) -> bool:
    """Tell whether a driver has raised an error about a connection: each has
    classes of its own, which the Python database API names."""
    return any(each.__name__ in ('OperationalError', 'InterfaceError')
               for each in type(exc).__mro__)


def is_transient(exc: BaseException) -> bool:
    """Tell whether a transaction may succeed if repeated (oslo.db detects
    deadlocks; this adds SQLite's lock, MariaDB's record-changed, and errors
    that hide a deadlock)."""
    text = str(exc)
    return (isinstance(exc, db_exc.DBError)
            and not isinstance(exc, db_exc.DBConnectionError)
            and ('database is locked' in text
                 or 'Record has changed since last read' in text
                 or 'could not serialize access' in text
                 or _hides_deadlock(exc)))


def _hides_deadlock(exc: BaseException | None) -> bool:
    """Tell whether an error came of undoing what a deadlock had undone:
    with the transaction, MySQL forgets the savepoint to go back to."""
    while exc is not None:
        if isinstance(exc, db_exc.DBDeadlock):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
