# SPDX-License-Identifier: Apache-2.0
"""Sweeping the repositories, and all else that is done now and then, in the
workers."""

from oslo_log import log

from manila_backup.db import messages as db_messages
from manila_backup.engine import named_lock
from manila_backup import exception
from manila_backup.maintenance import policy_runner
from manila_backup.maintenance import sweep
from manila_backup.maintenance import threads

LOG = log.getLogger(__name__)

# Seconds between two removals of messages that have expired.
_EXPIRY = 3600.0

# The longest that goes by before a changed interval is noticed, in seconds.
_LOOK = 60.0


class Sweeper(threads.LockingThread):
    """A thread that sweeps when it is due and no other worker does.

    :param worker: has ``conf``, ``database``, ``drivers`` and ``source``.
    """

    name = 'sweeps'

    def _forever(self):
        while True:
            due = self._due()
            # A part of it: whoever looks next after it is due is not late.
            if self._ended.wait(min([_LOOK, *(
                    interval / 4 for interval, *_ in due)])):
                return
            for interval, what, *args in due:
                try:
                    self._look(interval, *args)
                except exception.LeaseLost:
                    LOG.warning('The %s lost its named lock and stops', what)
                except named_lock.Stopped:
                    return
                except Exception:
                    LOG.exception('The %s failed', what)

    def _due(self):
        """List the periodic work: (interval in seconds, name, named lock,
        function, its arguments)."""
        found = [(self._worker.conf.backup.sweep_interval,
                  'sweep of the repositories', sweep.LOCK, self._sweep),
                 (_EXPIRY, 'removal of expired messages', 'purge messages',
                  self._purge_messages),
                 (_EXPIRY, 'removal of old runs of backup policies',
                  'purge policy runs', self._purge_runs),
                 (self._worker.conf.policies.retention_interval,
                  'retention of the backup policies', 'policy retention',
                  self._retain)]
        for name, driver in self._worker.drivers.items():
            found.append((driver.maintain_interval,
                          f'maintenance of the driver {name}',
                          f'maintain {name}', self._maintain, name, driver))
        return [each for each in found if each[0]]

    def _look(self, interval, name, function, *args):
        with self._named_lock(name) as mine:
            if mine.take(interval):
                function(mine, *args)

    def _maintain(self, mine, name, driver):
        try:
            problems = mine.run(driver.maintain)
        except exception.WorkFailed as exc:
            problems = [exc]
        for said in problems:
            LOG.warning('Maintenance of the driver %s: %s', name, said)

    def _purge_messages(self, mine):
        while self._worker.database.write(
                db_messages.purge) == db_messages.BATCH:
            mine.keep()

    def _purge_runs(self, mine):
        policy_runner.scheduler_of(self._worker).purge(mine.keep)

    def _retain(self, mine):
        policy_runner.scheduler_of(self._worker).retain_all(mine.keep)

    def _sweep(self, mine):
        for found in sweep.Sweep(self._worker, mine).run():
            self._worker.metrics.swept(found)
            said = ('Sweep: %s of %s %s in %s: %s. %s', found.what,
                    found.share_id, found.id, found.where, found.done,
                    found.reason)
            if found.done == 'failed':
                LOG.warning(*said)
            else:
                LOG.info(*said)
