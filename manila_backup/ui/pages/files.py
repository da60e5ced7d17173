# SPDX-License-Identifier: Apache-2.0
"""The files in a backup: as a tree, and found by name."""

import webob

from manila_backup.ui import calls
from manila_backup.ui import words

#: Headers of a file's content that are about the content.
_PASSED_ON = ('Content-Type', 'Content-Length', 'Content-Disposition')


def index(page, backup_id):
    """Show one directory of a backup, or what a search finds."""
    path = page.query.get('path') or '/'
    search = (page.query.get('search') or '').strip() or None
    marker = page.query.get('marker')
    query = ({'search': search, 'under': path if path != '/' else None}
             if search else {'path': path})
    url = f'/share-backups/{words.quote(backup_id)}'
    backup = page.api.get(url)['share_backup']
    found = page.api.get(f'{url}/files', limit=calls.PAGE, marker=marker,
                         **query)
    entries = found['files']
    return page.render(
        'files.html', backup=backup, path=path, search=search,
        entries=entries, above=_above(path),
        marker=_marker(entries, search) if 'files_links' in found else None)


def download(page, backup_id):
    """Answer with one file's bytes, to be saved."""
    answer = page.api.stream(
        f'/share-backups/{words.quote(backup_id)}/files/content',
        path=page.query.get('path') or '/')
    return webob.Response(
        status=answer.code, app_iter=answer.parts,
        headerlist=[(name, value) for name, value in answer.headers
                    if name in _PASSED_ON])


def _marker(entries, search):
    return entries[-1]['path' if search else 'name']


def _above(path):
    """List (name, path) of a directory and those above it, from the top."""
    names = [name for name in path.split('/') if name]
    return [(name, '/' + '/'.join(names[:number]))
            for number, name in enumerate(names, 1)]


ROUTES = {
    '/backups/{backup_id}/files': {'GET': index},
    '/backups/{backup_id}/files/content': {'GET': download},
}
