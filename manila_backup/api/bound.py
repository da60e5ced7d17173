# SPDX-License-Identifier: Apache-2.0
"""Limit of threads that wait for servers which do not answer."""

import contextlib
import threading
import time

from manila_backup.api import faults

#: Seconds without any progress after which nobody waits any longer.
PATIENCE = 3.0


class Bound:
    """Keeps a thread free for what needs no other server, such as ``/`` and
    ``/healthcheck``, while all others wait for Keystone, the database or
    Manila.

    Requests queue as long as those before them are answered. Once all places
    are taken and nothing has moved for :data:`PATIENCE` seconds, further
    ones are answered 503 at once.

    :param limit: int, how many requests are worked on at once; None for any
        number of them.
    """

    def __init__(self, limit):
        self._limit = limit
        self._inside = 0
        self._moved = 0.0
        self._changed = threading.Condition()

    def wrap(self, app):
        """Let requests through to an application.

        :param app: a WSGI application. Its answer is complete when it returns
            if that is a list; else it has a method ``close``.
        :returns: a WSGI application.
        """
        if self._limit is None:
            return app

        def bounded(environ, start_response):
            self._enter()
            with contextlib.ExitStack() as stack:
                stack.callback(self._leave)
                answer = app(environ, start_response)
                if isinstance(answer, list):
                    return answer
                return _Going(answer, stack.pop_all().close)
        return bounded

    def _enter(self):
        with self._changed:
            while self._inside >= self._limit:
                left = self._moved + PATIENCE - time.monotonic()
                if left <= 0:
                    raise faults.Fault(
                        503, 'All threads are waiting for another server; try '
                             'again later.',
                        {'Retry-After': str(faults.RETRY_AFTER)})
                self._changed.wait(left)
            self._inside += 1
            self._moved = time.monotonic()

    def _leave(self):
        with self._changed:
            self._inside -= 1
            self._moved = time.monotonic()
            self._changed.notify()


class _Going:
    """An answer that is sent while it comes, and has its place until then.

    :param answer: iterable of bytes.
    :param leave: gives the place back.
    """

    def __init__(self, answer, leave):
        self._answer = answer
        self._leave = leave

    def __iter__(self):
        return iter(self._answer)

    def close(self):
        """Called by the server in the end."""
        try:
            close = getattr(self._answer, 'close', None)
            if close:
                close()
        finally:
            self._leave()


def of_wsgi_server(conf):
    """One for the WSGI server that this runs under: it leaves one of
    uWSGI's threads free. Others don't say how many they have, and have to be
    given more than ``[api] threads``.

    :param conf: the configuration.
    """
    try:
        import uwsgi
    except ImportError:
        return Bound(conf.api.threads)
    threads = int(uwsgi.opt.get('threads', 1))
    return Bound(threads - 1 if threads > 1 else None)
