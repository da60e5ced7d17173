# SPDX-License-Identifier: Apache-2.0
"""Looking at what the repositories hold: what there is, and is it sound?"""

import dataclasses
import types

from manila_backup.db import backups as db_backups
from manila_backup.db import messages as db_messages
from manila_backup.db import operations as db_operations
from manila_backup.db import rows
from manila_backup.db import sqltime
from manila_backup.db import texts
from manila_backup.db import transitions
from manila_backup.drivers import base as drivers
from manila_backup.drivers import progress
from manila_backup.engine import records
from manila_backup import exception
from manila_backup import messages
from manila_backup import states
from manila_backup import status_codes

_Backup = states.Backup

SOUND, DAMAGED, FAILED, GONE = 'sound', 'damaged', 'failed', 'gone'

# What a verification that came to an end leaves in the backup's row.
_VERIFIED = {SOUND: states.Verified.SOUND, DAMAGED: states.Verified.DAMAGED}

# Of a backup that was made.
_WHOLE = (_Backup.AVAILABLE, _Backup.RESTORING)

# How many damages a fail_reason names; the command names them all.
_NAMED = 20


@dataclasses.dataclass(frozen=True)
class Target:
    """A backup to look at.

    :ivar driver: str, the name of its driver.
    :ivar status: str, its status in the database; None if it is not there.
    """

    driver: str
    place: drivers.BackupReference
    status: str | None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Result of the inspection of a backup.

    :ivar result: SOUND; DAMAGED; FAILED, if it could not be told; or GONE,
        if it was deleted meanwhile or there never was one.
    :ivar damages: list of str, a sentence for each, or for what failed.
    :ivar marked: bool, whether its status was set to ``error`` for it.
    :ivar is_news: bool, whether it is damaged, and was not known to be.
    """

    backup_id: str
    result: str
    damages: list
    marked: bool = False
    project_id: str | None = None
    share_id: str | None = None
    driver: str | None = None
    is_news: bool = False


def _read(driver, place):
    return driver.verify(place, progress.Progress())


class Inspection:
    """Of all repositories, against the database.

    :param database: a :class:`manila_backup.db.engine.Database`.
    :param enabled: dict of name to driver.
    :param message_ttl: float, seconds that a message for the owner of a
        damaged backup is kept; None for no message.
    """

    def __init__(self, database, enabled, message_ttl=None):
        self._database = database
        self._drivers = enabled
        self._message_ttl = message_ttl

    def published(self):
        """The finished backups in the repositories; each once, also where
        several drivers have one repository.

        :returns: iterator of (driver's name, place).
        """
        seen = set()
        for name, driver in self._drivers.items():
            for stored in driver.contents():
                if (stored.state is drivers.ItemState.PUBLISHED
                        and stored.place not in seen):
                    seen.add(stored.place)
                    yield name, stored.place

    def list(self):
        """Describe every finished backup in the repositories.

        :returns: iterator of dicts.
        """
        for name, place in self.published():
            status = self._database.read(
                db_backups.statuses, [place.backup_id]).get(place.backup_id)
            found = {'project_id': place.project_id,
                     'share_id': place.share_id,
                     'backup_id': place.backup_id, 'driver': name,
                     'created_at': None, 'files': None, 'bytes': None,
                     'unique_bytes': None, 'known': status is not None,
                     'status': status, 'problem': None}
            driver = self._drivers[name]
            try:
                found['unique_bytes'] = driver.unique_bytes(
                    place, progress.Progress())
                said = driver.describe(place)
                found.update(created_at=said.created_at, files=said.files,
                             bytes=said.bytes)
            except exception.WorkFailed as exc:
                found['problem'] = str(exc)
            yield found

    # -- what to verify --------------------------------------------------

    def named(self, backup_ids):
        """Backups by their ids.

        :returns: iterator of :class:`Target`, and of :class:`Verdict` where
            there is none.
        """
        rows_ = {row.id: row for row in self._database.read(
            lambda conn: [db_backups.get(conn, each)
                          for each in backup_ids]) if row}
        stored = {}
        if len(rows_) < len(set(backup_ids)):
            stored = {place.backup_id: (name, place)
                      for name, place in self.published()}
        for backup_id in backup_ids:
            if backup_id in rows_:
                yield target_of(rows_[backup_id])
            elif backup_id in stored:
                yield Target(*stored[backup_id], None)
            else:
                yield Verdict(backup_id, GONE, [
                    'Neither the database nor a repository has it.'])

    def all(self, project_id=None):
        """Every backup that should be sound: those that the database says
        are, and those in the repositories that it does not know.

        :param project_id: str, to have only that project's.
        :returns: iterator of :class:`Target`.
        """
        stored = {place.backup_id: (name, place)
                  for name, place in self.published()
                  if project_id in (None, place.project_id)}
        # After the repositories: what is finished has its row by then.
        for row in self._database.write(db_backups.list_places, project_id):
            there = stored.pop(row.id, None)
            if row.status in (_Backup.AVAILABLE, _Backup.RESTORING) or (
                    there and row.status == _Backup.ERROR):
                yield target_of(row)
        for name, place in stored.values():
            yield Target(name, place, None)

    # -- verifying -------------------------------------------------------

    def verify(self, target, mark=True, read=_read):
        """Re-read a backup.

        :param target: a :class:`Target`.
        :param mark: bool, whether what was found is written into its row,
            and one that is damaged becomes ``error``, if it is ``available``
            and nothing is being done to it.
        :param read: called with the driver and the backup's reference;
            returns what :meth:`.BackupDriver.verify` does.
        :returns: a :class:`Verdict`.
        """
        place = target.place
        try:
            damages = read(self._driver(target), place)
            result = DAMAGED if damages else SOUND
        except exception.WorkFailed as exc:
            damages, result = [str(exc)], FAILED
        there, marked, is_news = self._database.write(
            self._conclude, target, result, damages, mark)
        if not there and result != SOUND:
            result, damages = GONE, ['It is being or was deleted.']
        return Verdict(place.backup_id, result, damages, marked,
                       place.project_id, place.share_id, target.driver,
                       is_news)

    def _driver(self, target):
        try:
            return self._drivers[target.driver]
        except KeyError:
            raise exception.WorkFailed(
                f'The backup driver {target.driver!r} is not in [backup] '
                f'enabled_drivers.') from None

    def _conclude(self, conn, target, result, damages, mark):
        """Write into a backup's row what was found, and set one that is
        damaged to ``error``, unless something is being done to it.

        :param mark: bool; False to write nothing.
        :returns: (bool, whether it should still exist: one that was removed
            while being read is not damaged; bool, whether it is marked; bool,
            whether it is damaged, and its row did not say so).
        """
        backup_id = target.place.backup_id
        operation = db_operations.live_of_backup(conn, backup_id)
        row = rows.get(conn, db_backups.TABLE, backup_id, lock=True)
        if row is None:
            return target.status is None, False, False
        if row.status in (_Backup.DELETING, _Backup.ERROR_DELETING):
            return False, False, False
        if not mark or result not in _VERIFIED:
            return True, False, False
        is_news = self._note(conn, row, _VERIFIED[result])
        if result != DAMAGED:
            return True, False, False
        reason = reason_of(damages)
        if row.status == _Backup.ERROR and row.fail_reason == reason:
            return True, True, is_news  # it was marked before
        if operation or row.status != _Backup.AVAILABLE:
            return True, False, is_news
        return True, transitions.change(
            conn, db_backups.TABLE, backup_id, _Backup.ERROR,
            {'fail_reason': reason,
             'status_code': status_codes.StatusCode.DAMAGED},
            old=_Backup.AVAILABLE), is_news

    def _note(self, conn, row, found):
        """Write what was found, unless it is of one that was never made: of
        that there is nothing to be found.

        :returns: bool, whether it is damaged, and its row did not say so.
        """
        if not (row.status in _WHOLE or (
                row.status == _Backup.ERROR and row.progress == 100)):
            return False
        values = {'verified_at': sqltime.utcnow(), 'verified_result': found}
        if found == states.Verified.DAMAGED:
            values['result'] = states.Result.DAMAGED
        elif row.result == states.Result.DAMAGED:
            values['result'] = records.result_of(row.warning_count,
                                                 row.missing_count)
        rows.update(conn, db_backups.TABLE, row.id, values,
                    status=row.status)
        if (found != states.Verified.DAMAGED
                or row.verified_result == states.Verified.DAMAGED):
            return False
        if self._message_ttl is not None:
            db_messages.add(
                conn, types.SimpleNamespace(
                    project_id=row.project_id, request_id=None,
                    backup_id=row.id),
                messages.Action.VERIFY_BACKUP, messages.Detail.DAMAGED,
                self._message_ttl)
        return True


def reason_of(damages):
    """The ``fail_reason`` of a damaged backup.

    :param damages: list of str.
    """
    return texts.fit_list([
        'The backup is damaged: its content in the repository is not what was '
        'stored.', *damages[:_NAMED]], len(damages) + 1)


def target_of(row):
    """Return the :class:`Target` that a backup's row is about."""
    return Target(row.backup_type, drivers.BackupReference(
        row.project_id, row.share_id, row.id), row.status)
