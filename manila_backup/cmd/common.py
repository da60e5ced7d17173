# SPDX-License-Identifier: Apache-2.0
"""What the commands have in common. Imports little: see :func:`run`."""

import json
import signal
import socket
import sys

from manila_backup import exception


def run(main):
    """Run a command's ``main(args)`` and exit with what it returns.

    A configuration that can't work ends in one clear line and status 1.

    The commands import what they need inside their functions: the process
    that copiers are forked from loads the command's module as well, and
    should stay small.
    """
    try:
        sys.exit(main(sys.argv[1:]))
    except exception.ConfigurationError as exc:
        print(f'{sys.argv[0].rsplit("/", 1)[-1]}: {exc}', file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


class Signals:
    """Waits for what a service's process is told by signals.

    To be made in the main thread before others are started. SIGTERM and
    SIGINT end the wait; SIGHUP calls ``reload``.

    The system may deliver a signal to any thread, and one that is asleep
    learns nothing of what another was told. So the wait is for what the
    interpreter writes in whichever it was.
    """

    def __init__(self, reload):
        self._reload = reload
        self._told, self._tell = socket.socketpair()
        self._tell.setblocking(False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._pass)
        signal.set_wakeup_fd(self._tell.fileno(), warn_on_full_buffer=False)

    @staticmethod
    def _pass(number, frame):
        """Nothing: but without a handler there would be no writing."""

    def wait(self):
        """Return when the process is to end."""
        while True:
            told = self._told.recv(4096)
            if signal.SIGTERM in told or signal.SIGINT in told:
                return
            if signal.SIGHUP in told:
                self._reload()


def connect(conf):
    """The database, made sure to be at this release's schema.

    :raises manila_backup.exception.ConfigurationError: it is not, or
        can't be reached.
    """
    from oslo_db import exception as db_exc
    from sqlalchemy import exc as sa_exc

    from manila_backup.db import engine
    from manila_backup.db import schema

    database = engine.Database(conf)
    try:
        schema.check(database)
    # oslo.db leaves a refusal of connections by PostgreSQL as it is.
    except (db_exc.DBError, sa_exc.OperationalError) as exc:
        raise exception.ConfigurationError(
            f'The database can\'t be used: {str(exc).splitlines()[0]}'
        ) from exc
    return database


# -- commands of several levels ------------------------------------------

def category(subparsers, name, text):
    """Add a group of commands.

    :returns: where to add them; see :func:`command`.
    """
    parser = subparsers.add_parser(name, help=text, description=text)
    commands = parser.add_subparsers(dest='action', metavar='COMMAND')
    commands.required = True
    return commands


def command(commands, name, function, text):
    """Add a command.

    :param function: called with the configuration, of which ``command`` has
        what the command line says.
    :returns: the parser, to add arguments to.
    """
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(function=function)
    return parser


def listing(commands, function, text, name='list'):
    """Add a command whose output is a table or JSON: see :func:`show`."""
    parser = command(commands, name, function, text)
    parser.add_argument('--format', choices=['table', 'json'],
                        default='table', help='how to print it: table')
    return parser


def show(conf, columns, rows):
    """Print rows as a table, or as JSON, as the command line says.

    :param rows: list of dicts, or of mappings like them.
    """
    import prettytable

    rows = [{name: _plain(row[name]) for name in columns} for row in rows]
    if conf.command.format == 'json':
        print(json.dumps(rows, indent=2))
        return
    table = prettytable.PrettyTable(columns)
    table.align = 'l'
    for row in rows:
        table.add_row(['' if row[name] is None else row[name]
                       for name in columns])
    print(table)


def _plain(value):
    return value.isoformat() if hasattr(value, 'isoformat') else value
