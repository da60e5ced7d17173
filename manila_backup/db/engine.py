# SPDX-License-Identifier: Apache-2.0
"""Connections and transactions, by oslo.db's enginefacade."""

from collections import abc
import contextlib
import contextvars
import typing

from oslo_config import cfg
from oslo_db import api as oslo_db_api
from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import enginefacade
from oslo_db.sqlalchemy import exc_filters
import sqlalchemy as sa

from manila_backup.db import errors
from manila_backup.db import limits
from manila_backup.db import receipts
from manila_backup import exception
from manila_backup import private

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


_Result = typing.TypeVar('_Result')

#: The configuration's group ``[database]``.
_Settings: typing.TypeAlias = typing.Any


class Database:
    """The service's database.

    :param conf: the configuration; its group ``[database]`` is oslo.db's.
    :raises manila_backup.exception.ConfigurationError: no connection is
        configured, or its URL makes no sense.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        if not conf.database.connection:
            raise exception.ConfigurationError(
                'The configuration has no [database] connection.')
        self._facade = enginefacade.transaction_context()
        skip = _RETRY_OPTIONS | _ASYNC_OPTIONS
        settings = {name: conf.database[name] for name in conf.database
                    if name not in skip}
        if settings.get('slave_connection') is None:
            settings.pop('slave_connection', None)
        settings.update(_connections(conf.database))
        self._facade.configure(sqlite_fk=True, thread_checkin=False,
                               **settings)
        self._facade.append_on_engine_create(
            lambda engine: _prepare(engine, conf.database))
        _keep_private(conf.database.connection)
        self._reading = _reading_engine(conf.database)

    @property
    def engine(self) -> sa.Engine:
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

    def dispose(self) -> None:
        """Close every connection."""
        self._facade.writer.get_engine().dispose()
        if self._reading:
            self._reading.dispose()

    @contextlib.contextmanager
    def connection(self) -> abc.Iterator[sa.Connection]:
        """A connection with all in its user's hands, for migrations."""
        with _translated(), self.engine.connect() as conn:
            yield conn

    @contextlib.contextmanager
    def reader(self) -> abc.Iterator[sa.Connection]:
        """A connection that only reads. Each statement sees what is
        committed when it begins."""
        with _translated():
            if self._reading:
                with self._reading.connect() as conn:
                    yield conn
            else:
                with self._facade.reader.connection.using(_Scope()) as conn:
                    yield conn

    @contextlib.contextmanager
    def writer(self) -> abc.Iterator[sa.Connection]:
        """A connection in a transaction that is committed at the end."""
        token = _WRITING.set(True)
        try:
            with (_translated(),
                  self._facade.writer.connection.using(_Scope()) as conn):
                yield conn
        finally:
            _WRITING.reset(token)

    def write(self, function: abc.Callable[..., _Result], *args: typing.Any,
              **kwargs: typing.Any) -> _Result:
        """Run ``function(conn, ...)`` in a writing transaction, again from
        the start where the database gave up on it (a deadlock, a
        serialisation failure) or the connection broke.

        It is committed once: where only the answer to the commit was lost,
        what the function returned then is returned. Between two runs it
        must leave nothing behind but what it did in the database.
        """
        with receipts.of_thread() as receipt:
            return _run(self.writer, _Once(function, receipt), args, kwargs)

    def read(self, function: abc.Callable[..., _Result], *args: typing.Any,
             **kwargs: typing.Any) -> _Result:
        """Run ``function(conn, ...)`` on a connection that only reads,
        again if it broke."""
        return _run(self.reader, function, args, kwargs)


class Reader:
    """The part of a :class:`Database` that changes nothing: what the API's
    handlers have."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, function: abc.Callable[..., _Result], *args: typing.Any,
             **kwargs: typing.Any) -> _Result:
        """Read: see :meth:`Database.read`."""
        return self._database.read(function, *args, **kwargs)


class _Once(typing.Generic[_Result]):
    """A function that writes, for one call of :meth:`Database.write`.

    :param function: called with a connection in a transaction, and more.
    :param receipt: a :class:`manila_backup.db.receipts.Receipt`.
    """

    def __init__(self, function: abc.Callable[..., _Result],
                 receipt: receipts.Receipt) -> None:
        self._function = function
        self._receipt = receipt
        self._returned: list[_Result] = []

    def __call__(self, conn: sa.Connection, *args: typing.Any,
                 **kwargs: typing.Any) -> _Result:
        if self._returned and self._receipt.is_left(conn):
            return self._returned[0]
        self._receipt.leave(conn)
        self._returned = []
        self._returned = [self._function(conn, *args, **kwargs)]
        return self._returned[0]


#: How often, and after which pauses, what the database gave up on is tried
#: again.
RETRIES = oslo_db_api.wrap_db_retry(
    max_retries=5, retry_interval=0.05, inc_retry_interval=True,
    max_retry_interval=1, jitter=True, retry_on_deadlock=True,
    retry_on_disconnect=True, exception_checker=errors.is_transient)


@RETRIES
def _run(scope: abc.Callable[
            [], contextlib.AbstractContextManager[sa.Connection]],
         function: abc.Callable[..., _Result], args: tuple[typing.Any, ...],
         kwargs: dict[str, typing.Any]) -> _Result:
    with scope() as conn:
        return function(conn, *args, **kwargs)


@contextlib.contextmanager
def _translated() -> abc.Iterator[None]:
    """While what is raised about the database is told as oslo.db tells it."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.ResourceClosedError,
            NotImplementedError, db_exc.DBError) as exc:
        told = errors.translate(exc)
        if told is exc:
            raise
        raise told from exc


