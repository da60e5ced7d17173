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

    def __init__(self, rows=3, **more):
        super().__init__(required=False,
                         widget=forms.Textarea(attrs={'rows': rows}), **more)

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


def as_lines(items):
    """Return those items of a dict that :class:`Options` has as they are, in
    lines, and a dict of the others."""
    def fits(key, value):
        return (f'{key}={value}'.splitlines() == [f'{key}={value}']
                and key == key.strip() and value == value.strip()
                and key and '=' not in key)

    return ('\n'.join(f'{key}={value}' for key, value in sorted(items.items())
                      if fits(key, value)),
            {key: value for key, value in items.items()
             if not fits(key, value)})


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


class UpdateMetadata(forms.SelfHandlingForm):
    """Form of all metadata that there is, but for the items that lines can't
    have, which stay."""

    metadata = Options(label=_('Metadata'), rows=8, help_text=_(
        'As KEY=VALUE, one a line. What is not here any more is removed.'))

    def clean_metadata(self):
        """Return the metadata, if the values are such as can be."""
        found = self.cleaned_data['metadata']
        if not all(found.values()):
            raise forms.ValidationError(_('Each key has to have a value.'))
        return found

    def handle(self, request, data):
        try:
            service.of(request).put(
                f'{backups.path(self.initial["backup_id"])}/metadata',
                {'metadata': {**data['metadata'], **self.initial['others']}})
        except Exception:
            exceptions.handle(request, _('Unable to change the metadata.'))
            return False
        messages.success(request, _('The metadata is changed.'))
        return True
