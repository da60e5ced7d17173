# SPDX-License-Identifier: Apache-2.0
"""The worker's ear on the bus.

A worker needs no bus: it finds in the database whatever no message told it
of. So the bus is joined beside its work, as often as it takes, and a bus that
is away, refuses the service or says nothing holds nothing up.
"""

import threading

from oslo_log import log

from manila_backup.bus import faults
from manila_backup.bus import questions
from manila_backup.bus import queue_names
from manila_backup.bus import rpc

LOG = log.getLogger(__name__)

#: Seconds between two attempts: at first, and at the most.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0

#: Seconds that leaving the bus may take: a connection that nothing comes
#: from is looked at every five.
PATIENCE = 7.0


class Listener:
    """Joins the bus when that can be, and listens there.

    :param transport: an oslo.messaging transport.
    :param worker: as for :func:`manila_backup.bus.rpc.get_server`,
        and with ``conf``.
    """

    def __init__(self, transport, worker):
        self._transport = transport
        self._worker = worker
        self._stopping = threading.Event()
        self._servers = []
        self._told = set()
        self._number = None
        # Nobody's to wait for: a connection may never be answered.
        self._thread = threading.Thread(target=self._join, name='bus',
                                        daemon=True)

    def start(self):
        """Begin to join; returns at once."""
        faults.OneLine.install()
        self._thread.start()

    def stop(self, patience=PATIENCE):
        """Leave the bus.

        :param patience: float, seconds to wait for that; whatever is not
            done by then ends with the process.
        """
        self._stopping.set()
        leaving = threading.Thread(target=self._leave, name='leaving',
                                   daemon=True)
        leaving.start()
        leaving.join(patience)
        if leaving.is_alive():
            LOG.warning('The message bus does not respond; not waiting for it')

    def _leave(self):
        self._thread.join()
        for each in self._servers:
            each.stop()
        for each in self._servers:
            each.wait()

    def _join(self):
        pause = FIRST_PAUSE
        with faults.Silence():
            while not self._stopping.is_set():
                problem = None
                try:
                    self._try()
                except Exception as exc:
                    problem = faults.reason(exc)
                if problem is None:
                    break
                # Not above, where the log would repeat the exception.
                self._tell(problem)
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        if self._told and self._servers:
            LOG.info('Connected to the message bus')

    def _try(self):
        # oslo.messaging would wait for a bus that is away, and tell of every
        # attempt: it is asked only once there is one that lets us in.
        rpc.log_in(self._transport)
        if self._stopping.is_set():
            return
        if self._number is None:
            self._number = queue_names.number(
                self._worker.conf, self._transport, rpc.TOPIC)
        # One that can't be started is asked again from the first on.
        while self._servers:
            self._servers.pop().stop()
        for server in (rpc.get_server(self._transport, self._worker),
                       *questions.get_servers(self._transport,
                                              self._worker)):
            server.start()
            self._servers.append(server)

    def _tell(self, problem):
        # Several hosts are tried in turn, and each may have another.
        if problem not in self._told:
            LOG.error('The message bus (%s) can\'t be used, so operations are '
                      'found in the database only, and begin up to %g s '
                      'later. Trying to reconnect. %s',
                      rpc.servers(self._transport),
                      self._worker.conf.backup.scan_interval, problem)
        self._told.add(problem)
