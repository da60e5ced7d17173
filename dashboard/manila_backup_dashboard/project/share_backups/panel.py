# SPDX-License-Identifier: Apache-2.0
"""Panel of a project's share backups."""

from django.utils.translation import gettext_lazy as _
import horizon

#: Any of the services that share backups may be had from.
PERMISSIONS = (('openstack.services.sharev2',
                'openstack.services.shared-file-system'),)


class ShareBackups(horizon.Panel):
    name = _('Share Backups')
    slug = 'share_backups'
    permissions = PERMISSIONS
    policy_rules = (('share-backup', 'share_backup:get_all'),)
