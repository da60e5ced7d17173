# SPDX-License-Identifier: Apache-2.0
"""Measuring the repositories now and then: for the metrics of a worker, and
for administrators, who see it over the API."""

from oslo_log import log

from manila_backup.db import repositories
from manila_backup.engine import child
from manila_backup import exception
from manila_backup.maintenance import threads
from manila_backup import quoting

LOG = log.getLogger(__name__)

#: Seconds between two measurements of a repository, and what one may take.
INTERVAL, PATIENCE = 60.0, 30.0


class Space(threads.Thread):
    """A thread that measures.

    It is done in children, since a file server that is gone answers nobody:
    what was measured last stays then, with the time of that.

    :param worker: has ``conf``, ``host``, ``database``, ``drivers`` and
        ``metrics``.
    """

    name = 'space'

    def __init__(self, worker):
        super().__init__(worker)
        self._told: dict[str, str] = {}

    def _forever(self):
        self._write(repositories.keep, self._worker.host,
                    list(self._worker.drivers))
        while not self._ended.is_set():
            for name, driver in self._worker.drivers.items():
                self._measure(name, driver)
            self._ended.wait(INTERVAL)

    def _measure(self, name, driver):
        where = name, self._worker.host, self._location(driver)
        try:
            found = self._ask(driver)
        except (exception.WorkFailed, child.ChildDied) as exc:
            if self._told.get(name) != str(exc):
                LOG.warning('The repository of the driver %s could not be '
                            'measured: %s', name, exc)
            self._told[name] = str(exc)
            self._write(repositories.failed, *where, str(exc))
            return
        self._told.pop(name, None)
        if self._ended.is_set():
            return
        if found is not None:
            self._worker.metrics.space(name, *found)
        self._write(repositories.found, *where, found)

    def _location(self, driver):
        """Return where a repository is, without passwords; None if that is no
        single place."""
        if driver.LOCATION is None:
            return None
        group, option = driver.LOCATION
        return quoting.without_userinfo(self._worker.conf[group][option])

    def _write(self, function, *args):
        try:
            self._worker.database.write(function, *args)
        except Exception as exc:
            LOG.warning('What is known of repositories could not be written: '
                        '%s', exc)

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
