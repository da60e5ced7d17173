# SPDX-License-Identifier: Apache-2.0
"""Files in a share backup: directories, searches, and the content of one."""

from urllib import parse

from django import http
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators import http as http_decorators
from horizon import exceptions
from horizon import views as horizon_views

from manila_backup_dashboard import backups
from manila_backup_dashboard.project.share_backups import views
from manila_backup_dashboard import service

_BLOCK = 1 << 16

#: Headers of a file's content that are about the content.
_PASSED_ON = ('Content-Length', 'Content-Disposition')


class Files(views.OfBackup, horizon_views.HorizonTemplateView):
    template_name = 'share_backups/files.html'
    page_title = _('Files in {{ backup.title }}')

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        asked = self.request.GET
        path = asked.get('path') or '/'
        search = asked.get('search', '').strip()
        entries, more = self._entries(path, search, asked.get('marker'))
        here = reverse('horizon:project:share_backups:files',
                       args=(self.kwargs['backup_id'],))
        context.update(
            backup=self.one(), path=path, search=search, entries=entries,
            here=here, above=_above(path), following=None)
        if more:
            context['following'] = f'{here}?' + parse.urlencode({
                'path': path, **({'search': search} if search else {}),
                'marker': entries[-1]['path' if search else 'name']})
        return context

    def _entries(self, path, search, marker):
        """List entries, and tell whether there are more."""
        query = ({'search': search, 'under': path if path != '/' else None}
                 if search else {'path': path})
        try:
            found = service.of(self.request).get(
                f'{backups.path(self.kwargs["backup_id"])}/files',
                limit=backups.FEW, marker=marker, **query)
        except Exception:
            exceptions.handle(self.request, _('Unable to list the files.'))
            return [], False
        return found['files'], bool(found['files']
                                    and 'files_links' in found)


@http_decorators.require_GET
def download(request, backup_id):
    """Answer with the content of a file, to be saved.

    That somebody has signed in is seen to by the dashboard, for all of its
    addresses.
    """
    try:
        answer = service.of(request).stream(
            f'{backups.path(backup_id)}/files/content',
            path=request.GET.get('path') or '/')
    except Exception:
        exceptions.handle(
            request, _('Unable to download the file.'),
            redirect=reverse('horizon:project:share_backups:files',
                             args=(backup_id,)))
    response = http.StreamingHttpResponse(
        answer.iter_content(_BLOCK), content_type='application/octet-stream')
    for name in _PASSED_ON:
        if name in answer.headers:
            response[name] = answer.headers[name]
    response.setdefault('Content-Disposition', 'attachment')
    response['X-Content-Type-Options'] = 'nosniff'
    return response


def _above(path):
    """List (name, path) of a directory and those above it, from the top."""
    names = [name for name in path.split('/') if name]
    return [(name, '/' + '/'.join(names[:number]))
            for number, name in enumerate(names, 1)]
