# SPDX-License-Identifier: Apache-2.0
"""Messages that nobody waits for."""

import queue
import threading

from oslo_log import log

from manila_backup.bus import faults

LOG = log.getLogger(__name__)

#: Messages that may wait for a slow bus before further ones are dropped.
MAX_WAITING = 1000

#: Seconds that the messages still waiting get when a process ends.
PATIENCE = 3.0


class AsyncSender:
    """Sends messages by a thread of its own, one after the other, so that a
    bus that is slow or away doesn't hold up what is committed already.

    :param name: str, the thread's.
    """

    def __init__(self, name):
        self._name = name
        self._waiting = queue.Queue(MAX_WAITING)
        self._lock = threading.Lock()
        self._thread = None
        self._told, self._lost = set(), 0

    def send(self, what, function, *args, **kwargs):
        """Have ``function`` called soon. If it fails, or too many wait
        already, the message is lost, and that is logged (once, as long as
        it is for one reason).

        :param what: str, the message, for the log.
        """
        self._start()
        try:
            self._waiting.put_nowait((what, function, args, kwargs))
        except queue.Full:
            LOG.warning('The message bus is too slow: not sent: %s', what)

    def close(self, patience=PATIENCE):
        """Send what is waiting, then end the thread. What a bus that doesn't
        answer has not taken by then is lost.

        :param patience: float, seconds to wait for it.
        """
        with self._lock:
            thread, self._thread = self._thread, None
        if not thread:
            return
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            LOG.warning('Not sent, since the message bus is too slow: %d '
                        'messages',
                        self._waiting.qsize())
            return
        thread.join(patience)
        if thread.is_alive():
            LOG.warning('The message bus accepts no messages: unsent ones are '
                        'dropped')

    def _start(self):
        # On first use: under a forking WSGI server a thread that was started
        # before the fork would be missing after it. It is nobody's to wait
        # for: the bus may never answer it.
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._send_forever, name=self._name, daemon=True)
                self._thread.start()

    def _send_forever(self):
        with faults.Silence():
            while (message := self._waiting.get()) is not None:
                what, function, args, kwargs = message
                problem = None
                try:
                    function(*args, **kwargs)
                except Exception as exc:
                    problem = faults.reason(exc)
                # Not above, where the log would repeat the exception.
                self._tell(what, problem)

    def _tell(self, what, problem):
        if problem is None:
            self._tell_end()
            return
        self._lost += 1
        if problem in self._told:
            LOG.debug('Not sent: %s: %s', what, problem)
        else:
            LOG.warning('Not sent; further failures like this are not logged: '
                        '%s: %s', what, problem)
        # Several hosts are tried in turn, and each may have another.
        self._told.add(problem)

    def _tell_end(self):
        if self._told:
            LOG.info('The message bus accepts messages again; %d were lost',
                     self._lost)
        self._told, self._lost = set(), 0
