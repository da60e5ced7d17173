# SPDX-License-Identifier: Apache-2.0
"""Table of how much room the backups of each project take."""

from django.utils.translation import gettext_lazy as _
from horizon import tables

from manila_backup_dashboard.project.share_backup_usage import tables as common
from manila_backup_dashboard import text


class ProjectsTable(common.Sums):
    project = tables.Column(lambda each: text.plain(each.project_id),
                            verbose_name=_('Project ID'))

    class Meta:
        name = 'share_backup_usage'
        verbose_name = _('Backups of Each Project')
        pagination_param = 'offset'
        multi_select = False
        columns = ('project', 'backups', 'gigabytes', 'content', 'stored',
                   'unmeasured', 'last')
