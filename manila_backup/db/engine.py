# SPDX-License-Identifier: Apache-2.0
"""Connections and transactions, by oslo.db's enginefacade."""

import contextlib
import contextvars

from oslo_db import api as oslo_db_api
from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import enginefacade
import sqlalchemy as sa

from manila_backup import exception

_WRITING = contextvars.ContextVar('writing', default=False)

# What oslo.db's options are called that its enginefacade doesn't take: they
# steer the retries.
_RETRY_OPTIONS = {'db_max_retries', 'db_inc_retry_interval',
                  'use_db_reconnect', 'db_retry_interval',
                  'db_max_retry_interval', 'backend'}
_ASYNC_OPTIONS = {'asyncio_connection', 'asyncio_slave_connection'}


@enginefacade.transaction_context_provider
class _Scope:
    """One transaction's context: never shared, so transactions don't nest
    into one another by accident."""


class Database:
    """The service's database.

    :param conf: the configuration; its group ``[database]`` is oslo.db's.
    :raises manila_backup.exception.ConfigurationError: no connection is
        configured, or its URL makes no sense.
    """

    def __init__(self, conf):
        if not conf.database.connection:
            raise exception.ConfigurationError(
                'The configuration has no [database] connection.')
        self._facade = enginefacade.transaction_context()
        skip = _RETRY_OPTIONS | _ASYNC_OPTIONS
        settings = {name: conf.database[name] for name in conf.database
                    if name not in skip}
        if settings.get('slave_connection') is None:
            settings.pop('slave_connection', None)
        self._facade.configure(sqlite_fk=True, thread_checkin=False,
                               **settings)
        self._facade.append_on_engine_create(_prepare)

    @property
    def engine(self):
        """The SQLAlchemy engine; connects on first use.

        :raises manila_backup.exception.ConfigurationError: the URL is not
            one of a database that can be used here.
        """
        try:
            return self._facade.writer.get_engine()
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError,
                ImportError) as exc:
            raise exception.ConfigurationError(
                f'[database] connection can\'t be used: {exc}') from exc

    def dispose(self):
        """Close every connection."""
        self._facade.writer.get_engine().dispose()

    @contextlib.contextmanager
    def reader(self):
        """A connection in a transaction that only reads."""
        with self._facade.reader.connection.using(_Scope()) as conn:
            yield conn

    @contextlib.contextmanager
    def writer(self):
        """A connection in a transaction that is committed at the end."""
        token = _WRITING.set(True)
        try:
            with self._facade.writer.connection.using(_Scope()) as conn:
                yield conn
        finally:
            _WRITING.reset(token)

    def write(self, function, *args, **kwargs):
        """Run ``function(conn, ...)`` in a writing transaction, again from
        the start where the database gave up on it (a deadlock, a
        serialisation failure) or the connection broke.

        The function must bear being run again after a commit whose answer
        was lost, and do nothing but database work.
        """
        return _run(self.writer, function, args, kwargs)

    def read(self, function, *args, **kwargs):
        """Run ``function(conn, ...)`` in a reading transaction, again if
        the connection broke."""
        return _run(self.reader, function, args, kwargs)


def _is_serialisation_failure(exc):
    """Whether another try may find the way free (oslo.db's own list has the
    deadlocks; this adds SQLite's lock and MariaDB's record-changed)."""
    text = str(exc)
    return (isinstance(exc, db_exc.DBError)
            and not isinstance(exc, db_exc.DBConnectionError)
            and ('database is locked' in text
                 or 'Record has changed since last read' in text
                 or 'could not serialize access' in text))


@oslo_db_api.wrap_db_retry(
    max_retries=5, retry_interval=0.05, inc_retry_interval=True,
    max_retry_interval=1, jitter=True, retry_on_deadlock=True,
    retry_on_disconnect=True, exception_checker=_is_serialisation_failure)
def _run(scope, function, args, kwargs):
    with scope() as conn:
        return function(conn, *args, **kwargs)


def _prepare(engine):
    """Set up each new connection's ways."""
    if engine.dialect.name in ('mysql', 'mariadb'):
        # As PostgreSQL's default: a count made after waiting for a lock
        # must see what the lock's last holder committed.
        sa.event.listen(engine, 'connect', _mysql_connect)
    elif engine.dialect.name == 'sqlite':
        sa.event.listen(engine, 'connect', _sqlite_connect)
        sa.event.listen(engine, 'begin', _sqlite_begin)
    # oslo.db has connected already, to see whether it can: without these
    # ways, and the pool would keep that connection.
    engine.dispose()


def _mysql_connect(connection, record):
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(
            'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED')
        # Whatever the URL or the server's default says: names may hold any
        # Unicode, and the client side speaks UTF-8 anyway.
        cursor.execute('SET NAMES utf8mb4')


def _sqlite_connect(connection, record):
    connection.execute('PRAGMA journal_mode=WAL')
    connection.execute('PRAGMA busy_timeout=30000')


def _sqlite_begin(conn):
    # A transaction that reads first and writes later can't wait for another
    # writer; one that says at the start that it will write can.
    # oslo.db's own listener has begun a deferred one just before.
    if _WRITING.get():
        conn.exec_driver_sql('ROLLBACK')
        conn.exec_driver_sql('BEGIN IMMEDIATE')
