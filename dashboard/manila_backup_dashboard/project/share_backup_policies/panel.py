# SPDX-License-Identifier: Apache-2.0
"""Panel of backup policies."""

from django.utils.translation import gettext_lazy as _

from manila_backup_dashboard import panels
from manila_backup_dashboard import service


class ShareBackupPolicies(panels.OfExtension):
    name = _('Backup Policies')
    slug = 'share_backup_policies'
    policy_rules = (('share-backup', 'share_backup_policy:get_all'),)
    needed = service.POLICIES
