# SPDX-License-Identifier: Apache-2.0
"""Tasks: the work of each kind of operation, and the effect of its end on the
rows.

The worker (:mod:`manila_backup.engine.worker`) runs them all alike; a
kind only says what to run, and writes the outcome inside the transaction that
ends the operation.
"""

import abc

from manila_backup.db import backups as db_backups
from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import places as db_places
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup.db import texts
from manila_backup.drivers import base as drivers
from manila_backup.engine import child_work
from manila_backup.engine import identities
from manila_backup.engine import records
from manila_backup import exception
from manila_backup.shares import base as shares
from manila_backup import states


class Kind(abc.ABC):
    """One claimed operation.

    :param tools: has ``drivers`` (dict of name to driver) and ``source``.
    :param operation: the operation's row as claimed.
    :param share: the share's row or None.
    :param backup: the backup's row or None.
    """

    #: Whether it moves data, so that a copier must do it.
    copies = True

    #: What may stand in the operation's ``options``, beside the options that
    #: callers may give to its driver.
    options = frozenset()

    #: Whether there is nothing to be done without the share's row.
    needs_share = True

    #: Whether it uses a share by way of :meth:`.ShareSource.use`.
    uses_share = False

    #: Whether it is known that no attempt at it has changed the share.
    harmless = False

    #: The progress that callers were shown before this attempt, 0 to 99.
    progress = 0

    def __init__(self, tools, operation, share, backup):
        self.tools = tools
        self.operation = operation
        self.share = share
        self.backup = backup

    @abc.abstractmethod
    def work(self):
        """Return the work to run as (function, args). Raises WorkFailed if it
        can't.
        """

    def unknown(self):
        """List what a child process has to determine before :meth:`work`, as
        iterator of (function, args, function to call with the result)."""
        return ()

    def publish(self):
        """Make the result visible; called while the lease is held."""

    def discard(self):
        """Remove unpublished content once the operation has ended for good."""

    def note_progress(self, conn, percent):
        """Write how far it is, 0 to 99, into the transaction."""

    @abc.abstractmethod
    def succeeded(self, conn, result):
        """Write success into the transaction."""

    @abc.abstractmethod
    def failed(self, conn, reason):
        """Write failure into the transaction."""

    def cancelled(self, conn):
        """Write that it was called off into the transaction."""

    # -- for the kinds below ---------------------------------------------

    # An administrator may have set another status meanwhile: it stays.

    def _set_share(self, conn, status, expected):
        states.check(expected, status)
        rows.update(conn, db_shares.TABLE, self.operation.share_id,
                    {'status': status}, status=expected)

    def _set_backup(self, conn, status, expected, **values):
        states.check(expected, status)
        rows.update(conn, db_backups.TABLE, self.backup.id,
                    dict(status=status, **values), status=expected)


class BackupKind(Kind):
    """An operation on a backup."""

    @property
    def driver(self):
        """The backup's driver.

        :raises manila_backup.exception.WorkFailed: it is not enabled.
        """
        try:
            return self.tools.drivers[self.operation.driver]
        except KeyError:
            raise exception.WorkFailed(
                f'The backup driver {self.operation.driver!r} is not in '
                f'[backup] enabled_drivers of this worker.') from None

    @property
    def place(self):
        return drivers.Place(self.backup.project_id, self.backup.share_id,
                             self.backup.id)

    def _prepared(self, make=False):
        """The backup's driver, ready for the operation."""
        driver = self.driver
        driver.prepare(self.place, self.tools.alone, make)
        return driver


class SharingKind(identities.Identifying, BackupKind):
    """An operation on a backup and a share."""

    uses_share = True
    read_only = True

    #: ``include_mounts``: the share was adopted with that wish. Only says so
    #: to workers that could not heed it: it is the share's row that counts.
    options = frozenset(('include_mounts',))

    @property
    def job(self):
        return shares.Job(self.operation.id, self.backup.id,
                          self.operation.attempt, self.read_only)

    def discard(self):
        if self.share is None:
            return
        self.tools.source.release(shares.ShareRef.of(self.share), self.job)
        if self.tools.source.FOREIGN:
            self.tools.database.write(db_operations.released,
                                      self.operation.id)


