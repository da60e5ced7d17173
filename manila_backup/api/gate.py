# SPDX-License-Identifier: Apache-2.0
"""Gate at which requests that need the database wait for it."""

import logging
import queue
import threading

from oslo_db import exception as db_exc

from manila_backup.api import faults
from manila_backup import exception

LOG = logging.getLogger(__name__)

_CLOSED = (db_exc.DBError, exception.ConfigurationError)


#: Seconds for a first look: more than a connection has to come about.
FIRST_LOOK = 15.0


class Gate:
    """Answers 503 until the database was found to be there, and to be what
    this release needs: an API starts without one.

    :param check: function without arguments that raises unless it is.
    :param is_open: bool, whether that was found already.
    """

    def __init__(self, check, is_open=False):
        self._check = check
        self._open = is_open
        self._looking = threading.Lock()
        self._told = None

    def check(self):
        """Look whether the database is there now.

        :raises Exception: what the check raised.
        """
        with self._looking:
            self._see()

    def look(self):
        """Look, and only log why it can't be used.

        A database that has taken the connection may say nothing after that
        for ever. Who waits for it answers nobody: so this returns after
        :data:`FIRST_LOOK` seconds, and the look goes on beside.

        :returns: bool, whether it can.
        :raises manila_backup.exception.ConfigurationError: it is there, and
            not what this release needs.
        """
        ended = queue.SimpleQueue()
        threading.Thread(target=self._look, args=(ended,), name='first look',
                         daemon=True).start()
        try:
            problem = ended.get(timeout=FIRST_LOOK)
        except queue.Empty:
            problem = TimeoutError(f'no answer within {FIRST_LOOK:g} s')
        else:
            if problem and (not isinstance(problem, _CLOSED) or isinstance(
                    problem, exception.ConfigurationError)):
                raise problem
        if problem:
            self._tell(problem)
        return self._open

    def _look(self, ended):
        problem = None
        try:
            self.check()
        except Exception as exc:
            problem = exc
        ended.put(problem)

    def wrap(self, app):
        """Let requests through to an application only when it can work.

        :param app: a WSGI application.
        :returns: a WSGI application.
        """
        def gated(environ, start_response):
            if not self._open:
                self._try()
            return app(environ, start_response)
        return gated

    def _try(self):
        # One looks: a database that says nothing must not take all threads.
        problem = None
        if self._looking.acquire(blocking=False):
            try:
                self._see()
                return
            except _CLOSED as exc:
                problem = exc
            finally:
                self._looking.release()
        if problem:
            self._tell(problem)
        raise faults.Fault(
            503, 'The service can\'t use its database yet; try again later.',
            {'Retry-After': str(faults.RETRY_AFTER)})

    def _see(self):
        if not self._open:
            self._check()
            self._open = True

    def _tell(self, exc):
        problem = str(exc).splitlines()[0]
        if problem != self._told:
            LOG.error('The database can\'t be used: %s', problem)
        self._told = problem
