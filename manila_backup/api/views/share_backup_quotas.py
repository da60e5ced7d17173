# SPDX-License-Identifier: Apache-2.0
"""Quotas of share backups as callers see them."""

from manila_backup.api import extension
from manila_backup.conf import quota as quota_conf


def names(version):
    """The resources that a version of the extension has quotas of, as a
    list.

    :param version: (major, minor).
    """
    return [name for name in quota_conf.BACKUPS
            if name not in quota_conf.POLICIES
            or extension.includes(version, extension.POLICIES)]


def limits(project_id, quota, version):
    """A project's limits.

    :param quota: dict of resource to limit.
    :param version: as of :func:`names`.
    """
    return {'project_id': project_id,
            **{name: quota[name] for name in names(version)}}


def detail(project_id, quota, used, policies, version):
    """A project's limits, and what is used of them.

    :param used: as of :func:`manila_backup.db.usage.backups_of_project`.
    :param policies: int, how many backup policies it has.
    :param version: as of :func:`names`.
    """
    count, size, stored = used
    in_use = {'backups': count, 'backup_gigabytes': size,
              'backup_stored_gigabytes': round(stored / 2 ** 30, 3),
              'backup_policies': policies}
    return {'project_id': project_id, **{
        # What is being created is in use already.
        name: {'limit': quota[name], 'in_use': in_use[name], 'reserved': 0}
        for name in names(version)}}
