# SPDX-License-Identifier: Apache-2.0
"""Restores, of all of a backup and of chosen files: asked for in two steps.

The second is to confirm what the first has chosen. Where the service can tell
what a restore would do, it is shown in between, and what is confirmed is what
was shown.
"""

import json

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import forms
from horizon import messages
from openstack_dashboard import policy

from manila_backup_dashboard import backups
from manila_backup_dashboard import errors
from manila_backup_dashboard import pages
from manila_backup_dashboard.project.share_backups import views
from manila_backup_dashboard import service
from manila_backup_dashboard import text

_CONFLICTS = (
    ('fail', _('restore nothing at all')),
    ('keep_both', _('restore it beside that, to another name')),
    ('skip', _('leave what is there')),
    ('overwrite', _('replace what is there')))

#: What stands for a share that is made for the restore, among the shares.
_NEW = 'new'

#: The most paths that can be chosen.
_MOST = 1000


class Form(forms.SelfHandlingForm):
    """Base of both forms: the share to restore to, and the confirmation.

    :ivar preview: dict, what the service says that it would do; None if it
        was not asked.
    :ivar previewed_by: str, the id of the operation that will tell.
    """

    target = forms.ThemableChoiceField(
        label=_('Share'), widget=forms.ThemableSelectWidget(
            attrs={'class': 'switchable', 'data-slug': 'target'}))
    confirm = forms.BooleanField(label=_('Restore this'), required=False)
    # The choice that a preview was shown of.
    previewed = forms.CharField(required=False, widget=forms.HiddenInput)

    preview = None
    previewed_by = None

    def __init__(self, request, *args, **kwargs):
        super().__init__(request, *args, **kwargs)
        self.backup = self.initial['backup']
        own = self.backup.share_id
        choices = [(own, _('the one that was backed up: %s')
                    % backups.share_title(own, self.backup.share_name))]
        if service.of(request).versions.api >= service.TARGETED_RESTORE:
            choices += [choice for choice in backups.share_choices(request)
                        if choice[0] != own]
        self.fields['target'].choices = choices

    def clean(self):
        data = super().clean()
        if self.errors:
            return data
        choice = json.dumps(self.choice(data), sort_keys=True)
        can_preview = service.of(self.request).has(service.FILES)
        if data['confirm'] and (data['previewed'] == choice
                                or not can_preview):
            return data
        if can_preview:
            self._look(data)
            # A bound form shows what it was sent.
            self.data = self.data.copy()
            self.data['previewed'] = choice
            self.data.pop('confirm', None)
        self.add_error('confirm', _(
            'Look at what this would do, and confirm it.'))
        return data

    def choice(self, data):
        """Return what was chosen, for comparison: a dict."""
        return {'target': data['target']}

    def arguments(self, data, dry_run):
        """Return the arguments of the action."""
        raise NotImplementedError

    def _target(self, data):
        return data['target'] if data['target'] != self.backup.share_id else (
            None)

    def _look(self, data):
        try:
            found = service.of(self.request).act(
                backups.path(self.backup.id), self.action,
                self.arguments(data, True))[self.action]
        except errors.Unauthorized:
            raise
        except errors.ServiceError as exc:
            self.add_error(None, text.plain(exc))
            return
        self.preview = found.get('dry_run')
        self.previewed_by = found.get('operation_id')

    def handle(self, request, data):
        try:
            service.of(request).act(backups.path(self.backup.id), self.action,
                                    self.arguments(data, False))
        except Exception:
            exceptions.handle(request, _('Unable to restore the backup.'))
            return False
        messages.info(request, _('Restoring share backup %s.')
                      % self.backup.title)
        return True


def _of_new_share(label):
    """The attributes of a field that is only there for a new share."""
    return {'class': 'switched', 'data-switch-on': 'target',
            f'data-target-{_NEW}': label}


