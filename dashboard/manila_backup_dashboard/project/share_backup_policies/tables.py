# SPDX-License-Identifier: Apache-2.0
"""Tables of backup policies and of what they are assigned to."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from horizon import tables

from manila_backup_dashboard import policies
from manila_backup_dashboard import service
from manila_backup_dashboard import text


class Create(tables.LinkAction):
    name = 'create'
    verbose_name = _('Create Backup Policy')
    url = 'horizon:project:share_backup_policies:create'
    classes = ('ajax-modal',)
    icon = 'plus'
    policy_rules = (('share-backup', 'share_backup_policy:create'),)


class Edit(tables.LinkAction):
    name = 'edit'
    verbose_name = _('Edit Backup Policy')
    url = 'horizon:project:share_backup_policies:update'
    classes = ('ajax-modal',)
    icon = 'pencil'
    policy_rules = (('share-backup', 'share_backup_policy:update'),)


class Simulate(tables.LinkAction):
    name = 'simulate'
    verbose_name = _('Simulate')
    url = 'horizon:project:share_backup_policies:simulate'
    policy_rules = (('share-backup', 'share_backup_policy:simulate'),)


class Act(tables.BatchAction):
    """Action of the API without arguments, which is the ``name``."""

    def action(self, request, obj_id):
        policies.ask(request).act(policies.path(obj_id), self.name)


class Run(Act):
    name = 'run_now'
    policy_rules = (('share-backup', 'share_backup_policy:run_now'),)

    @staticmethod
    def action_present(count):
        return ngettext_lazy('Run Now', 'Run Now', count)

    @staticmethod
    def action_past(count):
        return ngettext_lazy('Running', 'Running', count)

    def allowed(self, request, policy=None):
        return policy is not None and policy.enabled


class Enable(Act):
    name = 'enable'
    policy_rules = (('share-backup', 'share_backup_policy:update'),)

    @staticmethod
    def action_present(count):
        return ngettext_lazy('Enable', 'Enable', count)

    @staticmethod
    def action_past(count):
        return ngettext_lazy('Enabled', 'Enabled', count)

    def allowed(self, request, policy=None):
        return policy is not None and not policy.enabled


class Disable(Act):
    name = 'disable'
    policy_rules = (('share-backup', 'share_backup_policy:update'),)

    @staticmethod
    def action_present(count):
        return ngettext_lazy('Disable', 'Disable', count)

    @staticmethod
    def action_past(count):
        return ngettext_lazy('Disabled', 'Disabled', count)

    def allowed(self, request, policy=None):
        return policy is not None and policy.enabled


class Delete(tables.DeleteAction):
    help_text = _('The backups that a policy has made stay.')
    policy_rules = (('share-backup', 'share_backup_policy:delete'),)

    @staticmethod
    def action_present(count):
        return ngettext_lazy('Delete Backup Policy',
                             'Delete Backup Policies', count)

    @staticmethod
    def action_past(count):
        return ngettext_lazy('Deleted Backup Policy',
                             'Deleted Backup Policies', count)

    def delete(self, request, obj_id):
        policies.ask(request).delete(policies.path(obj_id))


def _rules(policy):
    return '; '.join(f'{text.plain(rule["name"])}: {text.plain(rule["cron"])} '
                     f'{text.plain(rule["timezone"])}'
                     for rule in policy.rules) or text.UNKNOWN


def _next(policy):
    times = [rule['next_run_at'] for rule in policy.rules
             if rule['next_run_at']]
    return text.time(min(times)) if times else text.UNKNOWN


class PoliciesTable(tables.DataTable):
    title = tables.Column('title', verbose_name=_('Name'),
                          link='horizon:project:share_backup_policies:detail')
    rules = tables.Column(_rules, verbose_name=_('Rules'))
    kept = tables.Column(lambda each: policies.in_words(each.retention),
                         verbose_name=_('Kept'))
    following = tables.Column(_next, verbose_name=_('Next (UTC)'))
    enabled = tables.Column(lambda each: _('Yes') if each.enabled else _('No'),
                            verbose_name=_('Enabled'))

    def get_object_display(self, datum):
        return datum.title

    class Meta:
        name = 'share_backup_policies'
        verbose_name = _('Backup Policies')
        table_actions = (Create, Delete)
        row_actions = (Simulate, Edit, Run, Enable, Disable, Delete)


class Assign(tables.LinkAction):
    name = 'assign'
    verbose_name = _('Assign')
    classes = ('ajax-modal',)
    icon = 'plus'
    policy_rules = (('share-backup', 'share_backup_policy:assign'),)

    def get_link_url(self, datum=None):
        return reverse('horizon:project:share_backup_policies:assign',
                       args=(self.table.kwargs['policy_id'],))


class Unassign(tables.DeleteAction):
    policy_rules = (('share-backup', 'share_backup_policy:assign'),)

    @staticmethod
    def action_present(count):
        return ngettext_lazy('Remove Assignment', 'Remove Assignments', count)

    @staticmethod
    def action_past(count):
        return ngettext_lazy('Removed Assignment', 'Removed Assignments',
                             count)

    def delete(self, request, obj_id):
        policies.ask(request).delete(
            f'{policies.path(self.table.kwargs["policy_id"])}/assignments/'
            f'{service.quote(obj_id)}')


class AssignmentsTable(tables.DataTable):
    kind = tables.Column(lambda each: text.words(each.kind),
                         verbose_name=_('Of'))
    target = tables.Column(lambda each: text.plain(each.target),
                           verbose_name=_('Which'))
    created = tables.Column(lambda each: text.time(each.created_at),
                            verbose_name=_('Since (UTC)'))

    def get_object_display(self, datum):
        return text.plain(datum.target)

    class Meta:
        name = 'assignments'
        verbose_name = _('Assignments')
        table_actions = (Assign, Unassign)
        row_actions = (Unassign,)
