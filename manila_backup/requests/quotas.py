# SPDX-License-Identifier: Apache-2.0
"""Requests about quotas. They are done with the commit: no worker has a part
in them."""

from manila_backup.conf import quota as quota_conf
from manila_backup.db import quotas as db_quotas
from manila_backup import exception


class Quotas:
    """The requests about quotas.

    :param database: a :class:`manila_backup.db.engine.Database`.
    """

    def __init__(self, database):
        self._database = database

    def set(self, project_id, limits):
        """Give a project limits of its own.

        :param limits: dict of resource (one of
            :data:`manila_backup.conf.quota.RESOURCES`) to limit, -1: none.
        """
        _check_limits(limits)

        def write(conn):
            db_quotas.lock(conn, project_id)
            db_quotas.replace(conn, project_id, limits)

        self._database.write(write)

    def delete(self, project_id, resources=None):
        """Give a project the default limits again.

        :param resources: tuple of str, for these only.
        """
        self._database.write(db_quotas.delete, project_id, resources)

    def set_defaults(self, limits):
        """Set limits of all projects that have none of their own.

        :param limits: as of :meth:`set`.
        """
        _check_limits(limits)
        self._database.write(db_quotas.replace_defaults, limits)


def _check_limits(limits):
    for resource, limit in limits.items():
        if resource not in quota_conf.RESOURCES:
            raise exception.InvalidInput(
                f'There is no quota for {resource}; there are: '
                f'{", ".join(sorted(quota_conf.RESOURCES))}.')
        if limit < -1:
            raise exception.InvalidInput(
                f'The quota for {resource} must be -1 or more.')
