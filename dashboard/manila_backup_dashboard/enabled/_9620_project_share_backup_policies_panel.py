# SPDX-License-Identifier: Apache-2.0
"""Panel of backup policies."""

PANEL = 'share_backup_policies'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'share_backups'
ADD_PANEL = ('manila_backup_dashboard.project.share_backup_policies.panel'
             '.ShareBackupPolicies')
