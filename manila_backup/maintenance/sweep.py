# SPDX-License-Identifier: Apache-2.0
"""Removing from the repositories what no operation owns any more.

Why it may run beside everything else
=====================================

A thing is removed if the database says, at that moment, that nobody needs
it. That is only right if nobody can come to need it between the answer and
the removal. So the answers are chosen to be ones that time does not change:

* The disk is read first and the database second, each thing's own rows once
  more right before it is removed. An operation is in the database before it
  is claimed, and is claimed before it writes: whatever was seen on the disk,
  its operation can be seen in the database by then. (Asked in transactions
  that could write, so that no replica answers that lags behind.)
* What attempts have left is removed once no operation on the backup is
  unfinished. An operation that is over stays so, and a backup is made by one
  operation only, so nothing that is allowed to will ever write or publish
  under these names again. As long as the operation is not over, all its
  attempts stay, also the earlier ones: the next one may be about to take
  over what they have, and it removes them by itself at its end.
* A process of a finished operation may still be alive (a worker that was
  frozen). It finds its files gone, and may make an empty directory before it
  sees that its lease is gone: the next sweep has that.
* What deletions have left has a name that nothing looks for. It is left to
  the deletion as long as there is one, to spare both the stumbling over one
  another.
* What a backup was copied from (:meth:`manila_backup.shares.base.ShareSource.
  use`) is treated as an attempt is: it is made by the same operation. With
  external shares, each operation that used one is remembered until nothing of
  its is left there (``operations.holds``), and is released once it is over.
* A finished backup without a row is removed if the database remembers
  operations on it, all of them over: then it had a row, and only a deletion
  removes rows. No admission can bring it back, since ids are not used twice;
  an import could, but refuses what the database remembers.
* One with a row is left alone, with one exception: its deletion failed
  (``error_deleting``). Whoever asked has been told, and can only ask again.
  Not so ``error`` and ``deleting``, which an administrator may have set for
  the time being.
* What the database has never heard of is not touched: it may belong to a
  database that was lost, and is there to be imported. Except if the operator
  asks for it.

So two sweeps at once would do no harm either; that only one runs at a time
spares the work. An import is kept out by the same means: it would give a row
to what an operator is just having removed as unknown.
"""

import dataclasses
import itertools

from manila_backup.db import backups as db_backups
from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup.drivers import base as drivers
from manila_backup import exception
from manila_backup.shares import base as shares
from manila_backup import states

#: The lock that keeps sweeps and imports from one another.
LOCK = 'repository'

_CHUNK = 500

KEEP, REMOVE, UNKNOWN = 'keep', 'remove', 'unknown'

_WHAT = {drivers.ItemState.PUBLISHED: 'backup',
         drivers.ItemState.PARTIAL: 'attempt',
         drivers.ItemState.TRASH: 'deletion'}


@dataclasses.dataclass(frozen=True)
class Finding:
    """Item without an owner that a sweep found.

    :ivar what: ``backup``, ``attempt`` (at one), ``deletion`` (an
        interrupted one), ``snapshot``, ``source`` (the snapshot of a share
        that an attempt at a backup was copied from), or ``repository`` if
        that can't be read.
    :ivar done: ``removed``, ``would be removed``, ``unknown`` (and left) or
        ``failed``.
    :ivar where: str, the driver's name; ``shares`` for what the share
        source has.
    :ivar id: of the backup or snapshot.
    :ivar attempt: int, of an attempt or a source.
    :ivar reason: str, a sentence.
    """

    what: str
    done: str
    where: str
    project_id: str | None = None
    share_id: str | None = None
    id: str | None = None
    attempt: int | None = None
    reason: str | None = None


