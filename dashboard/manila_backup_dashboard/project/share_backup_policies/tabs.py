# SPDX-License-Identifier: Apache-2.0
"""Tabs of the page of one backup policy."""

from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import tabs

from manila_backup_dashboard import policies
from manila_backup_dashboard.project.share_backup_policies import tables


class Overview(tabs.Tab):
    name = _('Overview')
    slug = 'overview'
    template_name = 'share_backup_policies/_overview.html'

    def get_context_data(self, request):
        policy = self.tab_group.kwargs['policy']
        return {'policy': policy,
                'kept': policies.in_words(policy.retention)}


class Assignments(tabs.TableTab):
    name = _('Assignments')
    slug = 'assignments'
    table_classes = (tables.AssignmentsTable,)
    template_name = 'horizon/common/_detail_table.html'
    preload = False

    def get_assignments_data(self):
        try:
            return policies.assignments(
                self.request, self.tab_group.kwargs['policy'].id)
        except Exception:
            exceptions.handle(self.request,
                              _('Unable to retrieve the assignments.'))
            return []


class Runs(tabs.TableTab):
    name = _('Runs')
    slug = 'runs'
    table_classes = (tables.RunsTable,)
    template_name = 'horizon/common/_detail_table.html'
    preload = False

    def get_runs_data(self):
        try:
            return policies.runs(self.request,
                                 self.tab_group.kwargs['policy'].id)
        except Exception:
            exceptions.handle(self.request, _('Unable to retrieve the runs.'))
            return []


class DetailTabs(tabs.DetailTabsGroup):
    slug = 'share_backup_policy'
    tabs = (Overview, Assignments, Runs)
    sticky = True
