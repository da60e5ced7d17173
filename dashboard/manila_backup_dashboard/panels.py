# SPDX-License-Identifier: Apache-2.0
"""Common parts of all panels."""

import horizon

from manila_backup_dashboard import service

#: Any of the services that share backups may be had from.
PERMISSIONS = (('openstack.services.sharev2',
                'openstack.services.shared-file-system'),)


class OfExtension(horizon.Panel):
    """Panel that only manila-backup has something for. It stays in the
    navigation until it is known that the service is something else.

    :cvar needed: the version of the extension that it needs.
    """

    permissions = PERMISSIONS

    def allowed(self, context):
        return super().allowed(context) and not service.lacks(
            context['request'], self.needed)
