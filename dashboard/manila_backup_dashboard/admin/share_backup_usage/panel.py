# SPDX-License-Identifier: Apache-2.0
"""Panel of the usage of share backups by projects."""

from manila_backup_dashboard.project.share_backup_usage import panel


class ShareBackupUsage(panel.ShareBackupUsage):
    policy_rules = (('share-backup', 'share_backup_usage:get_all_project'),)
