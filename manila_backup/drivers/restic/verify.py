# SPDX-License-Identifier: Apache-2.0
"""Re-reading a backup."""

import contextlib
import time

from manila_backup.drivers import base
from manila_backup.drivers.restic import repository

# How long, in seconds, the check of a repository is good for all backups in
# it: as long as one command takes to ask for each.
_GOOD = 3600


def verify(driver, project, place, progress, checks):
    """Compare a backup with what was recorded.

    All of its project's repository is checked once; if that finds damage,
    or can't be done, the backup is read by itself to see if it is its. To be
    read by itself at once, it needs no ``checks``.

    :param driver: the driver, for its settings.
    :param project: a :class:`~.repository.Repository`.
    :param checks: dict that remembers what was checked, by project; or None.
    :returns: list of str, a sentence for each damage.
    """
    damages = _damages(driver, project, place, progress, checks)
    if damages:
        note(project, place)
    return damages


def note(project, place):
    """Note that a repository has something damaged in it which is a backup's,
    unless that was deleted meanwhile. Of one that can only be read, the damage
    itself is what has to be told."""
    with contextlib.suppress(base.DriverError):
        if repository.published(project.snapshots(place.backup_id)):
            project.note_damage()


def _damages(driver, project, place, progress, checks):
    try:
        about = project.about(place)
        progress.expect(about['files'], about['read'])
    except base.DamagedBackup as exc:
        return [str(exc)]
    except base.DriverError as exc:
        if str(exc) == str(repository.absent(place)):
            return ['The backup is not in the repository.']
        raise
    if checks is None or not _is_sound(driver, project, place, checks):
        try:
            _read(project, place, about, progress)
        except base.DamagedBackup as exc:
            return [str(exc)]
        progress.advance(about['files'], 0)
    else:
        progress.advance(about['files'], about['read'])
    return []


def _is_sound(driver, project, place, checks):
    found, when = checks.get(place.project_id, (None, 0))
    if found is None or time.monotonic() - when > _GOOD:
        found = _check(project, driver.verify_subset)
        checks[place.project_id] = found, time.monotonic()
    return found


def _check(project, subset):
    """Run ``restic check``; returns whether it finds nothing wrong.

    Without a lock: a check takes as long as it takes to read everything, and
    its lock would keep all backups out. So it may stumble over what is just
    being written or removed; what it says is looked into anyway.
    """
    try:
        project.restic.run('check', f'--read-data-subset={subset}',
                           '--no-lock', sink=True)
        return True
    except base.RepositoryUnavailable:
        raise
    except base.DriverError:
        return False


def _read(project, place, about, progress):
    """Have restic read all of one backup's content, and count the bytes that
    it reads for that.

    :raises DamagedBackup: it can't.
    """
    # What is read is to be the repository's.
    content = ['--no-cache',
               *repository.content_of(place, about['attempt']), 'latest']
    # "dump" takes a directory that it can't read for the end of all, and says
    # nothing.
    for args in (['ls', *content],
                 ['dump', '--archive', 'tar', *content, '/']):
        try:
            _run(project, progress, *args, '--no-lock')
        except base.DamagedBackup:
            # Or was being rewritten just then, which a lock prevents. It is
            # in the way of others for as long as it takes to read all, and
            # for longer if the worker is killed.
            _run(project, progress, *args)


def _run(project, progress, *args):
    project.restic.run(*args, sink=True, on_io=Count(progress))


class Count:
    """Counts what a command of restic reads, which may be run several
    times."""

    def __init__(self, progress):
        self._progress = progress
        self._read = 0

    def __call__(self, read, written):
        before = self._read if self._read <= read else 0
        self._progress.advance(0, read - before)
        self._read = read
