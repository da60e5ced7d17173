# SPDX-License-Identifier: Apache-2.0
"""A worker's thread that runs backup policies."""

from oslo_log import log

from manila_backup.maintenance import scheduler
from manila_backup.maintenance import threads
from manila_backup.requests import admission

LOG = log.getLogger(__name__)

# The longest that goes by before a changed interval is noticed, in seconds.
_LOOK = 60.0


class _Stopped(Exception):
    """Told to stop."""


class Runner(threads.Thread):
    """A thread that looks what is due, every ``[policies] interval``.

    :param worker: as of :func:`scheduler_of`.
    """

    name = 'policies'

    def __init__(self, worker):
        super().__init__(worker)
        self._conf = worker.conf.policies
        self._scheduler = scheduler_of(worker)

    def _forever(self):
        while True:
            more = False
            if self._conf.interval:
                try:
                    more = self._scheduler.run(self._keep)
                except _Stopped:
                    return
                except Exception:
                    LOG.exception('The search for due runs of backup '
                                  'policies failed')
            pause = 0 if more else self._conf.interval or _LOOK
            if self._ended.wait(pause):
                return

    def _keep(self):
        if self._ended.is_set():
            raise _Stopped()


def scheduler_of(worker):
    """Make the :class:`~.scheduler.Scheduler` of a worker.

    :param worker: has ``conf``, ``database``, ``caller``, ``drivers``,
        ``source``, ``notifier`` and ``metrics``.
    """
    requests = admission.Admission(worker.conf, worker.database,
                                   worker.caller, worker.drivers,
                                   worker.source)
    return scheduler.Scheduler(
        worker.conf, worker.database, requests,
        scheduler.Events(worker.notifier, worker.metrics))
