# SPDX-License-Identifier: Apache-2.0
"""Facts about backups for whoever bills or watches them, and the audit: a
notification about each backup that existed in a period."""

import datetime

from manila_backup.db import usage as db_usage
from manila_backup import exception
from manila_backup import states

#: Columns of a backup that are told as they are.
_COLUMNS = ('name', 'backup_type', 'status', 'status_code', 'size',
            'availability_zone', 'created_at', 'taken_at', 'completed_at',
            'point_in_time', 'result', 'entries', 'content_bytes',
            'stored_bytes', 'warning_count', 'missing_count', 'requested_by',
            'verified_at', 'verified_result', 'policy_id')

#: What is measured of a backup: (key of the facts, what the measure is called,
#: its unit).
_MEASURES = (('size', 'share.backup.size', 'GiB'),
             ('entries', 'share.backup.entries', 'entry'),
             ('content_bytes', 'share.backup.content.size', 'B'),
             ('stored_bytes', 'share.backup.stored.size', 'B'))


def facts(backup):
    """Describe a backup, in what JSON can hold.

    :param backup: its row.
    :returns: dict; times are ISO 8601 in UTC, sizes bytes, but ``size`` the
        GiB of the share.
    """
    found = {'backup_id': backup.id, 'share_id': backup.share_id,
             'tenant_id': backup.project_id, 'user_id': backup.user_id}
    found.update((name, time(getattr(backup, name)))
                 for name in _COLUMNS)
    return found


def of_backup(known):
    """Return the facts of a backup that notifications of operations on it
    have others of: of the share that is restored to, and of who does that.

    :param known: what :func:`facts` returns, or nothing of it.
    """
    return {f'backup_{name}': known.get(name)
            for name in ('share_id', 'user_id')}


def measure(name, unit, value):
    """Return a measure as notifications have it.

    :param value: a number.
    """
    return {'name': name, 'unit': unit, 'value': value}


def measures(known):
    """Return what is measured of a backup, as far as it is known: who meters
    it could make nothing of a null.

    :param known: what :func:`facts` returns.
    :returns: list of dicts as of :func:`measure`.
    """
    return [measure('share.backup', 'backup', 1), *(
        measure(name, unit, known[key]) for key, name, unit in _MEASURES
        if known.get(key) is not None)]


def time(value):
    """Return a database's time as notifications have it, and anything else as
    it is."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec='microseconds')
    return value


def last_period(name, now):
    """Return the last period of a length that is over.

    :param name: ``hour``, ``day``, ``month`` or ``year``.
    :param now: datetime in UTC, without a time zone.
    :returns: (datetime, datetime), when it began and when it ended.
    """
    end = now.replace(minute=0, second=0, microsecond=0)
    if name == 'hour':
        return end - datetime.timedelta(hours=1), end
    end = end.replace(hour=0)
    if name == 'day':
        return end - datetime.timedelta(days=1), end
    end = end.replace(day=1)
    if name == 'month':
        return (end - datetime.timedelta(days=1)).replace(day=1), end
    end = end.replace(month=1)
    return end.replace(year=end.year - 1), end


class Audit:
    """The backups that existed in a period, as notifications.

    :param database: a :class:`manila_backup.db.engine.Database`.
    :param begin: datetime in UTC, without a time zone.
    :param end: the same.
    :raises manila_backup.exception.ConfigurationError: the period makes no
        sense.
    """

    def __init__(self, database, begin, end):
        if begin >= end:
            raise exception.ConfigurationError(
                f'The period ends at {time(end)}, before it begins at '
                f'{time(begin)}.')
        self._database = database
        self._begin, self._end = begin, end

    def events(self, actions=False):
        """List the notifications.

        A backup that is deleted while this goes on may be told of twice,
        with the same values, but none is left out.

        :param actions: bool, whether those of creations and deletions in the
            period are to be told again.
        :returns: iterator of (event type, payload as dict).
        """
        for backup in self._there():
            yield from self._told(facts(backup), None, actions)
        for known, deleted_at in self._removed():
            yield from self._told(known, deleted_at, actions)

    def _there(self):
        marker = None
        while True:
            page = self._database.read(db_usage.created_before, self._end,
                                       marker)
            yield from page
            if len(page) < db_usage.PAGE:
                return
            marker = page[-1].created_at, page[-1].id

    def _removed(self):
        """Backups that were deleted in the period or after it: (facts, when).
        Of those that an earlier release deleted, little is known."""
        marker = None
        while True:
            page = self._database.read(db_usage.deleted_since, self._begin,
                                       marker)
            for row in page:
                known = (row.options or {}).get(states.DELETED) or {
                    'backup_id': row.backup_id, 'share_id': row.share_id,
                    'tenant_id': row.project_id, 'user_id': None,
                    **dict.fromkeys(_COLUMNS),
                    'backup_type': row.driver}
                created_at = known.get('created_at')
                if not created_at or created_at < time(self._end):
                    yield known, row.finished_at
            if len(page) < db_usage.PAGE:
                return
            marker = page[-1].finished_at, page[-1].id

    def _told(self, known, deleted_at, actions):
        within = deleted_at and deleted_at < self._end
        payload = {**known, **of_backup(known),
                   'deleted_at': time(deleted_at) if within else None,
                   'metrics': measures(known),
                   'audit_period_beginning': time(self._begin),
                   'audit_period_ending': time(self._end)}
        if within:
            payload['status'] = 'deleted'
        yield 'share_backup.exists', payload
        if not actions:
            return
        created_at = known.get('created_at')
        if created_at and created_at >= time(self._begin):
            for phase in ('start', 'end'):
                yield f'share_backup.create.{phase}', payload
        if within:
            for phase in ('start', 'end'):
                yield f'share_backup.delete.{phase}', payload
