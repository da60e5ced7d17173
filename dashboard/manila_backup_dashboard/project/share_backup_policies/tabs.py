# SPDX-License-Identifier: Apache-2.0
"""Tabs of the page of one backup policy."""

from urllib import parse

from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import tabs

from manila_backup_dashboard import policies
from manila_backup_dashboard.project.share_backup_policies import tables
from manila_backup_dashboard import service


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


class Runs(tabs.Tab):
    """Runs by pages and filters, which are in the address; without them, of a
    service that knows none."""

    name = _('Runs')
    slug = 'runs'
    template_name = 'share_backup_policies/_runs.html'
    preload = False

    def get_context_data(self, request):
        can_filter = service.of(request).has(service.RUNS)
        given = {name: request.GET.get(name, '').strip() for name in (
            'status', 'share_id')} if can_filter else {}
        query = {name: value for name, value in given.items() if value}
        policy = self.tab_group.kwargs['policy']
        context = {'policy': policy, 'runs': [], 'given': given,
                   'can_filter': can_filter, 'tab': self.get_id(),
                   'following': None,
                   'statuses': policies.RUN_STATUSES}
        try:
            context['runs'], more = policies.runs(
                request, policy.id,
                marker=request.GET.get('marker') if can_filter else None,
                **query)
        except Exception:
            exceptions.handle(request, _('Unable to retrieve the runs.'))
            return context
        if more:
            context['following'] = '?' + parse.urlencode({
                self.tab_group.param_name: self.get_id(), **query,
                'marker': context['runs'][-1]['id']})
        return context


class DetailTabs(tabs.DetailTabsGroup):
    slug = 'share_backup_policy'
    tabs = (Overview, Assignments, Runs)
    sticky = True
