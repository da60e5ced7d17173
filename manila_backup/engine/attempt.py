# SPDX-License-Identifier: Apache-2.0
"""One attempt at one operation, from its claim to its end.

The lease is renewed at every report of progress. Whatever happens, exactly
one of four things ends an attempt: the outcome is committed under the attempt
number; the operation goes back into the queue; it turns out to be called off;
or it turns out to be someone else's by now, and then this worker leaves it
alone.
"""

import time

from oslo_db import exception as db_exc
from oslo_log import log

from manila_backup import context
from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup.db import queue as db_queue
from manila_backup.db import shares as db_shares
from manila_backup.db import texts
from manila_backup.engine import child
from manila_backup.engine import lease
from manila_backup.engine import tasks
from manila_backup import exception
from manila_backup import states
from manila_backup import status_codes
from manila_backup.telemetry import metrics
from manila_backup import wording

LOG = log.getLogger(__name__)

_Code = status_codes.StatusCode

#: What a file is worth in bytes when progress is weighed.
FILE_WEIGHT = 4096


# Seconds that the removal of locks may take: the repository may be why the
# operation has failed, or why its owner has cancelled it.
_UNLOCKING = 30.0


class HandedOver(lease.Interrupted):
    """The worker stops; someone else is to go on."""


class CalledOff(lease.Interrupted):
    """The operation was cancelled."""


