# SPDX-License-Identifier: Apache-2.0
"""Functions that the commands share. Imports little: see :func:`run`."""

import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time

from manila_backup import exception

LOG = logging.getLogger(__name__)


def run(main):
    """Run a command's ``main(args)`` and exit with what it returns.

    A configuration that can't work ends in one clear line and status 1.

    The commands import what they need inside their functions: the process
    that children are forked from loads the command's module as well, and
    should stay small.
    """
    try:
        sys.exit(main(sys.argv[1:]))
    except exception.ConfigurationError as exc:
        print(f'{sys.argv[0].rsplit("/", 1)[-1]}: {exc}', file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


#: Seconds at the end of ``[backup] shutdown_grace`` in which no operation is
#: waited for: what runs is handed over, and connections are closed.
LEAVE = 15.0

#: The last of those seconds, in which a process that still waits for something
#: says so and ends.
_LAST = 2.0


class Signals:
    """Listens for what a service's process is told by signals.

    To be made in the main thread before others are started. SIGTERM and
    SIGINT end the wait; SIGHUP calls ``reload``.

    The system may deliver a signal to any thread, and one that is asleep
    learns nothing of what another was told. So a thread waits for what the
    interpreter writes in whichever it was.

    :param reload: a function without arguments.
    :param limit: function that says within how many seconds after the signal
        the process has to be gone; without it, there is no limit.
    """

    def __init__(self, reload, limit=None):
        self._reload = reload
        self._limit = limit
        self._ended = threading.Event()
        self._since = None
        self._told, self._tell = socket.socketpair()
        self._tell.setblocking(False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._pass)
        signal.set_wakeup_fd(self._tell.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._listen, name='signals',
                         daemon=True).start()

    @classmethod
    def of_service(cls, conf):
        """Create the signal handling of a process of the service."""
        return cls(conf.mutate_config_files,
                   lambda: conf.backup.shutdown_grace)

    @staticmethod
    def _pass(number, frame):
        """Nothing: but without a handler there would be no writing."""

    def wait(self, timeout=None):
        """Wait until the process is to end.

        :param timeout: float, seconds to wait at the most.
        :returns: bool, whether it is to end.
        """
        return self._ended.wait(timeout)

    def left_for_work(self):
        """Return the number of seconds that running operations still have to
        finish. They count from the signal, whatever was ended since."""
        passed = 0.0 if self._since is None else (
            time.monotonic() - self._since)
        return max(0.0, self._limit() - LEAVE - passed)

    def _listen(self):
        while True:
            told = self._told.recv(4096)
            if ((signal.SIGTERM in told or signal.SIGINT in told)
                    and not self._ended.is_set()):
                self._since = time.monotonic()
                self._ended.set()
                if self._limit:
                    threading.Thread(target=self._end, name='end',
                                     daemon=True).start()
            if signal.SIGHUP in told:
                try:
                    self._reload()
                except Exception:
                    LOG.exception('The configuration could not be read '
                                  'again')

    def _end(self):
        """End the process if it doesn't end by itself. Everything bears
        that: it is what a power cut would do."""
        limit = self._limit()
        last = min(_LAST, limit)
        time.sleep(limit - last)
        # Should the log block, too, this still comes to its end, and in time.
        telling = threading.Thread(target=LOG.warning, daemon=True, args=(
            'Not ended within %g s; not waiting any longer for: %s', limit,
            ', '.join(sorted(each.name for each in threading.enumerate()
                             if each is not threading.current_thread()))))
        telling.start()
        telling.join(last / 2)
        os._exit(0)


# -- the database at the start -------------------------------------------

def connect(conf, signals=None):
    """The database, made sure to be at this release's schema.

    :param signals: a :class:`Signals` that ends the wait for a database
        which is away.
    :returns: a :class:`manila_backup.db.engine.Database`; None if the
        process is to end.
    :raises manila_backup.exception.ConfigurationError: it is not, or
        can't be reached.
    """
    from manila_backup.db import engine
    from manila_backup.db import schema

    database = engine.Database(conf)
    if patiently(conf, lambda: schema.check(database), signals):
        return database
    return None


def patiently(conf, function, signals=None):
    """Do something with the database that may not be there yet, as often as
    ``[database] max_retries`` and ``retry_interval`` say.

    :param function: called without arguments, until it succeeds.
    :param signals: a :class:`Signals` that ends this.
    :returns: bool, False if the process is to end.
    :raises manila_backup.exception.ConfigurationError: it was too often, or
        the database is not as it should be.
    """
    from oslo_db import exception as db_exc

    left, told = conf.database.max_retries, None
    while not (signals and signals.wait(0)):
        try:
            function()
            return True
        except db_exc.DBError as exc:
            problem = str(exc).splitlines()[0]
        left -= 1
        if left == 0 or conf.database.max_retries == 0:
            raise exception.ConfigurationError(
                f'The database can\'t be used: {problem}')
        if problem != told:
            LOG.warning('The database can\'t be used; trying again every '
                        '%g s: %s', conf.database.retry_interval,
                        problem)
        told = problem
        (signals.wait if signals else time.sleep)(
            conf.database.retry_interval)
    return False


# -- workers ---------------------------------------------------------------

def make_worker(conf, database, transport):
    """A worker that also does what is to be done now and then.

    :param transport: an oslo.messaging transport.
    :returns: a :class:`manila_backup.engine.worker.Worker`, not started.
    """
    from manila_backup.engine import worker
    from manila_backup.maintenance import exposure
    from manila_backup.maintenance import nesting
    from manila_backup.maintenance import policy_runner
    from manila_backup.maintenance import space
    from manila_backup.maintenance import sweeper
    from manila_backup.maintenance import verifier

    nesting.check(conf)
    for problem in exposure.reachable(conf):
        LOG.warning('%s', problem)
    return worker.Worker(conf, database, transport,
                         [sweeper.Sweeper, space.Space, policy_runner.Runner,
                          verifier.Verifier])


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


def show(conf, columns, rows, table_columns=None):
    """Print rows as a table, or as JSON, as the command line says.

    :param rows: list of dicts, or of mappings like them.
    :param table_columns: those of ``columns`` that a table has; None for all.
    """
    import prettytable

    rows = [{name: _plain(row[name]) for name in columns} for row in rows]
    if conf.command.format == 'json':
        print(json.dumps(rows, indent=2))
        return
    table = prettytable.PrettyTable(table_columns or columns)
    table.align = 'l'
    if sys.stdout.isatty():
        table.max_table_width = shutil.get_terminal_size().columns
    for row in rows:
        table.add_row(['' if row[name] is None else row[name]
                       for name in table.field_names])
    print(table)


def _plain(value):
    return value.isoformat() if hasattr(value, 'isoformat') else value
