# SPDX-License-Identifier: Apache-2.0
"""Panel of a project's share backups."""

PANEL = 'share_backups'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'share_backups'
ADD_PANEL = ('manila_backup_dashboard.project.share_backups.panel'
             '.ShareBackups')