class BackupCreate(SharingKind):

    @property
    def progress(self):
        return self.backup.progress

    def work(self):
        return child_work.backup, (
            self._prepared(make=True), self.tools.source,
            self.ref, self.job, self.place,
            {name: value
             for name, value in (self.operation.options or {}).items()
             if name not in self.options},
            records.of_rows(self.backup, self.share))

    def publish(self):
        self.driver.publish(self.place, self.operation.attempt)

    def discard(self):
        try:
            self.driver.discard(self.place, self.operation.attempt)
        finally:
            super().discard()

    def note_progress(self, conn, percent):
        rows.update(conn, db_backups.TABLE, self.backup.id,
                    {'progress': percent, 'host': self.tools.host},
                    status=states.Backup.CREATING)

    def succeeded(self, conn, result):
        self._free_share(conn)
        self._set_backup(
            conn, states.Backup.AVAILABLE, states.Backup.CREATING,
            progress=100, host=self.tools.host,
            fail_reason=problems(result))

    def failed(self, conn, reason):
        self._free_share(conn)
        self._set_backup(conn, states.Backup.ERROR, states.Backup.CREATING,
                         fail_reason=reason)

    def cancelled(self, conn):
        self._free_share(conn)

    def _free_share(self, conn):
        self._set_share(conn, states.Share.AVAILABLE,
                        states.Share.BACKUP_CREATING)


class BackupRestore(SharingKind):

    read_only = False

    options = SharingKind.options | {'source_share_id'}

    @property
    def progress(self):
        return self.backup.restore_progress

    def work(self):
        return child_work.restore, (
            self._prepared(), self.tools.source,
            self.ref, self.job, self.place)

    def note_progress(self, conn, percent):
        rows.update(conn, db_backups.TABLE, self.backup.id,
                    {'restore_progress': percent},
                    status=states.Backup.RESTORING)

    def succeeded(self, conn, result):
        self._set_share(conn, states.Share.AVAILABLE,
                        states.Share.BACKUP_RESTORING)
        self._set_backup(
            conn, states.Backup.AVAILABLE, states.Backup.RESTORING,
            restore_progress=100, fail_reason=problems(result))

    def failed(self, conn, reason):
        self._leave_share(conn)
        self._set_backup(conn, states.Backup.AVAILABLE,
                         states.Backup.RESTORING, fail_reason=reason)

    def cancelled(self, conn):
        self._leave_share(conn)

    def _leave_share(self, conn):
        # It may hold neither what it did nor what the backup does, unless
        # nothing was written.
        status = states.Share.BACKUP_RESTORING_ERROR
        if self.harmless:
            status = states.before_restore(self.operation.share_was)
        self._set_share(conn, status, states.Share.BACKUP_RESTORING)


class BackupDelete(BackupKind):

    needs_share = False

    def work(self):
        return self._prepared().delete, (self.place,)

    def succeeded(self, conn, result):
        rows.delete(conn, db_backups.TABLE, self.backup.id,
                    status=states.removable(states.Backup))

    def failed(self, conn, reason):
        self._set_backup(conn, states.Backup.ERROR_DELETING,
                         states.Backup.DELETING, fail_reason=reason)


class ShareKind(identities.Identifying, Kind):
    """An operation on a share that this service keeps itself.

    Even what moves no data is for a copier, which can be killed: a directory
    of a server that is gone may never answer.
    """

    identifies = False
    begun = None
    error = None

    def failed(self, conn, reason):
        self._set_share(conn, self.error, self.begun)


class ShareCreate(ShareKind):

    begun = states.Share.CREATING
    error = states.Share.ERROR

    def work(self):
        return self.tools.source.create, (self.ref,)

    def succeeded(self, conn, result):
        # Two attempts may both have got to making it: the first counts.
        db_places.note_share(conn, self.share.id, result)
        self._set_share(conn, states.Share.AVAILABLE, self.begun)


class ShareManage(ShareCreate):

    begun = states.Share.MANAGE_STARTING
    error = states.Share.MANAGE_ERROR

    def work(self):
        return self.tools.source.adopt, (self.ref,)


