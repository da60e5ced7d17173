# SPDX-License-Identifier: Apache-2.0
"""Form that sets the status of a share backup."""

from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import forms
from horizon import messages

from manila_backup_dashboard import backups
from manila_backup_dashboard import service

_STATUSES = (('available', _('Available')), ('error', _('Error')),
             ('creating', _('Creating')), ('deleting', _('Deleting')),
             ('restoring', _('Restoring')))


class ResetStatus(forms.SelfHandlingForm):
    status = forms.ThemableChoiceField(label=_('Status'), choices=_STATUSES)

    def handle(self, request, data):
        try:
            service.of(request).act(
                backups.path(self.initial['backup_id']), 'reset_status',
                {'status': data['status']})
        except Exception:
            exceptions.handle(request, _('Unable to reset the status.'))
            return False
        messages.success(request, _('The status is reset.'))
        return True
