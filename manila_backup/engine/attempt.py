# SPDX-License-Identifier: Apache-2.0
"""One attempt at one operation, from its claim to its end.

The lease is renewed at every report of progress. Whatever happens, exactly
one of four things ends an attempt: the outcome is committed under the attempt
number; the operation goes back into the queue; it turns out to be called off;
or it turns out to be someone else's by now, and then this worker leaves it
alone.
"""

from concurrent import futures
import socket
import time

from oslo_db import exception as db_exc
from oslo_log import log

from manila_backup import context
from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup.db import shares as db_shares
from manila_backup.db import texts
from manila_backup.engine import child
from manila_backup.engine import tasks
from manila_backup import exception
from manila_backup import states
from manila_backup.telemetry import metrics

LOG = log.getLogger(__name__)

#: What a file is worth in bytes when progress is weighed.
FILE_WEIGHT = 4096


class HandedOver(Exception):
    """The worker stops; someone else is to go on."""


class CalledOff(Exception):
    """The operation was cancelled."""


class Run:
    """One attempt.

    :param worker: the worker: ``conf``, ``database``, ``drivers``,
        ``source``, ``host``, ``identity``, ``metrics``, ``notifier``,
        ``caller``.
    :param operation: the operation's row as claimed.
    :param kind: a :class:`manila_backup.engine.tasks.Kind`.
    """

    def __init__(self, worker, operation, kind):
        self._worker = worker
        self._database = worker.database
        self._conf = worker.conf.backup
        self._operation = operation
        self._kind = kind
        # What earlier attempts have reached stands until this one has: a
        # caller's progress never goes back.
        self._percent = kind.progress - 1
        self._counters = (0, 0, 0, 0)
        # What an earlier attempt did is only known if it came to its end.
        self._harmless = operation.attempt == 1 or (
            operation.harmless_attempt == operation.attempt - 1)
        self._handing_over = False
        self._context = None
        self._counted = worker.metrics.attempt(operation.kind)
        # A byte written to one end ends the wait at the other: cancelling
        # doesn't have to wait for the next tick.
        self._poke, self._poked = socket.socketpair()
        self._poke.setblocking(False)
        self._poked.setblocking(False)

    @classmethod
    def claim(cls, worker, operation_id, again=False):
        """Try to make an operation this worker's.

        :param again: bool, as for :func:`.db.operations.claim`.
        :returns: a :class:`Run`, or None if it is not to be had.
        """
        found = worker.database.write(cls._claim, worker, operation_id,
                                      again)
        return found and cls(worker, *found)

    @staticmethod
    def _claim(conn, worker, operation_id, again):
        row = db_operations.claim(conn, operation_id, worker.identity,
                                  worker.conf.backup.lease_ttl, again)
        if row is None:
            return None
        share = row.share_id and db_shares.get(conn, row.share_id)
        backup = row.backup_id and db_backups.get(conn, row.backup_id)
        return row, tasks.KINDS[row.kind](worker, row, share, backup)

    # -- called by other threads -----------------------------------------

    def look(self):
        """Look at the operation's row now: it may have been called off."""
        try:
            self._poke.send(b'.')
        except (BlockingIOError, OSError):
            pass

    def hand_over(self):
        """Stop, and let another worker go on."""
        self._handing_over = True
        self.look()

    # -- the attempt -----------------------------------------------------

    def run(self):
        """Do it."""
        self._context = context.OperationContext(self._operation)
        with self._poke, self._poked:
            try:
                self._run()
            finally:
                self._counted.end()

    def _run(self):
        operation = self._operation
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
                    f'Its worker died {operation.failures} times.')
            if operation.attempt == 1:
                self._worker.notifier.started(operation)
            result = self._work()
            self._keep()
            self._meanwhile(self._kind.publish)
            self._finish(states.Operation.DONE, self._kind.succeeded, result)
            LOG.info('Operation %s: done in %.3f s', operation.id,
                     time.monotonic() - began)
        except exception.LeaseLost:
            LOG.warning('Operation %s: attempt %d lost its lease and stops',
                        operation.id, operation.attempt)
            return
        except CalledOff:
            LOG.info('Operation %s: called off', operation.id)
            self._kind.harmless = self._harmless
            self._discard()
            self._end(self._finish, states.Operation.CANCELLED,
                      self._kind.cancelled)
            return
        except HandedOver:
            LOG.info('Operation %s: handed over', operation.id)
            self._end(self._release, 0.0, False, None)
            self._worker.caller.queued(self._context, operation.id,
                                       operation.kind, operation.driver)
            return
        except Exception as exc:
            if not self._failed(exc):
                return
        self._discard()

    def _work(self):
        if self._handing_over:
            raise HandedOver()
        if self._kind.needs_share and self._kind.share is None:
            raise exception.WorkFailed(
                f'Share {self._operation.share_id} is gone.')
        for function, args, note in self._kind.unknown():
            note(self._copy(function, args))
        function, args = self._meanwhile(self._kind.work)
        if not self._kind.copies:
            return function(*args)
        if self._kind.uses_share and self._worker.source.FOREIGN:
            self._hold()
        return self._copy(function, args)

    def _hold(self):
        """Have it remembered, before it is so, that something of this
        operation's may be left with the share."""
        if not self._database.write(db_operations.hold, self._operation):
            raise self._why_not_ours()

    def _meanwhile(self, function):
        """Keep the lease while something runs in this process that is quick,
        unless a repository is slow to answer.

        :raises manila_backup.exception.LeaseLost: it was lost, and what ran
            has come to its end: nothing can stop it before.
        :raises CalledOff: likewise.
        """
        def run():
            # For the log, which looks for it in the thread.
            context.OperationContext(self._operation)
            return function()

        granted = time.monotonic()
        with futures.ThreadPoolExecutor(1) as pool:
            running = pool.submit(run)
            while not futures.wait([running], self._tick()).done:
                granted = self._tend(None, granted)
            return running.result()

    def _copy(self, function, args):
        copier = child.Copier(function, args, self._conf)
        try:
            granted = self._keep(copier)
            copier.start()
            while not copier.wait(self._tick(), [self._poked]):
                self._drain()
                if self._handing_over:
                    raise HandedOver()
                granted = self._tend(copier, granted)
            return copier.result()
        finally:
            copier.kill()
            self._note(copier)

    def _tick(self):
        return min(self._conf.progress_interval, self._conf.lease_ttl / 3)

    def _drain(self):
        try:
            self._poked.recv(4096)
        except BlockingIOError:
            pass

    def _tend(self, copier, granted):
        """Renew the lease, report the progress. While the database can't be
        reached the work goes on for as long as its lease lasts."""
        try:
            return self._keep(copier)
        except (exception.LeaseLost, CalledOff):
            raise
        except Exception as exc:
            if time.monotonic() - granted > self._conf.lease_ttl:
                raise exception.LeaseLost(str(exc)) from exc
            LOG.warning('Operation %s: the lease could not be renewed yet: '
                        '%s', self._operation.id, exc)
            return granted

    def _keep(self, copier=None):
        """Renew the lease and write the progress.

        :returns: float, monotonic time before the lease was asked for.
        :raises manila_backup.exception.LeaseLost: it is not ours any more.
        :raises CalledOff: it was cancelled.
        """
        before = time.monotonic()
        if copier:
            self._note(copier)
        percent = percentage(*self._counters)
        if not self._database.write(self._renew, percent):
            raise self._why_not_ours()
        self._percent = max(percent, self._percent)
        if copier:
            copier.progress.extend(
                self._conf.lease_ttl - (time.monotonic() - before))
        return before

    def _note(self, copier):
        self._counters = copier.progress.read()
        self._harmless &= not copier.progress.has_changed()
        self._counted.reached(*self._counters[:2])

    def _renew(self, conn, percent):
        if not db_operations.renew(conn, self._operation,
                                   self._conf.lease_ttl, self._counters):
            return False
        if percent > self._percent:
            self._kind.note_progress(conn, percent)
        return True

    def _why_not_ours(self):
        row = self._database.read(db_operations.get, self._operation.id)
        if (row and row.status == states.Operation.CANCELLING
                and row.attempt == self._operation.attempt):
            return CalledOff()
        return exception.LeaseLost(self._operation.id)

    # -- the end ---------------------------------------------------------

    def _failed(self, exc):
        """Try again later, or end it.

        :returns: bool, whether that has ended the operation: if not, what
            there is of it is another attempt's, to use or to remove.
        """
        operation = self._operation
        known = isinstance(exc, exception.WorkFailed)
        reason = _reason(exc)
        if known or isinstance(exc, child.CopierDied):
            LOG.error('Operation %s: attempt %d failed: %s', operation.id,
                      operation.attempt, reason)
        else:
            LOG.exception('Operation %s: attempt %d failed', operation.id,
                          operation.attempt)
        again = not known or exc.retryable
        if again and operation.failures + 1 < self._conf.max_attempts:
            delay = self._conf.retry_delay * 2 ** operation.failures
            self._end(self._release, delay, True, reason)
            return False
        self._kind.harmless = self._harmless
        return self._end(self._finish, states.Operation.FAILED,
                         self._kind.failed, reason)

    def _end(self, function, *args):
        """End the attempt; if that can't be written either, the lease runs
        out and another worker takes the operation from there.

        :returns: bool, whether it was written.
        """
        try:
            function(*args)
            return True
        except exception.LeaseLost:
            LOG.warning('Operation %s: attempt %d had lost its lease',
                        self._operation.id, self._operation.attempt)
        except Exception:
            LOG.exception('Operation %s: its end could not be written; it '
                          'will be taken up again', self._operation.id)
        return False

    def _finish(self, status, outcome, *args):
        error = args[0] if status == states.Operation.FAILED else None

        def write(conn):
            if not db_operations.finish(conn, self._operation, status,
                                        error):
                return False
            outcome(conn, *args)
            return True

        if not self._database.write(write):
            raise self._why_not_ours()
        self._counted.outcome = status
        self._worker.notifier.ended(self._operation, status, error)

    def _release(self, delay, failed, error):
        if not self._database.write(db_operations.release, self._operation,
                                    delay, failed, error, self._harmless):
            raise self._why_not_ours()
        self._counted.outcome = (metrics.RETRIED if failed
                                 else metrics.HANDED_OVER)

    def _discard(self):
        try:
            self._kind.discard()
        except Exception as exc:
            LOG.warning('Operation %s: leftovers stay for the next sweep: '
                        '%s', self._operation.id, exc)


def _reason(exc):
    """Return the reason for an attempt's failure, for the records: cut to
    their length, and without SQL statements."""
    if isinstance(exc, db_exc.DBError):
        return 'The database failed; the worker\'s log says how.'
    return texts.fit(str(exc) or type(exc).__name__)


def percentage(files_done, bytes_done, files_total, bytes_total):
    """Return the progress in whole percent, 0 to 99: 100 means that it has
    ended."""
    total = bytes_total + files_total * FILE_WEIGHT
    done = bytes_done + files_done * FILE_WEIGHT
    return min(99, 100 * done // total) if total else 0
