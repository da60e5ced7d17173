# SPDX-License-Identifier: Apache-2.0
"""Pages of share backups: the list, one of them, and the forms."""

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import tables
from horizon.utils import functions
from horizon.utils import memoized

from manila_backup_dashboard import backups
from manila_backup_dashboard import pages
from manila_backup_dashboard.project.share_backups import forms as our_forms
from manila_backup_dashboard.project.share_backups import tables as our_tables
from manila_backup_dashboard.project.share_backups import tabs as our_tabs
from manila_backup_dashboard import text

INDEX = 'horizon:project:share_backups:index'


class Index(tables.DataTableView):
    table_class = our_tables.BackupsTable
    page_title = _('Share Backups')
    all_projects = False
    _more = False

    def get_data(self):
        size = functions.get_page_size(self.request)
        offset = self._offset()
        self.table.following = offset + size
        self.table.preceding = max(0, offset - size)
        try:
            found, self._more = backups.page(
                self.request, offset, size, self.all_projects,
                **self.get_filters())
        except Exception:
            exceptions.handle(self.request,
                              _('Unable to retrieve share backups.'))
            return []
        return found

    def _offset(self):
        return pages.number(self.request,
                            self.table_class._meta.pagination_param)

    def has_more_data(self, table):
        return self._more

    def has_prev_data(self, table):
        return self._offset() > 0


class OfBackup(pages.OfOne):
    """View of one backup."""

    subject = 'backup'
    index = INDEX
    unavailable = _('Unable to retrieve the share backup.')
    get_one = staticmethod(backups.one)


class Detail(OfBackup, pages.Detail):
    tab_group_class = our_tabs.DetailTabs
    table_class = our_tables.BackupsTable
    page_title = '{{ backup.title }}'


class Create(pages.Form):
    form_class = our_forms.Create
    form_id = 'create_share_backup'
    template_name = 'share_backups/form.html'
    page_title = _('Create Share Backup')
    submit_label = _('Create Share Backup')
    success_url = reverse_lazy(INDEX)

    def get_initial(self):
        return {'share': self.request.GET.get('share')}

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context['explanation'] = _(
            'A share backup has what is in the share now. The share can be '
            'used while it is made, but not be backed up a second time or '
            'deleted.')
        return context


class Update(OfBackup, pages.Form):
    form_class = our_forms.Update
    form_id = 'update_share_backup'
    template_name = 'share_backups/form.html'
    page_title = _('Edit Share Backup')
    submit_label = _('Save')
    success_url = reverse_lazy(INDEX)

    def get_initial(self):
        backup = self.one()
        return {'backup_id': backup.id, 'name': backup.name,
                'description': backup.description}


class UpdateMetadata(OfBackup, pages.Form):
    form_class = our_forms.UpdateMetadata
    form_id = 'update_share_backup_metadata'
    template_name = 'share_backups/form.html'
    page_title = _('Edit Metadata')
    submit_label = _('Save')
    success_url = reverse_lazy(INDEX)

    @memoized.memoized_method
    def get_initial(self):
        backup = self.one()
        # None of a service that has none: it refuses them, too.
        lines, others = our_forms.as_lines(getattr(backup, 'metadata', {}))
        return {'backup_id': backup.id, 'metadata': lines, 'others': others}

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context['explanation'] = _(
            'Keys and values by which share backups can be told apart, and '
            'found with the command line and the API.')
        others = self.get_initial()['others']
        if others:
            context['explanation'] = _(
                'Lines can not hold all that there is. These stay as they '
                'are: %s') % ', '.join(map(text.plain, sorted(others)))
        return context
