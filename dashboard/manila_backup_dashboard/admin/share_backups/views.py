# SPDX-License-Identifier: Apache-2.0
"""Pages of the share backups of all projects."""

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from manila_backup_dashboard.admin.share_backups import forms as our_forms
from manila_backup_dashboard.admin.share_backups import tables as our_tables
from manila_backup_dashboard import pages
from manila_backup_dashboard.project.share_backups import views

_INDEX = 'horizon:admin:share_backups:index'


class Index(views.Index):
    table_class = our_tables.BackupsTable
    all_projects = True


class Detail(views.Detail):
    table_class = our_tables.BackupsTable
    index = _INDEX


class ResetStatus(views.OfBackup, pages.Form):
    form_class = our_forms.ResetStatus
    form_id = 'reset_share_backup_status'
    template_name = 'share_backups/form.html'
    page_title = _('Reset Status')
    submit_label = _('Reset Status')
    success_url = reverse_lazy(_INDEX)
    index = _INDEX

    def get_initial(self):
        backup = self.one()
        return {'backup_id': backup.id, 'status': backup.status}

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context['explanation'] = _(
            'This sets the status, and cancels whatever is being done with '
            'the backup. It is for what has got stuck.')
        return context
