# SPDX-License-Identifier: Apache-2.0
"""Forms in which share backups are asked for and changed."""

from django.core import exceptions as django_exceptions
from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import forms
from horizon import messages

from manila_backup_dashboard import backups
from manila_backup_dashboard import service
from manila_backup_dashboard import text


class Options(forms.CharField):
    """Lines of ``KEY=VALUE``, as a dict."""

    def __init__(self, **more):
        super().__init__(required=False,
                         widget=forms.Textarea(attrs={'rows': 3}), **more)

    def clean(self, value):
        found = {}
        for line in super().clean(value).splitlines():
            key, equals, text_of = line.partition('=')
            if line.strip() and not (key.strip() and equals):
                raise django_exceptions.ValidationError(
                    _('Each line has to be KEY=VALUE.'))
            if line.strip():
                found[key.strip()] = text_of.strip()
        return found


def name_field(**more):
    """Return a field for the name of something."""
    return forms.CharField(label=_('Name'), max_length=255, **more)


def description_field():
    """Return a field for a description."""
    return forms.CharField(label=_('Description'), max_length=255,
                           required=False,
                           widget=forms.Textarea(attrs={'rows': 3}))


class Create(forms.SelfHandlingForm):
    share = forms.ThemableChoiceField(label=_('Share'))
    name = name_field(required=False)
    description = description_field()
    options = Options(
        label=_('Options'),
        help_text=_('What the driver of the backups is told, as KEY=VALUE, '
                    'one a line. Most need none.'))

    def __init__(self, request, *args, **kwargs):
        super().__init__(request, *args, **kwargs)
        self.fields['share'].choices = [
            ('', _('Select a share')), *backups.share_choices(request)]

    def handle(self, request, data):
        values = {'share_id': data['share'], 'name': data['name'] or None,
                  'description': data['description'] or None}
        if data['options']:
            # Manila answers 500 to none at all.
            values['backup_options'] = data['options']
        try:
            made = service.of(request).post(
                '/share-backups', {'share_backup': values})['share_backup']
        except Exception:
            exceptions.handle(request,
                              _('Unable to create the share backup.'))
            return False
        messages.info(request, _('Creating share backup %s.')
                      % (text.plain(made['name']) or made['id']))
        return True


class Update(forms.SelfHandlingForm):
    name = name_field(required=False)
    description = description_field()

    def handle(self, request, data):
        try:
            service.of(request).put(backups.path(self.initial['backup_id']), {
                'share_backup': {'name': data['name'],
                                 'description': data['description']}})
        except Exception:
            exceptions.handle(request,
                              _('Unable to change the share backup.'))
            return False
        messages.success(request, _('The share backup is changed.'))
        return True
