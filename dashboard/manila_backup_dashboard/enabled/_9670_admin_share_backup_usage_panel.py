# SPDX-License-Identifier: Apache-2.0
"""Panel of the usage of share backups by projects."""

PANEL = 'share_backup_usage'
PANEL_DASHBOARD = 'admin'
PANEL_GROUP = 'share_backups'
ADD_PANEL = ('manila_backup_dashboard.admin.share_backup_usage.panel'
             '.ShareBackupUsage')
