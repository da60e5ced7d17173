# SPDX-License-Identifier: Apache-2.0
"""Page of shares by what protects them."""

from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import tables
from horizon.utils import functions

from manila_backup_dashboard import coverage
from manila_backup_dashboard.project.share_backup_coverage \
    import tables as our_tables

#: Which shares can be asked for, by the word for it in the address.
SHOWN = (('', _('All')), ('true', _('Protected')),
         ('false', _('Unprotected')))


class Index(tables.DataTableView):
    table_class = our_tables.CoverageTable
    template_name = 'share_backup_coverage/index.html'
    page_title = _('Protected Shares')
    _more = False

    def get_data(self):
        self.table.shown = self._shown()
        try:
            found, self._more = coverage.page(
                self.request, functions.get_page_size(self.request),
                self.request.GET.get('marker'), self._shown() or None)
        except Exception:
            exceptions.handle(self.request,
                              _('Unable to retrieve what protects shares.'))
            return []
        return found

    def _shown(self):
        given = self.request.GET.get('protected')
        return given if given in dict(SHOWN) else ''

    def has_more_data(self, table):
        return self._more

    def get_context_data(self, **kwargs):
        return {**super().get_context_data(**kwargs),
                'choices': SHOWN, 'shown': self._shown()}
