# SPDX-License-Identifier: Apache-2.0
"""Questions about what changed from one backup to another."""

import contextlib
import dataclasses
import hashlib
import json
import os
import tempfile
import typing

from manila_backup.bus import questions
from manila_backup.contents import comparison
from manila_backup.contents import database
from manila_backup.contents import once
from manila_backup.contents import reader
from manila_backup.drivers import base
from manila_backup.engine.questions import files

_once = once.Once()


def list_changes(driver: base.BackupDriver, place: base.BackupReference,
                 folder: str, since: str, after: int, limit: int
                 ) -> dict[str, typing.Any]:
    """List what changed from one backup of a share to another.

    All of both is compared for the first page; further ones are read from
    what came of that, or it is made anew, which gives the same.

    :param since: str, the id of the other backup, the older one.
    :param after: int, the number of the change to begin after; 0 for none.
    :returns: dict of ``changes``, as of
        :meth:`~manila_backup.contents.comparison.Result.page`, ``totals``,
        and ``more``, whether there are further ones.
    """
    other = dataclasses.replace(place, backup_id=since)
    with (files.opened_index(driver, other, folder) as old,
          files.opened_index(driver, place, folder) as new):
        path = os.path.join(folder, _name(place, since, old, new))
        try:
            if not os.path.exists(path):
                _make(path, old, new)
        except database.DamagedIndex:
            # It does not say which.
            driver.drop_index(other, folder)
            raise
        with _opened(path) as result:
            found = result.page(after, limit + 1)
            return {'changes': found[:limit], 'totals': result.totals(),
                    'more': len(found) > limit}


def _name(place: base.BackupReference, since: str, old: reader.Reader,
          new: reader.Reader) -> str:
    """Name of the file with the comparison of two indexes."""
    about = json.dumps([old.about(), new.about()], sort_keys=True)
    digest = hashlib.sha256(about.encode()).hexdigest()[:16]
    return f'{place.backup_id}.changes.{since}.{digest}'


@contextlib.contextmanager
def _opened(path: str) -> typing.Iterator[comparison.Result]:
    try:
        with comparison.Result(path) as result:
            yield result
    except database.DamagedIndex as exc:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise questions.Unanswered(
            'The stored comparison was damaged and is made again. Try '
            'again in some seconds.') from exc


def _make(path: str, old: reader.Reader, new: reader.Reader) -> None:
    busy = questions.Unanswered(
        'The backups are being compared. Try again in some seconds.')
    try:
        with (_once.alone(path, busy),
              tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as made):
            new_path = os.path.join(made, 'changes')
            comparison.write(new_path, old, new)
            os.rename(new_path, path)
    except OSError as exc:
        raise base.DriverError(
            f'The backups could not be compared: {exc}.',
            retryable=True) from exc
