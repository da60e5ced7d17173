# SPDX-License-Identifier: Apache-2.0
"""Group of panels of a project, and what all panels need."""

from manila_backup_dashboard import errors

PANEL_GROUP = 'share_backups'
PANEL_GROUP_NAME = 'Share Backups'
PANEL_GROUP_DASHBOARD = 'project'

ADD_INSTALLED_APPS = ['manila_backup_dashboard']

ADD_EXCEPTIONS = {
    'recoverable': (errors.ServiceError,),
    'not_found': (errors.NotFound,),
    'unauthorized': (errors.Unauthorized,),
}