class Attempt:
    """One attempt.

    :param worker: the worker: ``conf``, ``database``, ``drivers``,
        ``source``, ``host``, ``identity``, ``metrics``, ``notifier``,
        ``caller``.
    :param operation: the operation's row as claimed.
    :param task: a :class:`manila_backup.engine.tasks.Task`.
    :param granted: float, monotonic time before it was claimed.
    :ivar harmless: bool, whether it is known that neither this attempt nor
        one before it has changed the share.
    """

    def __init__(self, worker, operation, task, granted):
        self._worker = worker
        self._database = worker.database
        self._conf = worker.conf.backup
        self.operation = operation
        self.task = task
        # What earlier attempts have reached stands until this one has: a
        # caller's progress never goes back.
        self._percent = task.progress - 1
        self._counters = (0, 0, 0, 0)
        self._publishing = False
        self._cancelled = False
        # Whether processes of the operation's have been at work, and whether
        # this attempt's are not to be any more.
        self._has_worked = operation.attempt > 1
        self._is_over = False
        # What an earlier attempt did is only known if it came to its end.
        self.harmless = operation.attempt == 1 or (
            operation.harmless_attempt == operation.attempt - 1)
        self._context = None
        self._counted = worker.metrics.attempt(operation.kind)
        self.lease = lease.Lease(
            f'Operation {operation.id}', self._renew,
            lambda: self._conf.lease_ttl,
            lambda: min(self._conf.progress_interval,
                        self._conf.lease_ttl / 3), granted)

    @classmethod
    def claim(cls, worker, operation_id, again=False, wait=True):
        """Try to make an operation this worker's.

        :param again: bool, as for :func:`.db.queue.claim`.
        :param wait: bool, as for the same.
        :returns: an :class:`Attempt`, or None if it is not to be had.
        """
        granted = time.monotonic()
        claimed = worker.database.write(cls._claim, worker, operation_id,
                                        again, wait)
        return claimed and cls(worker, *claimed, granted)

    @staticmethod
    def _claim(conn, worker, operation_id, again, wait):
        row = db_queue.claim(conn, operation_id, worker.identity,
                             worker.conf.backup.lease_ttl, again, wait)
        if row is None:
            return None
        share = row.share_id and db_shares.get(conn, row.share_id)
        backup = row.backup_id and db_backups.get(conn, row.backup_id)
        return row, tasks.TASKS[row.kind](worker, row, share, backup)

    # -- called by other threads -----------------------------------------

    def look(self):
        """Look at the operation's row now: it may have been called off."""
        self.lease.look()

    def hand_over(self):
        """Stop, and let another worker go on."""
        self.lease.interrupt(HandedOver())

    # -- the attempt -----------------------------------------------------

    def run(self):
        """Do it."""
        self._context = context.OperationContext(self.operation)
        with self.lease:
            try:
                self._run()
            finally:
                self._counted.end()

    def _run(self):
        operation = self.operation
        began = time.monotonic()
        LOG.info('Operation %s (%s of backup %s, share %s): attempt %d',
                 operation.id, operation.kind, operation.backup_id,
                 operation.share_id, operation.attempt)
        try:
            if operation.status == states.Operation.CANCELLING:
                raise CalledOff()
            if operation.failures >= self._conf.max_attempts:
                raise exception.WorkFailed(
                    operation.error or
                    'Its worker died '
                    f'{wording.counted(operation.failures, "time")}.',
                    code=operation.status_code or _Code.WORKER_LOST)
            if operation.attempt == 1:
                self._worker.notifier.started(operation,
                                              self.task.backup)
            result = self._work()
            # From here on it is too late for its owner to cancel it.
            self._publishing = True
            self.lease.renew()
            self._run_here(self.task.publish)
            if operation.attempt > 1:
                self._unlock()
            self.finish(states.Operation.DONE, self.task.succeeded, result)
            LOG.info('Operation %s: done in %s', operation.id,
                     amount(time.monotonic() - began, *self._counters[:2],
                            self._counted.lanes))
        except exception.LeaseLost:
            LOG.warning('Operation %s: attempt %d lost its lease and stops',
                        operation.id, operation.attempt)
            return
        except CalledOff:
            self._call_off()
            return
        except HandedOver:
            LOG.info('Operation %s: handed over', operation.id)
            self._end(self.release, 0.0, False, None)
            self._worker.caller.queued(self._context, operation.id,
                                       operation.kind, operation.driver)
            return
        except Exception as exc:
            if not self._failed(exc):
                return
        self._discard()

    def _work(self):
        self.lease.check()
        if self.task.needs_share and self.task.share is None:
            raise exception.WorkFailed(
                f'Share {self.operation.share_id} does not exist any more.',
                code=_Code.SHARE_GONE)
        for function, args, note in self.task.unknown():
            note(self._run_child(function, args))
        function, args = self._run_here(self.task.work)
        if self.task.uses_share and self._worker.source.EXTERNAL:
            self._note_residue()
        self._has_worked = True
        return self._run_child(function, args)

    def _note_residue(self):
        """Have it remembered, before it is so, that something of this
        operation's may be left with the share."""
        if not self._database.write(db_operations.note_residue,
                                    self.operation):
            raise self._why_not_ours()

    def _run_here(self, function):
        def run():
            # For the log, which looks for it in the thread.
            context.OperationContext(self.operation)
            return function()

        return self.lease.run_here(run)

    def _run_child(self, function, args):
        return self.lease.run(function, args, self._conf, self._note)

    def _renew(self, progress):
        """Renew the lease and write the progress."""
        if progress:
            self._note(progress)
            progress.limit(self._worker.bytes_per_second(),
                           self._worker.operations_per_second())
        percent = percentage(*self._counters)
        if not self._database.write(self._write_progress, percent):
            raise self._why_not_ours()
        self._percent = max(percent, self._percent)

    def _note(self, progress):
        if self._is_over:
            return
        self._counters = progress.read()
        self.harmless &= not progress.has_changed()
        self._counted.reached(*self._counters[:2])
        self._counted.lanes = max(progress.lanes(), self._counted.lanes)

    def _write_progress(self, conn, percent):
        if self._cancelled:
            return db_operations.keep_cancelled(conn, self.operation,
                                                self._conf.lease_ttl)
        if not db_operations.renew(conn, self.operation,
                                   self._conf.lease_ttl, self._counters,
                                   self._publishing):
            return False
        if percent > self._percent:
            self.task.note_progress(conn, percent)
        return True

    def _why_not_ours(self):
        row = self._database.read(db_operations.get, self.operation.id)
        if (row and row.status == states.Operation.CANCELLING
                and row.attempt == self.operation.attempt
                and row.worker == self.operation.worker):
            return CalledOff()
        return exception.LeaseLost(self.operation.id)

    # -- the end ---------------------------------------------------------

    def _failed(self, exc):
        """Try again later, or end it.

        :returns: bool, whether that has ended the operation: if not, what
            there is of it is another attempt's, to use or to remove.
        """
        operation = self.operation
        known = isinstance(exc, exception.WorkFailed)
        reason, code = _reason(exc), getattr(exc, 'code', _Code.FAILED)
        if known or isinstance(exc, child.ChildDied):
            LOG.error('Operation %s: attempt %d failed: %s', operation.id,
                      operation.attempt, reason)
        else:
            LOG.exception('Operation %s: attempt %d failed', operation.id,
                          operation.attempt)
        again = not known or exc.retryable
        if again and operation.failures + 1 < self._conf.max_attempts:
            delay = self._conf.retry_delay * 2 ** operation.failures
            self._end(self.release, delay, True, reason, code)
            return False
        self._clean()
        return self._end(self.finish, states.Operation.FAILED,
                         self.task.failed, reason, code)

    def _clean(self):
        """Remove what killed attempts have left in the share, and their locks.
        """
        self._unlock()
        if self.harmless or not self.task.changes_share:
            return
        try:
            call = self.task.clean()
            if call:
                self._run_child(*call)
        except Exception as exc:
            LOG.warning('Operation %s: something is left in share %s: %s',
                        self.operation.id, self.operation.share_id, exc)

    def _unlock(self):
        """Remove the operation's locks from the repository. As long as it is
        not over, no other one on the backup has any."""
        self._is_over = True
        if not self._has_worked:
            return
        try:
            call = self.task.unlock()
            if call:
                self.lease.run(*call, self._conf, longest=_UNLOCKING)
        except Exception as exc:
            LOG.warning('Operation %s: its locks may be left in the '
                        'repository: %s', self.operation.id, exc)

    def _call_off(self):
        """End an operation that was cancelled."""
        LOG.info('Operation %s: cancelled', self.operation.id)
        self._cancelled = True
        self._clean()
        # It may take longer than the lease is good for.
        self._discard(self._run_here)
        self._end(self.finish, states.Operation.CANCELLED,
                  self.task.cancelled)

    def _end(self, function, *args):
        """End the attempt; if that can't be written either, the lease runs
        out and another worker takes the operation from there.

        :returns: bool, whether it was written.
        """
        try:
            function(*args)
            return True
        except CalledOff:
            # Just when it failed or was handed over.
            self._call_off()
        except exception.LeaseLost:
            LOG.warning('Operation %s: attempt %d had lost its lease',
                        self.operation.id, self.operation.attempt)
        except Exception:
            LOG.exception('Operation %s: its result could not be written; it '
                          'will be run again', self.operation.id)
        return False

    def finish(self, status, outcome, *args):
        """End the operation.

        :param status: a :class:`~manila_backup.states.Operation`.
        :param outcome: a method of the task, which writes what that means;
            called with a connection and ``args``.
        :raises manila_backup.exception.LeaseLost: it is not ours any more.
        :raises CalledOff: it was cancelled.
        """
        self.task.harmless = self.harmless
        values = {}
        lacking = None
        if status == states.Operation.DONE:
            lacking = self.task.lacking(*args)
            values['status_code'] = _Code.INCOMPLETE if lacking else None
        elif status == states.Operation.FAILED:
            values = dict(zip(('error', 'status_code'), args, strict=False))
        if self.task.changes_share:
            values['share_changed'] = not self.harmless

        def write(conn):
            if not db_operations.finish(conn, self.operation, status,
                                        **values):
                return None
            outcome(conn, *args)
            self.task.leave_message(conn, status, args[0] if args else None)
            backup_id = self.operation.backup_id
            return (db_operations.get(conn, self.operation.id),
                    backup_id and db_backups.get(conn, backup_id))

        written = self._database.write(write)
        if written is None:
            raise self._why_not_ours()
        self._counted.outcome = status
        self._worker.notifier.ended(*written, values.get('error'))
        if lacking:
            self._worker.metrics.incomplete(self.operation.driver)
            self._worker.notifier.incomplete(*written, lacking)

    def release(self, delay, failed, error, code=None):
        """Put the operation back into the queue; see
        :func:`.db.operations.release`.

        :raises manila_backup.exception.LeaseLost: it is not ours any more.
        :raises CalledOff: it was cancelled.
        """
        if not self._database.write(db_operations.release, self.operation,
                                    delay, failed, error, code,
                                    self.harmless):
            raise self._why_not_ours()
        self._counted.outcome = (metrics.RETRIED if failed
                                 else metrics.HANDED_OVER)

    def _discard(self, run=lambda function: function()):
        """Remove what there is of the operation.

        :param run: called with what does it.
        """
        try:
            run(self.task.discard)
        except Exception as exc:
            LOG.warning('Operation %s: leftovers stay for the next sweep: '
                        '%s', self.operation.id, exc)