class RestoreForm(Form):
    """Form for all of a backup; also to a share that is made for it.

    :ivar making: int, the size in GiB of the share to be made, once that is
        to be confirmed.
    """

    action = 'restore'

    name = forms.CharField(
        label=_('Name of the new share'), max_length=255, required=False,
        widget=forms.TextInput(attrs=_of_new_share(
            _('Name of the new share'))))
    size = forms.IntegerField(
        label=_('Its size in GiB'), min_value=1, required=False,
        widget=forms.NumberInput(attrs=_of_new_share(_('Its size in GiB'))))

    field_order = ('target', 'name', 'size', 'confirm')

    making = None

    def __init__(self, request, *args, **kwargs):
        super().__init__(request, *args, **kwargs)
        if service.of(request).has(service.FILES) and policy.check(
                (('share-backup', 'share_backup:restore_to_new_share'),),
                request):
            self.fields['target'].choices += [(_NEW, _('a new share'))]
            self.fields['size'].widget.attrs['placeholder'] = (
                self.backup.size)
        else:
            del self.fields['name'], self.fields['size']

    def clean_size(self):
        """Return the size, if the backup fits in."""
        size = self.cleaned_data['size']
        if size and size < self.backup.size:
            raise forms.ValidationError(
                _('The share that was backed up has %s GiB: a new one can '
                  'not have less.') % self.backup.size)
        return size

    def choice(self, data):
        chosen = super().choice(data)
        if data['target'] == _NEW:
            chosen.update(name=data['name'], size=data['size'])
        return chosen

    def _look(self, data):
        if data['target'] == _NEW:
            # Nothing that there is becomes any other.
            self.making = data['size'] or self.backup.size
        else:
            super()._look(data)

    def handle(self, request, data):
        if data['target'] == _NEW:
            self.action = 'restore_to_new_share'
        return super().handle(request, data)

    def arguments(self, data, dry_run):
        if data['target'] == _NEW:
            return {name: data[name] for name in ('name', 'size')
                    if data[name]}
        target = self._target(data)
        if dry_run:
            return {'target_share_id': target, 'dry_run': True}
        return target


class RestoreFilesForm(Form):
    action = 'restore_files'

    target_path = forms.CharField(
        label=_('Below the directory'), required=False,
        help_text=_('A directory of the share, which is made if it is not '
                    'there. Without one, what is restored goes where it '
                    'was.'))
    conflict = forms.ThemableChoiceField(
        label=_('Where something else is in the place'), choices=_CONFLICTS)
    paths = forms.CharField(widget=forms.HiddenInput)

    field_order = ('target', 'target_path', 'conflict', 'confirm')

    def clean_paths(self):
        """Return the paths that were chosen, a list of str."""
        try:
            found = json.loads(self.cleaned_data['paths'])
        except ValueError:
            found = None
        if not isinstance(found, list) or not found:
            raise forms.ValidationError(_('Choose files or directories.'))
        return found

    def choice(self, data):
        return {name: data[name]
                for name in ('target', 'target_path', 'conflict', 'paths')}

    def arguments(self, data, dry_run):
        return {'paths': data['paths'], 'conflict': data['conflict'],
                'target_share_id': self._target(data),
                'target_path': data['target_path'] or None,
                'dry_run': dry_run}


class Restore(views.OfBackup, pages.Form):
    form_class = RestoreForm
    form_id = 'restore_share_backup'
    template_name = 'share_backups/restore.html'
    page_title = _('Restore Share Backup')
    submit_label = _('Go on')
    success_url = reverse_lazy(views.INDEX)

    def get_initial(self):
        return {'backup': self.one()}

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context['backup'] = self.one()
        context['can_preview'] = service.of(self.request).has(service.FILES)
        return context


class RestoreFiles(Restore):
    form_class = RestoreFilesForm
    page_title = _('Restore Files')

    def get_initial(self):
        return {**super().get_initial(), 'paths': json.dumps(
            self.request.GET.getlist('path')[:_MOST])}

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        try:
            paths = json.loads(self.request.POST.get('paths')
                               or self.get_initial()['paths'])
        except ValueError:
            paths = []
        context['paths'] = paths if isinstance(paths, list) else []
        return context
