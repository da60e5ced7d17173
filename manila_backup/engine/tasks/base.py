# SPDX-License-Identifier: Apache-2.0
"""Base classes of the tasks."""

import abc
from collections import abc as collections_abc
import contextlib
import typing

from oslo_log import log
import sqlalchemy as sa

from manila_backup.db import backups as db_backups
from manila_backup.db import engine
from manila_backup.db import messages as db_messages
from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import places as db_places
from manila_backup.db import shares as db_shares
from manila_backup.db import texts
from manila_backup.db import transitions
from manila_backup.drivers import base as drivers
from manila_backup import exception
from manila_backup import messages
from manila_backup.shares import base as shares
from manila_backup import states
from manila_backup import status_codes

LOG = log.getLogger(__name__)

#: A row, whose attributes are its columns.
Row: typing.TypeAlias = typing.Any

#: What a child runs, and its arguments; the last one, its Progress, is not
#: among them.
Call = tuple[collections_abc.Callable[..., typing.Any],
             tuple[typing.Any, ...]]


class Tools(typing.Protocol):
    """The part of a worker that its tasks use."""

    conf: typing.Any
    database: engine.Database
    drivers: dict[str, drivers.BackupDriver]
    source: typing.Any
    host: str

    def alone(self) -> contextlib.AbstractContextManager[typing.Any]:
        """A context manager that one process at a time is inside."""


class Task(abc.ABC):
    """One claimed operation: what to run, and what its end means to the rows.

    Even what moves no data is run by a child process, which can be killed: a
    directory of a server that is gone may never answer.

    :param operation: the operation's row as claimed.
    :param share: the share's row or None.
    :param backup: the backup's row or None.
    """

    #: What may stand in the operation's ``options``, beside the options that
    #: callers may give to its driver.
    options: frozenset[str] = frozenset()

    #: Whether there is nothing to be done without the share's row.
    needs_share = True

    #: Whether it uses the directory of a share of the local source.
    opens_share = True

    #: Whether a share that nothing was noted of yet is noted.
    identifies = True

    #: Whether it uses a share by way of :meth:`.ShareSource.use`.
    uses_share = False

    #: Whether it is known that no attempt at it has changed the share.
    harmless = False

    #: Whether it changes what is in the share.
    changes_share = False

    def __init__(self, tools: Tools, operation: Row, share: Row | None,
                 backup: Row | None) -> None:
        self.tools = tools
        self.operation = operation
        self.share: Row = share
        self.backup: Row = backup
        self._root: dict[str, typing.Any] | None = None

    @property
    def progress(self) -> int:
        """The progress that callers were shown before this attempt, 0 to
        99."""
        return 0

    # -- work ------------------------------------------------------------

    @property
    def ref(self) -> shares.ShareRef:
        """The share, as its source is told of it."""
        return shares.ShareRef.of(self.share, self._root)

    def unknown(self) -> collections_abc.Iterator[tuple[
            collections_abc.Callable[..., typing.Any],
            tuple[typing.Any, ...],
            collections_abc.Callable[[typing.Any], None]]]:
        """List the identities to record before the operation begins.

        What is noted when a share is created or adopted is compared whenever
        it is used. Shares, and the directory that holds them, that became
        what they are before there was such a note are noted when they are
        used first: there is nothing else to go by. That is told in the log.

        :returns: iterator of (function, args, what to call with the result):
            the function is for a child, as it may take long to answer.
        """
        source, database = self.tools.source, self.tools.database
        if not self.opens_share or self.share is None or source.EXTERNAL:
            return
        self._root = database.read(db_places.identity, db_places.ROOT)
        if self._root is None and not self.share.path:
            yield (source.identify_root, (database.read(db_places.known),),
                   self._note_root)
        if self.identifies and self.share.identity is None:
            yield source.identify, (self.ref,), self._note_share

    def _note_root(self, identity: dict[str, typing.Any]) -> None:
        self._root = self.tools.database.write(
            db_places.note, db_places.ROOT, identity)
        LOG.info('The directory of the shares is %s from now on', identity)

    def _note_share(self, identity: dict[str, typing.Any]) -> None:
        self.share = self.tools.database.write(
            db_places.note_share, self.share.id, identity) or self.share
        LOG.warning(
            'Share %s (%s): no identity of its directory was recorded so far; '
            'that of the present one is recorded: %s', self.share.id,
            self.share.path or 'of this service', identity)

    @abc.abstractmethod
    def work(self) -> Call:
        """Return the work to run in a child process as (function, args).

        :raises manila_backup.exception.WorkFailed: it can't be done.
        """

    def publish(self) -> None:
        """Make the result visible; called while the lease is held."""

    def clean(self) -> Call | None:
        """Return what removes from the share, in a child process, what killed
        attempts have left in it; None if there can't be anything.
        """
        return None

    def unlock(self) -> Call | None:
        """Return what removes from the repository, in a child process, the
        locks that killed processes have left in it; None if there can't be
        any.
        """
        return None

    def discard(self) -> None:
        """Remove unpublished content once the operation has ended for good."""

    def note_progress(self, conn: sa.Connection, percent: int) -> None:
        """Write how far it is, 0 to 99, into the transaction."""

    # -- outcome ---------------------------------------------------------

    @abc.abstractmethod
    def succeeded(self, conn: sa.Connection, result: typing.Any) -> None:
        """Write success into the transaction."""

    @abc.abstractmethod
    def failed(self, conn: sa.Connection, reason: str,
               code: str = status_codes.StatusCode.FAILED) -> None:
        """Write failure into the transaction.

        :param code: a :class:`~manila_backup.status_codes.StatusCode`.
        """

    def cancelled(self, conn: sa.Connection) -> None:
        """Write that it was cancelled into the transaction."""

    def leave_message(self, conn: sa.Connection, status: states.Operation,
                      outcome: typing.Any) -> None:
        """Write what its user is to be told into the transaction.

        :param outcome: what the work returned, if it is done.
        """

    def lacking(self, outcome: typing.Any) -> dict[str, int] | None:
        """Return what a backup that was made lacks, as numbers for a
        notification; None if nothing, or if none was made.

        :param outcome: what the work returned.
        """
        return None

    @classmethod
    def undo(cls, conn: sa.Connection, operation: Row) -> None:
        """Write that it was cancelled before any worker had it."""


