# SPDX-License-Identifier: Apache-2.0
"""Panel of the share backups of all projects."""

from manila_backup_dashboard.project.share_backups import panel


class ShareBackups(panel.ShareBackups):
    policy_rules = (('share-backup', 'share_backup:get_all_project'),)
