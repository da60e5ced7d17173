# SPDX-License-Identifier: Apache-2.0
"""Making a backup of a share as it is at one instant, and restoring one. Runs
in a copier, and imports as little as that does."""

import dataclasses

from manila_backup import exception


def backup(driver, source, share, job, place, options, record, progress):
    """Copy a share into a repository, from a snapshot if there can be one.

    :param share: a :class:`~manila_backup.shares.base.ShareRef`.
    :param job: a :class:`~manila_backup.shares.base.Job`.
    :param record: dict; what is kept also tells what was copied from.
    :returns: the driver's report. What should have been a snapshot and could
        not be is a problem, and so is what only the share shows as left out.
    """
    driver.include_mounts = share.include_mounts
    with source.use(share, job, progress) as view:
        report = driver.backup(place, job.attempt, view.path, options,
                               {**record, 'copied_from': view.kind},
                               progress)
    said = (*([view.reason] if view.reason else ()), *view.left_out)
    return dataclasses.replace(
        report, problems=(*said, *report.problems),
        problem_count=report.problem_count + len(said))


def restore(driver, source, share, job, place, progress):
    """Make a share equal to a backup.

    :returns: the driver's report.
    :raises WorkFailed: all was done that could be, and the share still lacks
        something that is in the backup.
    """
    driver.include_mounts = share.include_mounts
    with source.use(share, job, progress) as view:
        if not driver.TELLS_CHANGES:
            progress.changes()
        report = driver.restore(place, job.attempt, view.path, progress)
    if report.missing:
        raise exception.WorkFailed('\n'.join((
            'Not all of the backup could be restored: '
            f'{report.missing} of its entries are missing in the share, or '
            'not as they should be. All the rest was restored.',
            *report.problems)))
    return report
