# SPDX-License-Identifier: Apache-2.0
"""Panel of shares by what protects them."""

from django.utils.translation import gettext_lazy as _

from manila_backup_dashboard import panels
from manila_backup_dashboard import service


class ShareBackupCoverage(panels.OfExtension):
    name = _('Protected Shares')
    slug = 'share_backup_coverage'
    policy_rules = (('share-backup', 'share_backup_coverage:get_all'),)
    needed = service.POLICIES
