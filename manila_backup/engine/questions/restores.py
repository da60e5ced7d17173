# SPDX-License-Identifier: Apache-2.0
"""Questions about what a restore of chosen paths would do."""

import contextlib
import typing

from manila_backup.bus import questions
from manila_backup.drivers import base
from manila_backup.engine.questions import files
from manila_backup.path_restore import selection
from manila_backup.path_restore import survey
from manila_backup import quoting
from manila_backup.shares import base as shares
from manila_backup import status_codes


class _Unlimited:
    """Progress of what holds no lease."""

    def check(self) -> None:
        pass


def preview_restore(driver: base.BackupDriver, place: base.BackupReference,
                    folder: str, source: shares.ShareSource,
                    share: dict[str, typing.Any], paths: list[str],
                    target_path: str | None, seconds: float,
                    whole: bool = False) -> dict[str, typing.Any]:
    """Compare chosen entries of a backup with a share, by their types, sizes
    and times.

    :param share: dict, the members of a
        :class:`~manila_backup.shares.base.ShareRef`.
    :param paths: list of str, quoted.
    :param target_path: str, quoted, or None.
    :param seconds: float, after how long to answer what was found.
    :param whole: bool, whether a restore of all of the backup is meant, which
        removes what it does not have.
    :returns: dict as of :func:`manila_backup.path_restore.survey.preview`.
    """
    chosen = selection.Selection(
        tuple(map(quoting.unquote, paths)),
        None if target_path is None else quoting.unquote(target_path))
    ref = shares.ShareRef(**share)
    with (files.opened_index(driver, place, folder) as index,
          _share(source, ref, place) as path):
        try:
            return survey.preview(index, path, chosen, driver,
                                  ref.include_mounts, whole, seconds=seconds)
        except base.DriverError as exc:
            if exc.code == status_codes.StatusCode.NO_SUCH_FILE:
                raise questions.Missing(str(exc)) from exc
            raise questions.Unanswered(
                'The share can\'t be read at the moment. Try again '
                'later.') from exc


@contextlib.contextmanager
def _share(source: shares.ShareSource, ref: shares.ShareRef,
           place: base.BackupReference) -> typing.Iterator[str]:
    """Have the path of a share's directory, to look only."""
    job = shares.Job(place.backup_id, place.backup_id, 0, looks_only=True)
    try:
        with source.use(ref, job, _Unlimited()) as view:
            yield view.path
    except (shares.ShareError, OSError) as exc:
        raise questions.Unanswered(
            'The share can\'t be reached at the moment. Try again '
            'later.') from exc