def _reason(exc):
    """Return the reason for an attempt's failure, for the records: cut to
    their length, and without SQL statements."""
    if isinstance(exc, db_exc.DBError):
        return 'The database failed; the worker\'s log says how.'
    return texts.fit(str(exc) or type(exc).__name__)


def amount(seconds, files, size, lanes=0):
    """Return what an attempt has done, in words.

    :param seconds: float, how long it took.
    :param files: int, entries.
    :param size: int, bytes.
    :param lanes: int, the most that copied at once; 0 if none did.
    """
    if not files:
        return f'{seconds:.1f} s'
    said = (f'{seconds:.1f} s: {wording.entries(files)}, '
            f'{_readable(size)}, '
            f'{_readable(size / max(seconds, 0.001))}/s')
    return f'{said}, {wording.counted(lanes, "lane")}' if lanes else said


def _readable(size):
    units = iter(('B', 'KiB', 'MiB', 'GiB', 'TiB'))
    unit = next(units)
    while size >= 1024 and unit != 'TiB':
        size, unit = size / 1024, next(units)
    return f'{size:.0f} B' if unit == 'B' else f'{size:.1f} {unit}'


def percentage(files_done, bytes_done, files_total, bytes_total):
    """Return the progress in whole percent, 0 to 99: 100 means that it has
    ended."""
    total = bytes_total + files_total * FILE_WEIGHT
    done = bytes_done + files_done * FILE_WEIGHT
    return min(99, 100 * done // total) if total else 0
