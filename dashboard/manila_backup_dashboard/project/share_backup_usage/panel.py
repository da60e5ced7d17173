# SPDX-License-Identifier: Apache-2.0
"""Panel of the usage of a project's share backups."""

from django.utils.translation import gettext_lazy as _

from manila_backup_dashboard import panels
from manila_backup_dashboard import service


class ShareBackupUsage(panels.OfExtension):
    name = _('Backup Usage')
    slug = 'share_backup_usage'
    policy_rules = (('share-backup', 'share_backup_usage:get'),)
    needed = service.RESULTS
