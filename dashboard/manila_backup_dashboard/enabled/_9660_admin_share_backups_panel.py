# SPDX-License-Identifier: Apache-2.0
"""Panel of the share backups of all projects."""

PANEL = 'share_backups'
PANEL_DASHBOARD = 'admin'
PANEL_GROUP = 'share_backups'
ADD_PANEL = 'manila_backup_dashboard.admin.share_backups.panel.ShareBackups'
