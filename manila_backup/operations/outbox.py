# SPDX-License-Identifier: Apache-2.0
"""Messages that nobody waits for."""

import concurrent.futures
import threading

from oslo_log import log

LOG = log.getLogger(__name__)

#: Messages that may wait for a slow bus before further ones are dropped.
MAX_WAITING = 1000


class Outbox:
    """Sends messages by a thread of its own, one after the other, so that a
    bus that is slow or away doesn't hold up what is committed already.

    :param name: str, the thread's.
    """

    def __init__(self, name):
        self._name = name
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)
        self._lock = threading.Lock()
        self._pool = None

    def send(self, what, function, *args, **kwargs):
        """Have ``function`` called soon. If it fails, or too many wait
        already, that is logged and the message lost.

        :param what: str, the message, for the log.
        """
        if not self._waiting.acquire(blocking=False):
            LOG.warning('The bus is too slow: not sent: %s', what)
            return
        self._executor().submit(self._send, what, function, args, kwargs)

    def close(self):
        """Send what is waiting, then end the thread."""
        if self._pool:
            self._pool.shutdown()

    def _executor(self):
        # Made on first use: under a forking WSGI server a thread that was
        # started before the fork would be missing after it.
        with self._lock:
            if self._pool is None:
                self._pool = concurrent.futures.ThreadPoolExecutor(
                    1, thread_name_prefix=self._name)
            return self._pool

    def _send(self, what, function, args, kwargs):
        try:
            function(*args, **kwargs)
        except Exception as exc:
            LOG.warning('Not sent: %s: %s', what, exc)
        finally:
            self._waiting.release()
