# SPDX-License-Identifier: Apache-2.0
"""Table of shares with the backup policies that protect them."""

from urllib import parse

from django.urls import reverse
from django.utils import html
from django.utils.translation import gettext_lazy as _
from horizon import tables

from manila_backup_dashboard import text


class BackUp(tables.LinkAction):
    name = 'back_up'
    verbose_name = _('Create Share Backup')
    classes = ('ajax-modal',)
    icon = 'plus'
    policy_rules = (('share-backup', 'share_backup:create'),)

    def get_link_url(self, datum=None):
        return reverse('horizon:project:share_backups:create') + (
            '?' + parse.urlencode({'share': datum.id}))


def _policies(share):
    return html.format_html_join(', ', '<a href="{}">{}</a>', (
        (reverse('horizon:project:share_backup_policies:detail',
                 args=(each['id'],)), text.plain(each['name']))
        for each in share.policies)) or _('none')


def _last(share):
    return share.last_good_backup and text.time(
        share.last_good_backup['created_at']) or _('none')


def _link_of_last(share):
    return share.last_good_backup and reverse(
        'horizon:project:share_backups:detail',
        args=(share.last_good_backup['id'],))


class CoverageTable(tables.DataTable):
    title = tables.Column('title', verbose_name=_('Share'))
    protected = tables.Column(
        lambda each: _('Yes') if each.protected else _('No'),
        verbose_name=_('Protected'))
    policies = tables.Column(_policies, verbose_name=_('Backup Policies'))
    last = tables.Column(_last, verbose_name=_('Last Good Backup (UTC)'),
                         link=_link_of_last)
    following = tables.Column(lambda each: text.time(each.next_run_at),
                              verbose_name=_('Next (UTC)'))
    objective = tables.Column(lambda each: text.words(each.objective),
                              verbose_name=_('Objective'))

    #: str, which of them there are, as in the address.
    shown = ''

    def get_object_display(self, datum):
        return datum.title

    def get_pagination_string(self):
        return parse.urlencode({'protected': self.shown,
                                'marker': self.data[-1].id})

    class Meta:
        name = 'share_backup_coverage'
        verbose_name = _('Protected Shares')
        multi_select = False
        row_actions = (BackUp,)
