# SPDX-License-Identifier: Apache-2.0
"""Questions about one path in several backups of a share."""

import dataclasses
import time
import typing

from oslo_log import log

from manila_backup.bus import questions
from manila_backup.contents import reader
from manila_backup.drivers import base
from manila_backup.engine.questions import files
from manila_backup.fs import handles
from manila_backup import quoting

LOG = log.getLogger(__name__)


def list_versions(driver: base.BackupDriver, place: base.BackupReference,
                  folder: str, backup_ids: list[str], path: str,
                  seconds: float) -> list[dict[str, typing.Any]]:
    """Look a path up in several backups of a share.

    :param place: any of them.
    :param path: str, quoted.
    :param seconds: float, after how long to answer what was found.
    :returns: list of dict, for each of the backups in turn, but perhaps not
        for all: ``file``, as :func:`.files.list_files` has it, or None where
        there is none of that path; or ``problem``, why it can't be told.
    """
    end = time.monotonic() + seconds
    wanted = quoting.unquote(path)
    found: list[dict[str, typing.Any]] = []
    for backup_id in backup_ids:
        found.append(_look(
            driver, dataclasses.replace(place, backup_id=backup_id), folder,
            wanted))
        if time.monotonic() > end:
            break
    return found


def _look(driver: base.BackupDriver, place: base.BackupReference,
          folder: str, path: bytes) -> dict[str, typing.Any]:
    try:
        with files.opened_index(driver, place, folder,
                                handles.split(path)[0]) as index:
            try:
                one = index.entry(path)
            except reader.NoSuchEntry:
                return {'file': None}
            return {'file': files.told(index, [one])[0]}
    except (questions.Unanswered, base.DriverError) as exc:
        # The others can still be told.
        LOG.warning('Backup %s: %s', place.backup_id, exc)
        return {'problem': 'damaged' if isinstance(exc, base.DamagedBackup)
                else 'unavailable'}
