# SPDX-License-Identifier: Apache-2.0
"""Gate at which requests that need the database wait for it."""

import logging
import threading

from oslo_db import exception as db_exc
from sqlalchemy import exc as sa_exc

from manila_backup.api import faults
from manila_backup import exception

LOG = logging.getLogger(__name__)

_CLOSED = (db_exc.DBError, sa_exc.OperationalError,
           exception.ConfigurationError)


class Gate:
    """Answers 503 until the database was found to be there, and to be what
    this release needs: an API starts without one.

    :param check: function without arguments that raises unless it is.
    """

    def __init__(self, check):
        self._check = check
        self._open = False
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

        :returns: bool, whether it can.
        :raises manila_backup.exception.ConfigurationError: it is there, and
            not what this release needs.
        """
        problem = None
        try:
            self.check()
        except exception.ConfigurationError:
            raise
        except _CLOSED as exc:
            problem = exc
        # Not above, where the log would repeat the exception.
        if problem:
            self._tell(problem)
        return self._open

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
        said = str(exc).splitlines()[0]
        if said != self._told:
            LOG.error('The database can\'t be used: %s', said)
        self._told = said
