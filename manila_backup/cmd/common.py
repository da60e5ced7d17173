# SPDX-License-Identifier: Apache-2.0
"""What the commands have in common. Imports little: see :func:`run`."""

import signal
import sys
import threading
import warnings

from manila_backup import exception


def run(main):
    """Run a command's ``main(args)`` and exit with what it returns.

    A configuration that can't work ends in one clear line and status 1.

    The commands import what they need inside their functions: the process
    that copiers are forked from loads the command's module as well, and
    should stay small.
    """
    # A library of oslo's imports eventlet where it is installed, to see
    # whether it is in use. It is not.
    warnings.filterwarnings('ignore', message=r'\s*Eventlet is deprecated')
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
    """

    def __init__(self, reload):
        self._stop = threading.Event()
        self._hup = threading.Event()
        self._reload = reload
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hup)

    def _on_stop(self, number, frame):
        self._stop.set()
        self._hup.set()

    def _on_hup(self, number, frame):
        self._hup.set()

    def wait(self):
        """Return when the process is to end."""
        while True:
            self._hup.wait()
            self._hup.clear()
            if self._stop.is_set():
                return
            self._reload()


def connect(conf):
    """The database, made sure to be at this release's schema.

    :raises manila_backup.exception.ConfigurationError: it is not, or
        can't be reached.
    """
    from oslo_db import exception as db_exc

    from manila_backup.db import engine
    from manila_backup.db import schema

    database = engine.Database(conf)
    try:
        schema.check(database)
    except db_exc.DBError as exc:
        raise exception.ConfigurationError(
            f'The database can\'t be used: {exc}') from exc
    return database
