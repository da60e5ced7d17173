# SPDX-License-Identifier: Apache-2.0
"""Repositories as administrators see them."""

from manila_backup.api.views import common


def detail(repository):
    """A repository.

    :param repository: a :class:`manila_backup.db.repositories.Repository`.
    """
    backups = repository.backups

    # The databases have numbers of various types for a sum.
    def number(name):
        return int(getattr(backups, name) or 0) if backups else 0

    def moment(name):
        return common.timestamp(backups and getattr(backups, name))

    return {
        'backup_type': repository.driver,
        'hosts': [_host(row) for row in repository.hosts],
        'backups': number('backups'),
        'stored_bytes': number('stored_bytes'),
        'damaged_backups': number('damaged'),
        'never_verified_backups': number('never_verified'),
        'oldest_verified_at': moment('oldest_verified_at'),
        'newest_verified_at': moment('newest_verified_at'),
    }


def _host(row):
    return {
        'host': row.host,
        'location': row.location,
        'used_bytes': row.used_bytes,
        'free_bytes': row.free_bytes,
        'measured_at': common.timestamp(row.measured_at),
        'problem': row.problem,
        'updated_at': common.timestamp(row.looked_at),
    }
