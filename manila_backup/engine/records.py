# SPDX-License-Identifier: Apache-2.0
"""Record that is kept with a backup in its repository, to rebuild a lost
database.

The record's form is part of the repository's: repository-format.rst.
"""

import dataclasses
import datetime

from oslo_utils import uuidutils

from manila_backup.db import models
from manila_backup.db import texts
from manila_backup import states

VERSION = 1

_BACKUP = ('id', 'project_id', 'share_id', 'user_id', 'name', 'description',
           'size', 'availability_zone', 'backup_type', 'created_at')
_SHARE = ('id', 'project_id', 'user_id', 'source', 'name', 'description',
          'size', 'share_proto', 'host', 'availability_zone', 'is_public',
          'properties', 'path', 'created_at')


# Not in the records of earlier releases.
_LATER = ('include_mounts',)


def of_rows(backup, share):
    """The record of a backup.

    :param backup: its row.
    :param share: the row of the share that it is of, or None.
    :returns: dict that JSON can hold.
    """
    return {'version': VERSION, 'backup': _of(backup, _BACKUP),
            'share': share and _of(share, _SHARE + _LATER)}


def valid(record, place):
    """A record as it can be used.

    :param record: what a driver gave back, or what came from elsewhere.
    :param place: the :class:`~manila_backup.drivers.base.BackupReference` of
        the backup that it must be of.
    :returns: dict like that of :func:`of_rows`; or None if it is none of
        this version or not of that backup.
    """
    # Only where it is wanted, in imports: it takes time to load.
    import jsonschema

    try:
        jsonschema.validate(record, _SCHEMA)
        backup, share = record['backup'], record['share']
        moment(backup['created_at'])
        if share:
            moment(share['created_at'])
    except (jsonschema.ValidationError, ValueError):
        return None
    if not texts.all_storable(record):
        return None
    ids = backup['project_id'], backup['share_id'], backup['id']
    if ids != (place.project_id, place.share_id, place.backup_id) or (
            share and share['id'] != place.share_id):
        return None
    return {'version': VERSION,
            'backup': {name: backup[name] for name in _BACKUP},
            'share': share and {
                **{name: share[name] for name in _SHARE},
                **{name: share.get(name) for name in _LATER}}}


def result_of(problem_count, missing):
    """Return the :class:`~manila_backup.states.Result` of a backup that was
    made; None where what is known does not tell.

    :param problem_count: int, or None; as in a driver's report.
    :param missing: int, or None.
    """
    if missing is None and problem_count == 0:
        missing = 0
    if missing is None:
        return None
    return states.Result.INCOMPLETE if missing else states.Result.COMPLETE


def moment(text):
    """A time of a record as the database has times.

    :raises ValueError: it is none.
    """
    found = datetime.datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found.astimezone(datetime.timezone.utc).replace(tzinfo=None)


def is_possible(place):
    """Tell whether the ids of a backup reference are valid as ids of rows."""
    if not texts.all_storable(list(dataclasses.astuple(place))):
        return False
    return (uuidutils.is_uuid_like(place.backup_id)
            and len(place.backup_id) <= 36 and len(place.share_id) <= 36
            and len(place.project_id) <= 255)


def _columns(table, names, later=()):
    """JSON schema of an object that has what these columns may hold.

    :param later: names of more, which may be missing.
    """
    found = {}
    for name in (*names, *later):
        column = table.c[name]
        kind = {'type': ['string', *(['null'] if column.nullable else [])],
                'maxLength': getattr(column.type, 'length', None) or 64}
        found[name] = _KINDS.get(name, kind)
    return {'properties': found, 'required': list(names)}


_KINDS = {
    'size': {'type': 'integer', 'minimum': 1, 'maximum': (1 << 31) - 1},
    'is_public': {'type': 'boolean'},
    'include_mounts': {'type': ['boolean', 'null']},
    'properties': {'type': 'object',
                   'additionalProperties': {'type': 'string'}},
}
_SCHEMA = {
    'type': 'object',
    'properties': {
        'version': {'const': VERSION},
        'backup': {'type': 'object',
                   **_columns(models.share_backups, _BACKUP)},
        'share': {'type': ['object', 'null'],
                  **_columns(models.shares, _SHARE, _LATER)},
    },
    'required': ['version', 'backup', 'share'],
}


def _of(row, names):
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value):
    # The database's times are UTC and don't say so.
    return (value.isoformat() + '+00:00' if hasattr(value, 'isoformat')
            else value)
