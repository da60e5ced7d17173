# SPDX-License-Identifier: Apache-2.0
"""Pages of backup policies: the list, one of them, forms, the simulator."""

from django import http
from django.urls import reverse
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import messages
from horizon import tables

from manila_backup_dashboard import pages
from manila_backup_dashboard import policies
from manila_backup_dashboard.project.share_backup_policies \
    import forms as our_forms
from manila_backup_dashboard.project.share_backup_policies \
    import tables as our_tables
from manila_backup_dashboard.project.share_backup_policies \
    import tabs as our_tabs
from manila_backup_dashboard import text

_PAGES = 'horizon:project:share_backup_policies'

_INDEX = f'{_PAGES}:index'


class Index(tables.DataTableView):
    table_class = our_tables.PoliciesTable
    page_title = _('Backup Policies')

    def get_data(self):
        try:
            return policies.all_of(self.request)
        except Exception:
            exceptions.handle(self.request,
                              _('Unable to retrieve backup policies.'))
            return []


class OfPolicy(pages.OfOne):
    """View of one policy."""

    subject = 'policy'
    index = _INDEX
    unavailable = _('Unable to retrieve the backup policy.')
    get_one = staticmethod(policies.one)


class Detail(OfPolicy, pages.Detail):
    tab_group_class = our_tabs.DetailTabs
    table_class = our_tables.PoliciesTable
    page_title = '{{ policy.title }}'


class Create(pages.Form):
    form_class = our_forms.Create
    form_id = 'create_backup_policy'
    template_name = 'share_backup_policies/form.html'
    page_title = _('Create Backup Policy')
    submit_label = _('Create Backup Policy')
    success_url = reverse_lazy(_INDEX)

    def get_initial(self):
        return dict(our_forms.SUGGESTED)


class Update(OfPolicy, pages.Form):
    form_class = our_forms.Update
    form_id = 'update_backup_policy'
    template_name = 'share_backup_policies/form.html'
    page_title = _('Edit Backup Policy')
    submit_label = _('Save')
    success_url = reverse_lazy(_INDEX)

    def get_initial(self):
        policy = self.one()
        found = {'policy': policy, 'name': policy.name,
                 'description': policy.description, **policy.retention}
        if len(policy.rules) == 1:
            rule, = policy.rules
            found.update(rule=rule['name'], cron=rule['cron'],
                         timezone=rule['timezone'])
        return found

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context['policy'] = self.one()
        return context


class Assign(pages.Form):
    form_class = our_forms.Assign
    form_id = 'assign_backup_policy'
    template_name = 'share_backup_policies/form.html'
    page_title = _('Assign Backup Policy')
    submit_label = _('Assign')

    def get_initial(self):
        return {'policy_id': self.kwargs['policy_id']}

    def get_success_url(self):
        return reverse(f'{_PAGES}:detail', args=(self.kwargs['policy_id'],))

    def get_cancel_url(self):
        return self.get_success_url()


class Simulate(OfPolicy, pages.Form):
    """Numbers to try, and which backups they would keep."""

    form_class = our_forms.Simulate
    template_name = 'share_backup_policies/simulate.html'
    page_title = _('Which backups stay')
    submit_label = _('Simulate')

    def get_initial(self):
        return dict(self.one().retention)

    def get_success_url(self):
        return reverse(f'{_PAGES}:detail', args=(self.kwargs['policy_id'],))

    def form_valid(self, form):
        data = form.cleaned_data
        retention = {**self.one().retention, **policies.numbers(data)}
        if 'save' in self.request.POST and self._save(retention):
            return http.HttpResponseRedirect(self.get_success_url())
        return self.render_to_response(self.get_context_data(
            form=form, simulation=self._simulate(retention, data['at'])))

    def _save(self, retention):
        """Save the numbers; returns whether that is done."""
        confirmed = self.request.POST.get('confirm_deletions', '')
        try:
            count = policies.change(
                self.request, self.one().id, {'retention': retention},
                int(confirmed) if confirmed.isascii()
                and confirmed.isdigit() else None)
        except Exception:
            exceptions.handle(self.request,
                              _('Unable to change the backup policy.'))
            return False
        if count is None:
            messages.success(self.request, _('The backup policy is changed.'))
        return count is None

    def _simulate(self, retention, at):
        try:
            return policies.simulate(self.request, self.one().id,
                                     retention, **({'at': at} if at else {}))
        except Exception:
            exceptions.handle(self.request, _('Unable to simulate.'))
            return None

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        policy = self.one()
        context['policy'] = policy
        if 'simulation' not in kwargs and 'form' not in kwargs:
            context['simulation'] = self._simulate(policy.retention, None)
        simulation = context.get('simulation')
        if simulation:
            context['shares'] = [_pictured(each)
                                 for each in simulation['shares']]
        return context


def _pictured(share):
    """A share's backups of a simulation, as a template shows them."""
    backups = [{'id': each['id'], 'keep': each['keep'],
                'due': text.time(each['due_at']),
                'title': text.plain(each['name']) or each['id'],
                'why': ', '.join(_reason(rule) for rule in each['rules'])}
               for each in share['backups']]
    return {'id': share['share_id'], 'orphaned': share['orphaned'],
            'backups': backups,
            'kept': sum(each['keep'] for each in backups)}


def _reason(rule):
    period = rule.get('period')
    name = text.words(rule['rule'])
    return f'{name} ({text.plain(period)})' if period else name
