# SPDX-License-Identifier: Apache-2.0
"""Forms in which backup policies are made, changed and assigned."""

from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import forms
from horizon import messages

from manila_backup_dashboard import policies
from manila_backup_dashboard.project.share_backups import forms as fields
from manila_backup_dashboard import text

#: What a new policy has at first.
SUGGESTED = {'rule': 'nightly', 'cron': '30 2 * * *', 'timezone': 'UTC',
             'daily': 7, 'weekly': 4, 'monthly': 12}


class Retention(forms.SelfHandlingForm):
    """Form with the numbers of a retention."""

    def __init__(self, request, *args, **kwargs):
        super().__init__(request, *args, **kwargs)
        for name, label in policies.KEPT:
            self.fields[name] = forms.IntegerField(
                label=label, min_value=0, required=False)


class Rule(Retention):
    """Form of a policy and of one rule of it."""

    name = fields.name_field()
    description = fields.description_field()
    rule = forms.CharField(label=_('Rule'), max_length=255)
    cron = forms.CharField(
        label=_('When'), max_length=255,
        help_text=_('Minute, hour, day of the month, month and day of the '
                    'week, as cron has them.'))
    timezone = forms.CharField(label=_('Time zone'), max_length=64)


class Create(Rule):
    def handle(self, request, data):
        try:
            policies.ask(request).post(policies.POLICIES, {
                'share_backup_policy': {
                    'name': data['name'],
                    'description': data['description'] or None,
                    'rules': [{'name': data['rule'], 'cron': data['cron'],
                               'timezone': data['timezone']}],
                    'retention': policies.numbers(data)}})
        except Exception:
            exceptions.handle(request,
                              _('Unable to create the backup policy.'))
            return False
        messages.success(request, _('Created backup policy %s.')
                         % text.plain(data['name']))
        return True


class Update(Rule):
    """Form that changes a policy. The rule is only there if the policy has
    just one; others are left as they are.

    :ivar deletions: int, how many backups would be deleted; None if that is
        not known.
    """

    # How many deletions the user was told of.
    confirm_deletions = forms.IntegerField(required=False,
                                           widget=forms.HiddenInput)

    deletions = None

    def __init__(self, request, *args, **kwargs):
        super().__init__(request, *args, **kwargs)
        if len(self.initial['policy'].rules) != 1:
            for name in ('rule', 'cron', 'timezone'):
                del self.fields[name]

    def handle(self, request, data):
        policy = self.initial['policy']
        values = {'name': data['name'],
                  'description': data['description'] or None}
        kept = {**policy.retention, **policies.numbers(data)}
        if kept != policy.retention:
            values['retention'] = kept
        if 'rule' in data:
            was, = policy.rules
            rule = {key: was[key] for key in (
                'start_window', 'jitter', 'backup_type', 'backup_options',
                'name_template') if was.get(key) is not None}
            values['rules'] = [{**rule, 'name': data['rule'],
                                'cron': data['cron'],
                                'timezone': data['timezone']}]
        try:
            self.deletions = policies.change(
                request, policy.id, values, data['confirm_deletions'])
        except Exception:
            exceptions.handle(request,
                              _('Unable to change the backup policy.'))
            return False
        if self.deletions is not None:
            # A bound form shows what it was sent.
            self.data = self.data.copy()
            self.data['confirm_deletions'] = self.deletions
            return False
        messages.success(request, _('The backup policy is changed.'))
        return True


class Assign(forms.SelfHandlingForm):
    kind = forms.ThemableChoiceField(label=_('To'), choices=policies.KINDS)
    target = forms.CharField(label=_('Which'), max_length=255)

    def handle(self, request, data):
        try:
            policies.ask(request).post(
                f'{policies.path(self.initial["policy_id"])}/assignments',
                {'assignment': {'kind': data['kind'],
                                'target': data['target'].strip()}})
        except Exception:
            exceptions.handle(request,
                              _('Unable to assign the backup policy.'))
            return False
        messages.success(request, _('The backup policy is assigned.'))
        return True


class Simulate(Retention):
    """Form of numbers to try. What saves them is no field of it: it must not
    be shown again with what it was sent."""

    at = forms.CharField(
        label=_('As of'), required=False, max_length=40,
        help_text=_('A time such as 2027-01-31T00:00:00Z; now without one.'))

    def handle(self, request, data):
        """Do nothing: the view does what is asked for."""
        return False
