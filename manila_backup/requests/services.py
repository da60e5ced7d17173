# SPDX-License-Identifier: Apache-2.0
"""Requests about the workers. They are done with the commit: workers look
before each search for operations."""

from manila_backup.db import service_hosts
from manila_backup import exception


class Services:
    """See :class:`manila_backup.requests.admission.Admission`."""

    def __init__(self, database):
        self._database = database

    def set_mode(self, service_id, mode, reason=None):
        """Have the workers of a host work, or not.

        :param service_id: int.
        :param mode: a :class:`manila_backup.states.ServiceMode`.
        :param reason: str, why, or None.
        """
        if not self._database.write(service_hosts.set_mode, service_id, mode,
                                    reason):
            raise exception.NotFound('Share backup service', service_id)
