# SPDX-License-Identifier: Apache-2.0
"""Messages to systemd: that a process is ready, that it ends, and, for the
watchdog, that it still works; and sockets of its own that it gives a process.

Units of ``Type=notify`` wait for that. Whoever else starts the process sets
no environment for it, and then nothing is told, and no socket given.
"""

import logging
import os
import socket
import threading

LOG = logging.getLogger(__name__)

# The number of the first descriptor that it gives.
_FIRST = 3


class Notifier:
    """Tells systemd about this process.

    The variables that name the socket and the watchdog are taken out of the
    environment: no child is to speak for the process.

    :param environ: mutable mapping, the process's environment.
    """

    def __init__(self, environ=os.environ):
        self._address = environ.pop('NOTIFY_SOCKET', '')
        self._interval = watchdog_interval(environ)
        self._stopping = threading.Event()

    def ready(self, is_alive):
        """Say that the process does what it is for, and, from now on, twice
        in each period of the watchdog, that it still does.

        :param is_alive: function that says whether it does, as a bool. It
            is not asked any more once :meth:`stopping` was called: ending has
            limits of its own.
        """
        self._send('READY=1')
        if self._address and self._interval:
            threading.Thread(target=self._watch, args=(is_alive,),
                             name='watchdog', daemon=True).start()

    def stopping(self):
        """Say that the process is about to end."""
        self._stopping.set()
        self._send('STOPPING=1')

    def _watch(self, is_alive):
        pause = threading.Event()
        while True:
            self.look(is_alive)
            pause.wait(self._interval)

    def look(self, is_alive):
        """Give one sign of life, if there is life."""
        if self._stopping.is_set() or is_alive():
            self._send('WATCHDOG=1')

    def _send(self, text):
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM
                               | socket.SOCK_CLOEXEC) as told:
                # A name that begins with @ is one of the abstract kind.
                told.connect(self._address.replace('@', '\0', 1)
                             if self._address.startswith('@')
                             else self._address)
                told.sendall(text.encode())
        except OSError as exc:
            LOG.warning('systemd could not be told "%s": %s', text, exc)


def sockets(environ=os.environ):
    """Take up the sockets that systemd listens on for this process: those of
    the socket unit of its service. They and their names are not for children.

    :param environ: mutable mapping, the process's environment.
    :returns: list of :class:`socket.socket`; empty if there are none.
    """
    count = environ.pop('LISTEN_FDS', '')
    pid = environ.pop('LISTEN_PID', '')
    environ.pop('LISTEN_FDNAMES', None)
    if pid != str(os.getpid()) or not count.isdigit():
        return []
    # They are not inherited any more from here on.
    return [socket.socket(fileno=_private(number))
            for number in range(_FIRST, _FIRST + int(count))]


def _private(descriptor):
    os.set_inheritable(descriptor, False)
    return descriptor


def watchdog_interval(environ):
    """Take the watchdog's settings out of the environment.

    :returns: float, seconds between two signs of life; None without a
        watchdog for this process.
    """
    period = environ.pop('WATCHDOG_USEC', '')
    pid = environ.pop('WATCHDOG_PID', '')
    if not period.isdigit() or not int(period):
        return None
    if pid and pid != str(os.getpid()):
        return None
    return int(period) / 2e6