class ShareDelete(ShareKind):

    #: ``keep``: the directory never became a share.
    options = frozenset(('keep',))

    begun = states.Share.DELETING
    error = states.Share.ERROR_DELETING

    def work(self):
        if self.share.status != self.begun:
            raise exception.WorkFailed(
                f'Share {self.share.id} is {self.share.status}: it is not '
                f'to be removed any more.')
        if (self.operation.options or {}).get('keep'):
            return self.tools.source.leave, (self.ref,)
        return self.tools.source.remove, (self.ref,)

    def succeeded(self, conn, result):
        rows.delete(conn, db_shares.TABLE, self.share.id,
                    status=states.removable(states.Share))


class SnapshotKind(identities.Identifying, Kind):
    """An operation on a snapshot of a share that this service keeps."""

    begun = None
    error = None

    @property
    def snapshot_id(self):
        return self.operation.snapshot_id

    def _args(self):
        return self.ref, self.snapshot_id

    def _set_snapshot(self, conn, status):
        states.check(self.begun, status)
        rows.update(conn, models.snapshots, self.snapshot_id,
                    {'status': status}, status=self.begun)

    def failed(self, conn, reason):
        self._set_snapshot(conn, self.error)


class SnapshotCreate(SnapshotKind):

    begun = states.Snapshot.CREATING
    error = states.Snapshot.ERROR

    def work(self):
        return self.tools.source.create_snapshot, (
            *self._args(), self.operation.attempt)

    def discard(self):
        # Of an attempt that was called off, or failed.
        if self.share is not None:
            self.tools.source.discard_snapshot(
                self.ref, self.snapshot_id, attempt=self.operation.attempt)

    def succeeded(self, conn, result):
        self._set_snapshot(conn, states.Snapshot.AVAILABLE)
        # Snapshots have no record of their own: this is where operators
        # look.
        rows.update(conn, db_operations.TABLE, self.operation.id,
                    {'error': problems(result)})


class SnapshotDelete(SnapshotKind):

    # What is in the share has nothing to do with it.
    identifies = False
    begun = states.Snapshot.DELETING
    error = states.Snapshot.ERROR_DELETING

    def work(self):
        return self.tools.source.remove_snapshot, self._args()

    def succeeded(self, conn, result):
        rows.delete(conn, models.snapshots, self.snapshot_id,
                    status=states.removable(states.Snapshot))


KINDS = {
    states.Kind.BACKUP_CREATE: BackupCreate,
    states.Kind.BACKUP_RESTORE: BackupRestore,
    states.Kind.BACKUP_DELETE: BackupDelete,
    states.Kind.SHARE_CREATE: ShareCreate,
    states.Kind.SHARE_MANAGE: ShareManage,
    states.Kind.SHARE_DELETE: ShareDelete,
    states.Kind.SNAPSHOT_CREATE: SnapshotCreate,
    states.Kind.SNAPSHOT_DELETE: SnapshotDelete,
}


class Abilities:
    """Capabilities of a worker: the operations that it can execute. A worker
    of another release or configuration may have others.

    :param drivers: dict of name to backup driver.
    :ivar kinds: list of str.
    :ivar drivers: list of str, their names.
    """

    def __init__(self, drivers):
        self.kinds = [str(kind) for kind in KINDS]
        self.drivers = list(drivers)
        self._options = {name: frozenset(driver.OPTIONS)
                         for name, driver in drivers.items()}

    def may_do(self, kind, driver):
        """Tell whether an operation of a kind and driver is worth a closer
        look.

        :param kind: str, or None where that is not known.
        :param driver: str, or None where it has none or that is not known.
        """
        return ((kind is None or kind in self.kinds)
                and (driver is None or driver in self.drivers))

    def can_do(self, row):
        """Tell whether this worker can execute an operation, by all of its
        row.

        :param row: has ``kind``, ``driver`` and ``options``.
        """
        if row.kind not in self.kinds or not self.may_do(row.kind,
                                                         row.driver):
            return False
        return (set(row.options or ()) <= KINDS[row.kind].options
                | self._options.get(row.driver, frozenset()))


def problems(report):
    """Describe what a driver could not carry over in full, for the backup's
    record.

    :param report: a :class:`manila_backup.drivers.base.Report`.
    :returns: str, or None if there was nothing.
    """
    if not report.problem_count:
        return None
    return texts.fit_list(report.problems, report.problem_count)
