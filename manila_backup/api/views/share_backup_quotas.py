# SPDX-License-Identifier: Apache-2.0
"""Quotas of share backups as callers see them."""

from manila_backup.conf import quota as quota_conf


def limits(project_id, quota):
    """A project's limits.

    :param quota: dict of resource to limit.
    """
    return {'project_id': project_id,
            **{name: quota[name] for name in quota_conf.BACKUPS}}


def detail(project_id, quota, used):
    """A project's limits, and what is used of them.

    :param used: as of :func:`manila_backup.db.usage.backups_of_project`.
    """
    count, size, stored = used
    in_use = {'backups': count, 'backup_gigabytes': size,
              'backup_stored_gigabytes': round(stored / 2 ** 30, 3)}
    return {'project_id': project_id, **{
        # What is being created is in use already.
        name: {'limit': quota[name], 'in_use': in_use[name], 'reserved': 0}
        for name in quota_conf.BACKUPS}}