def _reading_engine(settings: _Settings) -> sa.Engine | None:
    """The engine that reads go through, or None on SQLite, where oslo.db's
    own serves as well.

    A read is mostly one statement on one row or page. To begin and end a
    transaction around it, to ask before whether the connection still
    stands and to reset it afterwards would make four round trips of one:
    that is more work than the read. A broken connection shows by the
    statement's failure, and a read can be had again.

    :param settings: the configuration's group ``[database]``.
    """
    try:
        url = limits.limited(settings.slave_connection or settings.connection,
                             settings.connection_parameters)
        if url.get_backend_name() == 'sqlite':
            return None
        engine = sa.create_engine(
            url,
            isolation_level='AUTOCOMMIT', skip_autocommit_rollback=True,
            pool_reset_on_return=None,
            pool_recycle=settings.connection_recycle_time,
            pool_size=settings.max_pool_size or 5,
            max_overflow=settings.max_overflow or 0,
            pool_timeout=settings.pool_timeout or 30)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError,
            ImportError) as exc:
        raise exception.ConfigurationError(
            f'[database] connection can\'t be used: {exc}') from exc
    exc_filters.register_engine(engine)
    _listen(engine, settings)
    return engine


def _keep_private(connection: str) -> None:
    """See that SQLite's file is for its owner only, and those that SQLite
    makes beside it, which have its mode.

    :param connection: str, as in ``[database] connection``.
    """
    try:
        url = sa.make_url(connection)
    except sa.exc.ArgumentError:
        return      # told by whoever needs it
    path = url.database
    if (url.get_backend_name() != 'sqlite' or not path
            or path.startswith((':', 'file:'))):
        return
    # What stands in the way of that is SQLite's to tell.
    with contextlib.suppress(OSError):
        private.make_file(path)
        for suffix in ('-wal', '-shm', '-journal'):
            private.close_file(path + suffix)


def _connections(settings: _Settings) -> dict[str, typing.Any]:
    """Return the options for oslo.db that replace those of ``[database]``.

    :param settings: the configuration's group ``[database]``.
    """
    try:
        urls = {name: limits.limited(settings[name],
                                     settings.connection_parameters)
                for name in ('connection', 'slave_connection')
                if settings[name]}
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError,
            ImportError) as exc:
        raise exception.ConfigurationError(
            f'[database] connection can\'t be used: {exc}') from exc
    return {**{name: url.render_as_string(hide_password=False)
               for name, url in urls.items()},
            'connection_parameters': '',
            # Who needs the database at the start waits for it, and can be
            # told to end meanwhile.
            'max_retries': 0}


def _prepare(engine: sa.Engine, settings: _Settings) -> None:
    _listen(engine, settings)
    # oslo.db may have connected already: without that set-up, and the pool
    # would keep that connection.
    engine.dispose()


def _listen(engine: sa.Engine, settings: _Settings) -> None:
    """Register the set-up of new connections: the same settings for readers
    and for writers.

    :param settings: the configuration's group ``[database]``.
    """
    sa.event.listen(engine, 'connect', lambda connection, record:
                    limits.made(engine, connection))
    sa.event.listen(engine, 'connect', lambda connection, record:
                    limits.limit_transactions(engine, connection))
    if engine.dialect.name in ('mysql', 'mariadb'):
        # As PostgreSQL's default: a count made after waiting for a lock
        # must see what the lock's last holder committed.
        sa.event.listen(engine, 'connect', _mysql_connect)
        sa.event.listen(engine, 'connect', _mysql_variables(settings))
    elif engine.dialect.name == 'sqlite':
        sa.event.listen(engine, 'connect', _sqlite_connect)
        sa.event.listen(engine, 'begin', _sqlite_begin)


def _mysql_connect(connection: typing.Any, record: typing.Any) -> None:
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(
            'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED')
        # Whatever the URL or the server's default says: names may hold any
        # Unicode, and the client side speaks UTF-8 anyway.
        cursor.execute('SET NAMES utf8mb4')


def _mysql_variables(settings: _Settings
                     ) -> abc.Callable[[typing.Any, typing.Any], None]:
    """A listener that sets what oslo.db has options for; by itself it does
    so for its own engine alone."""
    wanted = {'sql_mode': settings.mysql_sql_mode,
              'wsrep_sync_wait': settings.mysql_wsrep_sync_wait}

    def connect(connection: typing.Any, record: typing.Any) -> None:
        with contextlib.closing(connection.cursor()) as cursor:
            for name, value in wanted.items():
                if value is not None:
                    cursor.execute(f'SET SESSION {name} = %s', [value])
    return connect


def _sqlite_connect(connection: typing.Any, record: typing.Any) -> None:
    connection.execute('PRAGMA journal_mode=WAL')
    connection.execute('PRAGMA busy_timeout=30000')


def _sqlite_begin(conn: sa.Connection) -> None:
    # A transaction that reads first and writes later can't wait for another
    # writer; one that says at the start that it will write can.
    # oslo.db's own listener has begun a deferred one just before.
    if _WRITING.get():
        conn.exec_driver_sql('ROLLBACK')
        conn.exec_driver_sql('BEGIN IMMEDIATE')
