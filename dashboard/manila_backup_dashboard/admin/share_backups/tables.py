# SPDX-License-Identifier: Apache-2.0
"""Table of the share backups of all projects."""

from django.utils.translation import gettext_lazy as _
from horizon import tables

from manila_backup_dashboard.project.share_backups import tables as common
from manila_backup_dashboard import text


class ResetStatus(tables.LinkAction):
    name = 'reset_status'
    verbose_name = _('Reset Status')
    url = 'horizon:admin:share_backups:reset_status'
    classes = ('ajax-modal',)
    policy_rules = (('share-backup', 'share_backup:reset_status'),)


class BackupsTable(common.BackupsTable):
    project = tables.Column(
        lambda backup: text.plain(backup.project_id) or text.UNKNOWN,
        verbose_name=_('Project ID'))
    title = common.Title('title', verbose_name=_('Name'),
                         link='horizon:admin:share_backups:detail')
    host = tables.Column(lambda backup: text.plain(
        getattr(backup, 'host', None) or text.UNKNOWN),
        verbose_name=_('Host'))

    class Meta(common.BackupsTable.Meta):
        table_actions = (common.Filter, common.Delete)
        row_actions = (ResetStatus, common.Cancel, common.Delete)
        columns = ('project', 'title', 'share', 'status',
                   'result', 'size', 'created', 'progress', 'host')