class Sweep:
    """One sweep.

    :param tools: has ``database``, ``drivers`` (dict of name to driver) and
        ``source``.
    :param lock: the :class:`manila_backup.engine.named_lock.NamedLock` that is
        held; None for a dry run.
    :param unknown: bool, whether to remove what the database has never
        heard of.
    """

    def __init__(self, tools, lock=None, unknown=False):
        self._tools = tools
        self._database = tools.database
        self._lock = lock
        self._unknown = unknown

    def run(self):
        """Do it.

        :returns: iterator of :class:`Finding`, each when it is done.
        """
        for name, driver in self._tools.drivers.items():
            try:
                yield from self._repository(name, driver)
            except exception.WorkFailed as exc:
                yield Finding('repository', 'failed', name, reason=str(exc))
        for what, function in (('snapshot', self._snapshots),
                               ('source', self._sources),
                               ('source', self._residue)):
            try:
                yield from function()
            except exception.WorkFailed as exc:
                yield Finding(what, 'failed', 'shares', reason=str(exc))

    # -- backups ---------------------------------------------------------

    def _repository(self, name, driver):
        found = driver.contents()
        while chunk := list(itertools.islice(found, _CHUNK)):
            if self._lock:
                self._lock.keep()
            known = self._database.write(
                db_backups.statuses,
                sorted({stored.place.backup_id for stored in chunk}))
            for stored in chunk:
                status = known.get(stored.place.backup_id)
                if (stored.state is drivers.ItemState.PUBLISHED
                        and status not in (
                            None, states.Backup.ERROR_DELETING)):
                    continue    # nearly all are that
                place = stored.place
                yield from self._deal(
                    dict(what=_WHAT[stored.state], where=name,
                         project_id=place.project_id,
                         share_id=place.share_id, id=place.backup_id,
                         attempt=stored.attempt),
                    (judge, stored), (_remove, driver, stored))

    # -- snapshots of local shares ---------------------------------------

    def _snapshots(self):
        source = self._tools.source
        for share_id, snapshot_id, unfinished in source.snapshots():
            ref = shares.ShareRef(share_id, None)
            yield from self._deal(
                dict(what='snapshot', where='shares', share_id=share_id,
                     id=snapshot_id),
                (judge_snapshot, share_id, snapshot_id, unfinished),
                (source.discard_snapshot if unfinished
                 else source.remove_snapshot, ref, snapshot_id))

    # -- what backups are copied from ------------------------------------

    def _sources(self):
        source = self._tools.source
        for share_id, backup_id, attempt in source.held():
            yield from self._deal(
                dict(what='source', where='shares', share_id=share_id,
                     id=backup_id, attempt=attempt),
                (judge_source, backup_id),
                (source.release, self._share(share_id),
                 shares.Job('', backup_id, attempt)))

    def _share(self, share_id):
        """Return a reference to a share: no more than its id, once it is
        gone."""
        row = self._database.read(db_shares.get, share_id)
        return (shares.ShareRef.of(row) if row
                else shares.ShareRef(share_id, None))

    def _residue(self):
        """Remove the residue of operations with external shares."""
        source = self._tools.source
        if not source.EXTERNAL:
            return
        for row in self._database.read(db_operations.with_residue):
            job = shares.Job(row.id, row.backup_id, row.attempt)
            for found in self._deal(
                    dict(what='source', where='shares',
                         project_id=row.project_id, share_id=row.share_id,
                         id=row.backup_id, attempt=row.attempt),
                    (judge_use, row.id),
                    (source.release,
                     shares.ShareRef(row.share_id, row.project_id), job)):
                if found.done == 'removed':
                    self._database.write(db_operations.residue_removed, row.id)
                yield found

    # -- all of them -----------------------------------------------------

    def _deal(self, finding, judgement, removal):
        """Check one item, and remove it if it has no owner."""
        verdict, reason = self._database.write(*judgement)
        if verdict == KEEP:
            return
        finding['reason'] = reason
        if verdict == UNKNOWN and not self._unknown:
            yield Finding(done='unknown', **finding)
        elif not self._lock:
            yield Finding(done='would be removed', **finding)
        else:
            try:
                self._lock.run(*removal)
                yield Finding(done='removed', **finding)
            except exception.WorkFailed as exc:
                finding['reason'] = str(exc)
                yield Finding(done='failed', **finding)


def judge(conn, stored):
    """Decide whether to keep or remove an item in a repository.

    :param stored: a :class:`manila_backup.drivers.base.RepositoryItem`.
    :returns: (KEEP, REMOVE or UNKNOWN, why).
    """
    backup_id = stored.place.backup_id
    operations = db_operations.of_backup(conn, backup_id)
    if _unfinished(operations):
        return KEEP, None
    if stored.state is drivers.ItemState.TRASH:
        return REMOVE, 'Its deletion was interrupted.'
    backup = db_backups.get(conn, backup_id)
    if backup is None and not operations:
        return UNKNOWN, 'The backup is unknown to the database.'
    if stored.state is drivers.ItemState.PARTIAL:
        return REMOVE, 'No operation makes that backup any more.'
    if backup is None:
        return REMOVE, 'The backup was deleted.'
    if backup.status == states.Backup.ERROR_DELETING:
        return REMOVE, 'The deletion of the backup failed.'
    return KEEP, None


def judge_snapshot(conn, share_id, snapshot_id, unfinished):
    """Decide whether to keep or remove an item of a snapshot.

    :param unfinished: bool, whether it is what an attempt made of it.
    """
    operations = db_operations.of_snapshot(conn, share_id, snapshot_id)
    if _unfinished(operations):
        return KEEP, None
    snapshot = rows.get(conn, models.snapshots, snapshot_id)
    if snapshot is None and not operations:
        return UNKNOWN, 'The snapshot is unknown to the database.'
    if unfinished:
        return REMOVE, 'No operation makes that snapshot any more.'
    if snapshot is None:
        return REMOVE, 'The snapshot was deleted.'
    return KEEP, None


def judge_source(conn, backup_id):
    """Decide whether to keep or remove the frozen copy that a backup was made
    from.
    """
    operations = db_operations.of_backup(conn, backup_id)
    if _unfinished(operations):
        return KEEP, None
    if not operations and db_backups.get(conn, backup_id) is None:
        return UNKNOWN, 'The backup is unknown to the database.'
    return REMOVE, 'No operation copies from it any more.'


def judge_use(conn, operation_id):
    """Decide whether to keep or remove the residue of an operation with an
    external share.
    """
    operation = db_operations.get(conn, operation_id)
    if operation is None or _unfinished([operation]):
        return KEEP, None
    return REMOVE, 'The operation that used it is over.'


def _unfinished(operations):
    return any(each.status not in states.OVER for each in operations)


def _remove(driver, stored, progress):
    """A function of its own, so that it can cross into another process."""
    driver.sweeps = True
    if stored.state is drivers.ItemState.PUBLISHED:
        driver.delete(stored.place, progress)
    else:
        driver.discard(stored.place, stored.attempt or 0)
