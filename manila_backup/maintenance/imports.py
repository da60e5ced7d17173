# SPDX-License-Identifier: Apache-2.0
"""Giving rows to backups that only a repository knows: after the database
was lost, or in another one."""

import dataclasses
import math

from manila_backup.bus import rpc
from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup.db import quotas as db_quotas
from manila_backup.db import shares as db_shares
from manila_backup.db import transitions
from manila_backup.engine import records
from manila_backup import exception
from manila_backup.shares import base as shares
from manila_backup import states

_GIB = 1 << 30


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Result of the import of one backup.

    :ivar result: ``imported``, ``would be imported``, ``known`` (there is a
        row already) or ``refused``.
    :ivar share: ``known``, ``available`` or ``error``: the share's row was
        there, or was made and has that status.
    :ivar reason: str, why it was refused.
    """

    backup_id: str
    project_id: str
    share_id: str
    driver: str
    result: str
    share: str | None = None
    reason: str | None = None


class Import:
    """An import.

    :param database: a :class:`manila_backup.db.engine.Database`.
    :param enabled: dict of name to driver.
    :param source: the share source.
    """

    def __init__(self, conf, database, enabled, source, dry_run=False):
        self._conf = conf
        self._database = database
        self._drivers = enabled
        self._source = source
        self._dry_run = dry_run

    def one(self, name, place, record=None):
        """Import one backup. Once it is there, doing so again does nothing.

        :param name: str, its driver's.
        :param record: dict to use instead of the one in the repository.
        :returns: an :class:`Outcome`.
        """
        try:
            result, share = self._one(name, place, record)
            reason = None
        except (exception.InvalidState, exception.WorkFailed) as exc:
            result, share, reason = 'refused', None, str(exc)
        return Outcome(place.backup_id, place.project_id, place.share_id,
                       name, result, share, reason)

    def _one(self, name, place, record):
        if not records.is_possible(place):
            raise exception.InvalidState('Its ids are not this service\'s.')
        known = self._database.read(db_backups.statuses, [place.backup_id])
        if known:
            return 'known', 'known'
        said = self._drivers[name].describe(place)
        record = records.valid(record or said.record, place)
        if record and record['backup']['backup_type'] in self._drivers:
            # Two drivers can have one repository.
            name = record['backup']['backup_type']
        share = self._share(place, said, record)
        status = self._database.read(self._look, share)
        if status is None:
            status = self._status(share)
        backup = self._backup(name, place, said, record)
        return self._database.write(self._write, backup, share, status)

    def _backup(self, name, place, said, record):
        values = record and record['backup'] or dict(
            id=place.backup_id, project_id=place.project_id,
            share_id=place.share_id, created_at=said.created_at, size=None)
        return dict(values, created_at=records.moment(values['created_at']),
                    backup_type=name, progress=100, topic=rpc.TOPIC,
                    host=self._conf.host, **self._contents(name, said))

    def _contents(self, name, said):
        """Return what the repository knows of a backup, as columns.

        :param said: the driver's :class:`~.drivers.base.Info`.
        """
        return {
            'result': records.result_of(said.problem_count, said.missing),
            'entries': said.files,
            'content_bytes': said.bytes,
            'stored_bytes': said.stored_bytes,
            'warning_count': said.problem_count,
            'missing_count': said.missing,
            'taken_at': records.moment(said.created_at),
            'point_in_time': states.PointInTime.of(
                said.record, self._drivers[name].WHOLE_FILES),
            'requested_by': states.Requester.IMPORT,
        }

    def _share(self, place, said, record):
        """A row for the share, should there be none."""
        values = dict(record and record['share'] or dict(
            id=place.share_id, project_id=place.project_id,
            source=self._conf.shares.source, share_proto='NFS',
            size=record['backup']['size'] if record else _gib(said.bytes),
            created_at=said.created_at))
        values['created_at'] = records.moment(values['created_at'])
        return values

    def _look(self, conn, share):
        """Look up a share.

        :returns: str, ``known``; or None, and then the path is only left in
            if it can be this share's.
        """
        if db_shares.get(conn, share['id']):
            return 'known'
        path = share.get('path')
        if path:
            digest = db_shares.path_digest(path)
            if db_shares.path_taken(conn, digest):
                # Adopted again meanwhile, as another share.
                share['path'] = None
            else:
                share['path_digest'] = digest
        return None

    def _status(self, share):
        """Available if the share's content is where it should be, which is
        noted in the values. A path in a record proves nothing: what is there
        must be what could be adopted.
        """
        ref = shares.ShareRef(share['id'], share['project_id'],
                              share.get('path'))
        if self._source.EXTERNAL:
            # It is asked for whenever that matters.
            return states.Share.AVAILABLE
        try:
            share['identity'] = (self._source.adopt if ref.path
                                 else self._source.identify)(ref)
        except shares.ShareError:
            return states.Share.ERROR
        return states.Share.AVAILABLE

    def _write(self, conn, backup, share, status):
        """All in one transaction.

        :returns: (result, what became of the share).
        :raises InvalidState: it can't be.
        """
        # A project's usage is what its rows come to. Limits are not asked
        # for: what is imported is there already.
        db_quotas.lock(conn, backup['project_id'])
        if db_backups.get(conn, backup['id']):
            return 'known', 'known'
        if db_operations.of_backup(conn, backup['id']):
            raise exception.InvalidState(
                'According to the database, the backup was deleted, or its '
                'creation failed.')
        there = db_shares.get(conn, share['id'])
        size = backup['size'] or max(share['size'], there.size if there
                                     else 0)
        said = 'known' if there else str(status)
        if self._dry_run:
            return 'would be imported', said
        if not there:
            if status == 'known':
                raise exception.InvalidState(
                    'Its share was removed meanwhile; try again.')
            self._insert_share(conn, share, status)
        transitions.create(conn, db_backups.TABLE, states.Backup.AVAILABLE,
                           **dict(backup, size=size))
        return 'imported', said

    def _insert_share(self, conn, share, status):
        local = share['source'] == 'local'
        type_ = local and db_shares.get_type(
            conn, self._conf.local_shares.default_share_type)
        transitions.create(conn, db_shares.TABLE, status, **share,
                           share_type_id=type_.id if type_ else None)


def _gib(size):
    # A database holds no more.
    return min(max(1, math.ceil(size / _GIB)), 2 ** 31 - 1)
