# SPDX-License-Identifier: Apache-2.0
"""Common parts of the pages of all panels."""

from django.urls import reverse
from horizon import exceptions
from horizon import forms
from horizon import tabs
from horizon.utils import memoized


def number(request, name):
    """Return a parameter of an address that is a whole number; 0 if it is
    none."""
    given = request.GET.get(name, '')
    return int(given) if given.isascii() and given.isdigit() and (
        len(given) < 10) else 0


class Form(forms.ModalFormView):
    """A form, which is sent to the address that it is from."""

    @property
    def submit_url(self):
        return self.request.path


class OfOne:
    """View of one thing, which the address names.

    :cvar subject: str, what templates call it; its id is the argument of the
        address that is called so, with ``_id``.
    :cvar index: str, the name of the address of the list.
    :cvar unavailable: str, the message if it can't be had.
    """

    @staticmethod
    def get_one(request, id_):
        """Ask the service for it."""
        raise NotImplementedError

    @memoized.memoized_method
    def one(self):
        """The thing; the list is shown instead if it can't be had."""
        try:
            return self.get_one(self.request,
                                self.kwargs[f'{self.subject}_id'])
        except Exception:
            exceptions.handle(self.request, self.unavailable,
                              redirect=reverse(self.index))


class Detail(OfOne, tabs.TabbedTableView):
    """The page of one thing, with the actions that its row has in the list.

    :cvar table_class: the list's.
    """

    template_name = 'horizon/common/_detail.html'

    def get_tabs(self, request, *args, **kwargs):
        if self._tab_group is None:
            self._tab_group = self.tab_group_class(
                request, **{self.subject: self.one()}, **kwargs)
        return self._tab_group

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context[self.subject] = self.one()
        context['url'] = reverse(self.index)
        context['actions'] = self.table_class(
            self.request).render_row_actions(self.one())
        return context