class BackupTask(Task):
    """An operation on a backup."""

    opens_share = False

    #: What messages for the backup's owner call it.
    action: messages.Action

    @abc.abstractmethod
    def failure(self) -> messages.Detail:
        """Return what the owner is told if it has failed."""

    def leave_message(self, conn: sa.Connection, status: states.Operation,
                      outcome: typing.Any) -> None:
        # With external shares, it is the other service that is asked for
        # messages.
        if self.tools.source.EXTERNAL:
            return
        detail = None
        if status == states.Operation.FAILED:
            detail = self.failure()
        elif status == states.Operation.DONE:
            detail = self.shortcoming(outcome)
        if detail:
            db_messages.add(conn, self.operation, self.action, detail,
                            self.tools.conf.backup.message_ttl)

    def shortcoming(self, outcome: typing.Any) -> messages.Detail | None:
        """Return what the owner is told of what could not be done in full;
        None if there is nothing.

        :param outcome: what the work returned.
        """
        return None

    @property
    def driver(self) -> drivers.BackupDriver:
        """The backup's driver.

        :raises manila_backup.exception.WorkFailed: it is not enabled.
        """
        try:
            return self.tools.drivers[self.operation.driver]
        except KeyError:
            raise exception.WorkFailed(
                f'The backup driver {self.operation.driver!r} is not in '
                f'[backup] enabled_drivers of this worker.',
                code=status_codes.StatusCode.NO_DRIVER) from None

    @property
    def place(self) -> drivers.BackupReference:
        """The backup, as drivers are told of it."""
        return drivers.BackupReference(
            self.backup.project_id, self.backup.share_id, self.backup.id)

    def unlock(self) -> Call | None:
        driver = self.driver
        if not driver.LEAVES_LOCKS:
            return None
        return driver.unlock, (self.place, self.operation.kind)

    def _prepared(self, make: bool = False) -> drivers.BackupDriver:
        """The backup's driver, ready for the operation."""
        driver = self.driver
        driver.prepare(self.place, self.tools.alone, make)
        return driver

    def _set_backup(self, conn: sa.Connection, status: states.Backup,
                    expected: states.Backup, **values: typing.Any) -> None:
        # An administrator may have set another status meanwhile: it stays.
        transitions.change(conn, db_backups.TABLE, self.backup.id, status,
                           values, old=expected)


class ShareUsingTask(BackupTask):
    """An operation on a backup and a share."""

    opens_share = True
    uses_share = True
    read_only = True

    #: Whether it only looks at the share, for somebody who asks.
    looks_only = False

    #: ``include_mounts``: the share was adopted with that wish. Only says so
    #: to workers that could not heed it: it is the share's row that counts.
    options = frozenset(('include_mounts',))

    @property
    def job(self) -> shares.Job:
        """The attempt, as the share source is told of it."""
        return shares.Job(self.operation.id, self.backup.id,
                          self.operation.attempt, self.read_only,
                          self.looks_only)

    def discard(self) -> None:
        if self.share is None:
            return
        self.tools.source.release(shares.ShareRef.of(self.share), self.job)
        if self.tools.source.EXTERNAL:
            self.tools.database.write(db_operations.residue_removed,
                                      self.operation.id)


class ShareTask(Task):
    """An operation on a share that this service keeps itself."""

    identifies = False

    #: The share's status meanwhile, and after a failure.
    begun: states.Share
    error: states.Share

    def failed(self, conn: sa.Connection, reason: str,
               code: str = status_codes.StatusCode.FAILED) -> None:
        set_share(conn, self.operation, self.error, self.begun)


class SnapshotTask(Task):
    """An operation on a snapshot of a share that this service keeps."""

    #: The snapshot's status meanwhile, and after a failure.
    begun: states.Snapshot
    error: states.Snapshot

    @property
    def snapshot_id(self) -> str:
        return str(self.operation.snapshot_id)

    def _set_snapshot(self, conn: sa.Connection,
                      status: states.Snapshot) -> None:
        transitions.change(conn, models.snapshots, self.snapshot_id, status,
                           old=self.begun)

    def failed(self, conn: sa.Connection, reason: str,
               code: str = status_codes.StatusCode.FAILED) -> None:
        self._set_snapshot(conn, self.error)


def set_share(conn: sa.Connection, operation: Row, status: states.Share,
              expected: states.Share) -> None:
    """Change the status of an operation's share; one that an administrator
    has set meanwhile stays."""
    transitions.change(conn, db_shares.TABLE, operation.share_id, status,
                       old=expected)


def problems(report: drivers.Result) -> str | None:
    """Describe what a driver could not carry over in full, for the backup's
    record.

    :param report: a :class:`manila_backup.drivers.base.Result`.
    :returns: str, or None if there was nothing.
    """
    if not report.problem_count:
        return None
    return texts.fit_list(report.problems, report.problem_count)
