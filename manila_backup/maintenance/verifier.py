# SPDX-License-Identifier: Apache-2.0
"""Verifying backups on a schedule, in the workers.

Any number of workers do it, each one backup at a time, and a backup is
verified by one at a time: under a named lock of its own. It only reads, so one
that is interrupted is begun anew by whoever is next.

How much all of them read in a day is counted in the database. What a backup is
thought to take is spent before it is read, and put right afterwards: a worker
that dies meanwhile has spent it.
"""

import time
import types

from oslo_log import log

from manila_backup.db import backups as db_backups
from manila_backup.db import budgets
from manila_backup.db import named_locks as db_locks
from manila_backup.db import verification as db_verification
from manila_backup.engine import named_lock
from manila_backup import exception
from manila_backup.maintenance import inspection
from manila_backup.maintenance import threads
from manila_backup import states

LOG = log.getLogger(__name__)

_DAY = 86400.0

#: What the names of the locks begin with.
LOCK = 'verify '

#: The budget of bytes.
BUDGET = 'verify'

#: How the processes run that read: behind all others.
LAST = types.SimpleNamespace(nice=19, ionice_idle=True)

# How many rows are read at once.
_PAGE = 100

# Seconds to wait after one that could not be verified, and for which that one
# is left out: it may be one of many that can't be.
_PAUSE = 10.0
_AWAY = 6 * 3600.0

# What came of one.
_DONE, _FAILED, _SPENT, _NOT_OURS = range(4)


class Verifier(threads.LockingThread):
    """A thread that verifies what is due, if ``[verify] max_age_days`` says
    so.

    :param worker: has ``conf``, ``database``, ``drivers``, ``source``,
        ``notifier``, ``metrics``, ``mode``, ``verifying``,
        ``bytes_per_second`` and ``operations_per_second``.
    """

    name = 'verification'

    def __init__(self, worker):
        super().__init__(worker)
        self._conf = worker.conf.verify
        self._database = worker.database
        self._inspection = inspection.Inspection(
            worker.database, worker.drivers,
            None if worker.source.EXTERNAL
            else worker.conf.backup.message_ttl)
        self._failed: dict[str, float] = {}
        self._is_spent = False

    def _forever(self):
        pause = 0.0
        while not self._ended.wait(pause):
            pause = self._conf.interval
            if not self._conf.max_age_days:
                continue
            try:
                came = self._next()
            except named_lock.Stopped:
                return
            except exception.LeaseLost:
                LOG.warning('The verification of a backup lost its named '
                            'lock and stops')
            except Exception:
                LOG.exception('The search for backups to verify failed')
            else:
                pause = {_DONE: 0.0, _FAILED: min(pause, _PAUSE)}.get(
                    came, pause)

    def _next(self):
        """Verify one backup, the first that is to be had.

        :returns: what came of it; None if there is none.
        """
        if self._worker.mode() != states.ServiceMode.ENABLED:
            return None
        self._database.write(db_locks.purge, LOCK)
        for row in self._due():
            came = self._attempt(row)
            if came != _NOT_OURS:
                return came
        return None

    def _due(self):
        """Iterate over the rows of what is due, what comes first first."""
        now = time.monotonic()
        self._failed = {id_: until for id_, until in self._failed.items()
                        if until > now}
        for never in True, False:
            offset = 0
            while True:
                page = self._database.read(
                    db_verification.due, list(self._worker.drivers),
                    self._seconds, never, _PAGE, offset)
                yield from (row for row in page
                            if row.id not in self._failed)
                if len(page) < _PAGE:
                    break
                offset += _PAGE

    @property
    def _seconds(self):
        return self._conf.max_age_days * _DAY

    def _attempt(self, row):
        """Verify a backup, unless another worker does or the day's bytes are
        used up.

        :returns: what came of it.
        """
        with self._named_lock(f'{LOCK}{row.id}', passing=True,
                              tend=self._pace) as mine:
            if not mine.take():
                return _NOT_OURS
            size, limit = _size(row), self._conf.bytes_per_day
            may = self._database.write(self._begin, row.id, size, limit)
            self._tell_spent(may == _SPENT)
            if may is not True:
                return may
            return self._verify(row, mine, size, limit)

    def _tell_spent(self, is_spent):
        if is_spent and not self._is_spent:
            LOG.info('The %d bytes of [verify] bytes_per_day are used up, or '
                     'too few are left for the next backup',
                     self._conf.bytes_per_day)
        self._is_spent = is_spent

    def _pace(self, progress):
        progress.limit(self._worker.bytes_per_second(),
                       self._worker.operations_per_second())

    def _begin(self, conn, backup_id, size, limit):
        """Spend what it takes.

        :returns: True; or why it is not to be read now.
        """
        if not db_verification.is_due(conn, backup_id, self._seconds):
            return _NOT_OURS    # any more
        return budgets.spend(conn, BUDGET, size, limit) or _SPENT

    def _verify(self, row, mine, size, limit):
        read = []
        began = time.monotonic()

        def run(function, place):
            return mine.run(function, place, settings=LAST,
                            ended=lambda progress: read.append(
                                progress.read()[1]))

        self._worker.verifying += 1
        try:
            verdict = self._inspection.verify(
                inspection.target_of(row), read=lambda driver, place: run(
                    driver.verify_alone, place))
            came = self._tell(row, verdict, sum(read),
                              time.monotonic() - began)
            if verdict.result == inspection.DAMAGED:
                self._mend(row, run)
            return came
        finally:
            self._worker.verifying -= 1
            self._database.write(budgets.correct, BUDGET, sum(read) - size,
                                 limit)

    def _mend(self, row, run):
        """Have the next backup take over nothing of what is damaged."""
        target = inspection.target_of(row)
        try:
            problems = run(self._worker.drivers[row.backup_type].mend,
                           target.place)
        except exception.WorkFailed as exc:
            problems = [exc]
        for said in problems:
            LOG.warning('What is damaged of backup %s is left to the '
                        'maintenance of its repository: %s', row.id, said)

    def _tell(self, row, verdict, size, seconds):
        self._worker.metrics.verified(row.backup_type, verdict.result, size)
        if verdict.result in (inspection.SOUND, inspection.DAMAGED):
            backup = self._database.read(db_backups.get, row.id)
            if backup:
                self._worker.notifier.verified(backup, verdict.damages, size,
                                               seconds)
        if verdict.result == inspection.DAMAGED:
            LOG.error('Backup %s: %s', row.id,
                      inspection.reason_of(verdict.damages))
        elif verdict.result == inspection.FAILED:
            LOG.warning('Backup %s could not be verified: %s', row.id,
                        ' '.join(verdict.damages))
            self._failed[row.id] = time.monotonic() + _AWAY
            return _FAILED
        else:
            LOG.info('Backup %s was verified in %.1f s: %s', row.id, seconds,
                     verdict.result)
        return _DONE


def _size(row):
    """Return how many bytes are to be read for a backup: where an earlier
    release has not noted that, as many as its share may have."""
    return (row.size << 30 if row.content_bytes is None
            else row.content_bytes)
