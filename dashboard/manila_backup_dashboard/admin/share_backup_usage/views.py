# SPDX-License-Identifier: Apache-2.0
"""Page of the usage of share backups by projects."""

from manila_backup_dashboard.admin.share_backup_usage import tables
from manila_backup_dashboard.project.share_backup_usage import views


class Index(views.Sums):
    table_class = tables.ProjectsTable
    all_projects = True
