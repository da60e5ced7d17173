# SPDX-License-Identifier: Apache-2.0
"""Usage of share backups as callers see it."""

from manila_backup.api.views import common


def sums(rows, key, by_day=False):
    """Rows of sums.

    :param key: str, the column that they are grouped by within a project, or
        None.
    :param by_day: bool, whether they are by day, too.
    """
    return [{
        'project_id': row.project_id,
        **({key: getattr(row, key)} if key else {}),
        **({'day': str(row.day)} if by_day else {}),
        'backups': row.backups,
        'gigabytes': int(row.gigabytes),
        'content_bytes': int(row.content_bytes or 0),
        'stored_bytes': int(row.stored_bytes or 0),
        'unmeasured_backups': row.backups - row.measured,
        'last_backup_at': common.timestamp(row.last_backup_at),
    } for row in rows]
