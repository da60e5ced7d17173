# SPDX-License-Identifier: Apache-2.0
"""Tabs of the page of one share backup."""

from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import tabs

from manila_backup_dashboard import backups
from manila_backup_dashboard.project.share_backups import tables
from manila_backup_dashboard import service


class Overview(tabs.Tab):
    name = _('Overview')
    slug = 'overview'
    template_name = 'share_backups/_overview.html'

    def get_context_data(self, request):
        return {'backup': self.tab_group.kwargs['backup'],
                'extended': service.of(request).has(service.RESULTS)}


class OfExtension(tabs.Tab):
    """Tab that only manila-backup has something for."""

    preload = False

    def allowed(self, request):
        return service.of(request).has(service.RESULTS)


class Warnings(OfExtension):
    name = _('Warnings')
    slug = 'warnings'
    template_name = 'share_backups/_warnings.html'

    def get_context_data(self, request):
        context = {'warnings': [], 'complete': True, 'unknown': False}
        try:
            context['warnings'], context['complete'] = backups.warnings(
                request, self.tab_group.kwargs['backup'].id)
        except Exception:
            context['unknown'] = True
            exceptions.handle(request, _('Unable to retrieve the warnings.'))
        return context


class Operations(OfExtension, tabs.TableTab):
    name = _('Operations')
    slug = 'operations'
    table_classes = (tables.OperationsTable,)
    template_name = 'horizon/common/_detail_table.html'

    def get_operations_data(self):
        try:
            return backups.operations(
                self.request, backup_id=self.tab_group.kwargs['backup'].id)
        except Exception:
            exceptions.handle(self.request,
                              _('Unable to retrieve the operations.'))
            return []


class DetailTabs(tabs.DetailTabsGroup):
    slug = 'share_backup'
    tabs = (Overview, Warnings, Operations)
    sticky = True
