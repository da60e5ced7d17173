# SPDX-License-Identifier: Apache-2.0
"""Panel of backup policies."""

from django.utils.translation import gettext_lazy as _
import horizon

from manila_backup_dashboard.project.share_backups import panel
from manila_backup_dashboard import service


class ShareBackupPolicies(horizon.Panel):
    name = _('Backup Policies')
    slug = 'share_backup_policies'
    permissions = panel.PERMISSIONS
    policy_rules = (('share-backup', 'share_backup_policy:get_all'),)

    def allowed(self, context):
        return super().allowed(context) and not service.lacks(
            context['request'], service.POLICIES)
