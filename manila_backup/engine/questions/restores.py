# SPDX-License-Identifier: Apache-2.0
"""Questions about what a restore of chosen paths would do."""

import contextlib
import os
import typing

from manila_backup.bus import questions
from manila_backup.drivers import base
from manila_backup.engine.questions import files
from manila_backup.fs import handles
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
    :returns: dict of ``entries``, ``bytes``, ``unchanged``, ``conflicts``,
        ``conflicting_paths``, quoted, ``removed``, ``removed_paths``, and
        ``complete``, whether all of the share was compared.
    """
    chosen = selection.Selection(
        tuple(map(quoting.unquote, paths)),
        None if target_path is None else quoting.unquote(target_path))
    ignored = frozenset(map(os.fsencode, getattr(driver, 'ignore', ())))
    ref = shares.ShareRef(**share)
    with (files.opened_index(driver, place, folder) as index,
          _root(source, ref, place) as root):
        try:
            found = survey.Survey(index, chosen, ignored,
                                  ref.include_mounts).run(
                                      root, seconds=seconds / 2)
            surplus = survey.Surplus(index, ignored, ref.include_mounts)
            if whole:
                found.complete &= surplus.run(root, seconds / 2)
        except base.DriverError as exc:
            if exc.code == status_codes.StatusCode.NO_SUCH_FILE:
                raise questions.Missing(str(exc)) from exc
            raise questions.Unanswered(
                'The share can\'t be read at the moment. Try again '
                'later.') from exc
    room = quoting.Room()

    def shown(paths):
        return [quoting.quote(path) for path in paths if room.takes(path)]
    return {'entries': found.entries, 'bytes': found.size,
            'unchanged': found.equal, 'conflicts': found.conflicts,
            'conflicting_paths': shown(found.named),
            'removed': surplus.count, 'removed_paths': shown(surplus.named),
            'complete': found.complete}


@contextlib.contextmanager
def _root(source: shares.ShareSource, ref: shares.ShareRef,
          place: base.BackupReference) -> typing.Iterator[int]:
    """Open a share's directory, to look only."""
    job = shares.Job(place.backup_id, place.backup_id, 0, read_only=False)
    try:
        with source.use(ref, job, _Unlimited()) as view:
            fd = os.open(view.path, handles.DIRECTORY & ~os.O_NOFOLLOW)
            try:
                yield fd
            finally:
                os.close(fd)
    except (shares.ShareError, OSError) as exc:
        raise questions.Unanswered(
            'The share can\'t be reached at the moment. Try again '
            'later.') from exc
