# SPDX-License-Identifier: Apache-2.0
"""Time limits of connections to the database's server.

A server that says nothing while a connection is made is given up. One that
is busy with a statement is not: how long that takes is nobody's business
here, be it a migration or the wait for a lock. But a connection whose other
end is gone without a word, as a host without power is, is found out by the
kernel.

The server, for its part, does not wait for ever for the next statement of a
transaction: a process that is stopped in the middle of one, or whose host has
lost power, would keep the rows locked that it has changed, and what is locked
no other worker can take over.
"""

import contextlib
import socket

import sqlalchemy as sa

#: Seconds in which a connection must have come about, logging in included.
CONNECT = 10

# The same, and not taken for what somebody has put into the URL.
_WHILE_MADE = f'0{CONNECT}'

#: Seconds without any traffic after which the kernel asks whether the other
#: end is there, between two times of asking, and how often it does before
#: the connection is taken to be broken.
IDLE, INTERVAL, COUNT = 30, 10, 3

#: Milliseconds in which the other end must have confirmed what was sent.
UNCONFIRMED = 60000

#: Seconds without a statement after which the server rolls back a transaction
#: and closes its connection. As long as a lease is by default.
TRANSACTION = 30

_POSTGRESQL = {'connect_timeout': CONNECT, 'keepalives': 1,
               'keepalives_idle': IDLE, 'keepalives_interval': INTERVAL,
               'keepalives_count': COUNT, 'tcp_user_timeout': UNCONFIRMED}

#: Driver -> its parameters. PyMySQL's connect_timeout does not hold for the
#: answers that it waits for while it logs in: see :func:`made`.
_PARAMETERS = {
    'pymysql': {'connect_timeout': CONNECT, 'read_timeout': _WHILE_MADE,
                'write_timeout': _WHILE_MADE},
    'mysqldb': {'connect_timeout': CONNECT},
    'psycopg2': _POSTGRESQL,
    'psycopg': _POSTGRESQL,
}

_SOCKET_OPTIONS = (
    (socket.SOL_SOCKET, 'SO_KEEPALIVE', 1),
    (socket.IPPROTO_TCP, 'TCP_KEEPIDLE', IDLE),
    (socket.IPPROTO_TCP, 'TCP_KEEPINTVL', INTERVAL),
    (socket.IPPROTO_TCP, 'TCP_KEEPCNT', COUNT),
    (socket.IPPROTO_TCP, 'TCP_USER_TIMEOUT', UNCONFIRMED),
)


def limited(url, parameters=None):
    """A URL with the limits in it; what it says itself stays.

    :param url: str.
    :param parameters: str, more of its query, as in ``[database]
        connection_parameters``.
    :returns: a SQLAlchemy URL; None if there is none.
    :raises sqlalchemy.exc.ArgumentError: it makes no sense.
    """
    if not url:
        return None
    url = sa.make_url(url).update_query_string(parameters or '', append=True)
    known = _PARAMETERS.get(url.get_driver_name(), {})
    return url.update_query_dict({
        name: str(value) for name, value in known.items()
        if name not in url.query})


def made(engine, connection):
    """A connection has come about: no more limits but the kernel's, and what
    the URL asked for.

    :param engine: its SQLAlchemy engine, of a URL by :func:`limited`.
    :param connection: the driver's connection.
    """
    if engine.driver != 'pymysql':
        return
    for name in ('read_timeout', 'write_timeout'):
        if engine.url.query.get(name) == _PARAMETERS['pymysql'][name]:
            setattr(connection, f'_{name}', None)
    # Not connected by TCP: it has no such options.
    if connection._sock.family in (socket.AF_INET, socket.AF_INET6):
        for level, name, value in _SOCKET_OPTIONS:
            connection._sock.setsockopt(level, getattr(socket, name), value)


def limit_transactions(engine, connection):
    """Have the server end a transaction whose client says nothing more.

    MySQL knows no such limit, nor does a MariaDB before 10.3.

    :param engine: the SQLAlchemy engine of the connection.
    :param connection: the driver's connection.
    """
    if engine.dialect.name == 'postgresql':
        # In a transaction it would be taken back with that.
        automatic, connection.autocommit = connection.autocommit, True
        _execute(connection, 'SET SESSION idle_in_transaction_session_timeout '
                             f'= {TRANSACTION * 1000}')
        connection.autocommit = automatic
    elif (getattr(engine.dialect, 'is_mariadb', False)
            and engine.dialect.server_version_info >= (10, 3)):
        _execute(connection, 'SET SESSION idle_transaction_timeout = '
                             f'{TRANSACTION}')


def _execute(connection, statement):
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(statement)
