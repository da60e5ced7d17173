# SPDX-License-Identifier: Apache-2.0
"""Panel of shares by what protects them."""

PANEL = 'share_backup_coverage'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'share_backups'
ADD_PANEL = ('manila_backup_dashboard.project.share_backup_coverage.panel'
             '.ShareBackupCoverage')
