# SPDX-License-Identifier: Apache-2.0
"""Measuring the repositories now and then, for the metrics of a worker."""

import threading

from oslo_log import log

from manila_backup.engine import child
from manila_backup import exception

LOG = log.getLogger(__name__)

#: Seconds between two measurements of a repository, and what one may take.
INTERVAL, PATIENCE = 60.0, 30.0


class Space:
    """A thread that measures, where the worker has metrics.

    It is done in children, since a file server that is gone answers nobody:
    what was measured last stays then, with the time of that.

    :param worker: has ``conf``, ``drivers`` and ``metrics``.
    """

    def __init__(self, worker):
        self._worker = worker
        self._ended = threading.Event()
        self._told: dict[str, str] = {}
        self._thread = threading.Thread(target=self._forever, name='space')

    def start(self):
        if self._worker.conf.metrics.enabled:
            self._thread.start()

    def stop(self):
        """Stop, and return when it is over."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _forever(self):
        while not self._ended.is_set():
            for name, driver in self._worker.drivers.items():
                self._measure(name, driver)
            self._ended.wait(INTERVAL)

    def _measure(self, name, driver):
        try:
            found = self._ask(driver)
        except (exception.WorkFailed, child.ChildDied) as exc:
            if self._told.get(name) != str(exc):
                LOG.warning('The repository of the driver %s could not be '
                            'measured: %s', name, exc)
            self._told[name] = str(exc)
            return
        self._told.pop(name, None)
        if found is not None:
            self._worker.metrics.space(name, *found)

    def _ask(self, driver):
        """Have a child measure.

        :returns: (bytes used, bytes free); None if that can't be told, or
            the worker stops.
        :raises manila_backup.exception.WorkFailed: it is not there.
        :raises manila_backup.engine.child.ChildDied: as of
            :meth:`.child.Child.result`.
        """
        asked = child.Child(driver.space, (), self._worker.conf.backup)
        asked.progress.extend(PATIENCE)
        asked.start()
        try:
            left = PATIENCE
            while not asked.wait(0.5):
                left -= 0.5
                if self._ended.is_set():
                    return None
                if left <= 0:
                    raise child.ChildDied(f'no answer within {PATIENCE:g} s')
            return asked.result()
        finally:
            asked.kill()
