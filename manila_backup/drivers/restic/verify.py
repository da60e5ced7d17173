# SPDX-License-Identifier: Apache-2.0
"""Re-reading a backup."""

import time

from manila_backup.drivers import base
from manila_backup.drivers.restic import repository

# How long, in seconds, the check of a repository is good for all backups in
# it: as long as one command takes to ask for each.
_GOOD = 3600


def verify(driver, project, place, progress, checks):
    """Compare a backup with what was recorded.

    All of its project's repository is checked once; if that finds damage,
    or can't be done, the backup is read by itself to see if it is its.

    :param driver: the driver, for its settings.
    :param project: a :class:`~.repository.Repository`.
    :param checks: dict that remembers what was checked, by project.
    :returns: list of str, a sentence for each damage.
    """
    try:
        about = project.about(place)
        progress.expect(about['files'], about['read'])
    except base.DamagedBackup as exc:
        return [str(exc)]
    except base.DriverError as exc:
        if str(exc) == str(repository.absent(place)):
            return ['The backup is not in the repository.']
        raise
    if not _is_sound(driver, project, place, checks):
        try:
            _read(project, place, about)
        except base.DamagedBackup as exc:
            return [str(exc)]
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


def _read(project, place, about):
    """Have restic read all of one backup's content.

    :raises DamagedBackup: it can't.
    """
    # What is read is to be the repository's.
    content = ['--no-cache',
               *repository.content_of(place, about['attempt']), 'latest']
    # "dump" takes a directory that it can't read for the end of all, and says
    # nothing.
    project.restic.run('ls', *content, sink=True)
    project.restic.run('dump', '--archive', 'tar', *content, '/', sink=True)
