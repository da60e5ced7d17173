# SPDX-License-Identifier: Apache-2.0
"""Table of how much room the backups of each share take."""

from django.utils.translation import gettext_lazy as _
from horizon import tables

from manila_backup_dashboard import text


class Sums(tables.DataTable):
    """Base of tables of sums.

    :ivar following: int, how many come before the next page.
    """

    backups = tables.Column('backups', verbose_name=_('Backups'))
    gigabytes = tables.Column(lambda each: text.gigabytes(each.gigabytes),
                              verbose_name=_('Size of the shares'))
    content = tables.Column(lambda each: text.size(each.content_bytes),
                            verbose_name=_('Content'))
    stored = tables.Column(lambda each: text.size(each.stored_bytes),
                           verbose_name=_('Stored for them'))
    unmeasured = tables.Column('unmeasured_backups',
                               verbose_name=_('Not measured'))
    last = tables.Column(lambda each: text.time(each.last_backup_at),
                         verbose_name=_('Last Backup (UTC)'))

    following = 0

    def get_object_display(self, datum):
        return datum.id

    def get_pagination_string(self):
        return f'{self._meta.pagination_param}={self.following}'


class SharesTable(Sums):
    share = tables.Column(lambda each: each.title, verbose_name=_('Share'))

    class Meta:
        name = 'share_backup_usage'
        verbose_name = _('Backups of Each Share')
        pagination_param = 'offset'
        multi_select = False
        columns = ('share', 'backups', 'gigabytes', 'content', 'stored',
                   'unmeasured', 'last')
