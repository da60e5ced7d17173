# SPDX-License-Identifier: Apache-2.0
"""Panel of a project's share backups."""

from django.utils.translation import gettext_lazy as _
import horizon

from manila_backup_dashboard import panels


class ShareBackups(horizon.Panel):
    name = _('Share Backups')
    slug = 'share_backups'
    permissions = panels.PERMISSIONS
    policy_rules = (('share-backup', 'share_backup:get_all'),)
