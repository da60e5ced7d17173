# SPDX-License-Identifier: Apache-2.0
"""Panel of the usage of a project's share backups."""

PANEL = 'share_backup_usage'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'share_backups'
ADD_PANEL = ('manila_backup_dashboard.project.share_backup_usage.panel'
             '.ShareBackupUsage')
