# SPDX-License-Identifier: Apache-2.0
"""Page of a project's usage of share backups, beside its quotas."""

from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import tables
from horizon.utils import functions

from manila_backup_dashboard import coverage
from manila_backup_dashboard import pages
from manila_backup_dashboard.project.share_backup_usage \
    import tables as our_tables


class Sums(tables.DataTableView):
    """Page of sums.

    :cvar group_by: what there is a sum for each of.
    """

    group_by = 'project'
    all_projects = False
    page_title = _('Backup Usage')
    _more = False

    def get_data(self):
        size = functions.get_page_size(self.request)
        offset = pages.number(self.request, 'offset')
        self.table.following = offset + size
        try:
            found, self._more = coverage.usage(
                self.request, size, offset, self.group_by, self.all_projects)
            return self.named(found)
        except Exception:
            exceptions.handle(self.request,
                              _('Unable to retrieve the usage.'))
            return []

    def named(self, found):
        """Put to sums what they are of."""
        return found

    def has_more_data(self, table):
        return self._more


class Index(Sums):
    table_class = our_tables.SharesTable
    template_name = 'share_backup_usage/index.html'
    group_by = 'share'

    def named(self, found):
        known = coverage.share_names(self.request) if found else {}
        for each in found:
            each.title = known.get(each.share_id) or each.share_id
        return found

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        try:
            sums, _more = coverage.usage(self.request, 1)
            context.update(total=sums[0] if sums else None,
                           quotas=coverage.quotas(self.request))
        except Exception:
            exceptions.handle(self.request,
                              _('Unable to retrieve the usage.'))
        return context
