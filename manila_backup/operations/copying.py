# SPDX-License-Identifier: Apache-2.0
"""Making a backup of a share as it is at one instant. Runs in a copier, and
imports as little as that does."""

import contextlib
import dataclasses

from manila_backup.shares import base


def backup(driver, source, share, path, place, attempt, options, record,
           progress):
    """Copy a share into a repository, from a snapshot if there can be one.

    :param share: a :class:`~manila_backup.shares.base.ShareRef`.
    :param path: str, where the share is attached.
    :param record: dict; what is kept also tells what was copied from.
    :returns: the driver's report. What should have been a snapshot and could
        not be is a problem.
    """
    view = source.hold(share, path, place.backup_id, attempt, progress)
    try:
        report = driver.backup(place, attempt, view.path, options,
                               {**record, 'copied_from': view.kind},
                               progress)
    finally:
        # What stays is tried again, and told, at the operation's end.
        with contextlib.suppress(base.ShareError):
            source.release(share, place.backup_id, attempt, progress)
    if view.reason:
        report = dataclasses.replace(
            report, problems=(view.reason, *report.problems),
            problem_count=report.problem_count + 1)
    return report
