# SPDX-License-Identifier: Apache-2.0
"""Group of panels for administrators."""

PANEL_GROUP = 'share_backups'
PANEL_GROUP_NAME = 'Share Backups'
PANEL_GROUP_DASHBOARD = 'admin'
