# SPDX-License-Identifier: Apache-2.0
"""Operations: what runs, how far it is, and what has ended."""

import functools

import webob

from manila_backup.ui import calls
from manila_backup.ui import words

_FILTERS = ('status', 'kind', 'backup_id', 'share_id')


def _found(page):
    """The operations that the page's parameters name, newest first."""
    given = {name: page.query.get(name) or None for name in _FILTERS}
    everybody = page.query.get('all') and page.is_operator or None
    return page.api.get(
        '/share-backup-operations', limit=calls.PAGE,
        offset=page.number('offset'),
        all_projects='true' if everybody else None,
        **given)['share_backup_operations']


def index(page):
    """List operations."""
    found = _found(page)
    return page.render(
        'operations.html', operations=found, size=calls.PAGE,
        offset=page.number('offset') or 0, more=len(found) == calls.PAGE,
        given={name: page.query.get(name) for name in (*_FILTERS, 'all')})


def _rows(page):
    return page.fragment('operation_rows.html', operations=_found(page))


def rows(page):
    """Answer with the rows of the table alone."""
    return webob.Response(_rows(page), content_type='text/html',
                          charset='utf-8')


def events(live, page):
    """Answer with the rows of the table whenever they change."""
    return live.answer(functools.partial(_rows, page))


def show(page, operation_id):
    """Show one operation."""
    return page.render(
        'operation.html', operation=page.api.get(
            f'/share-backup-operations/{words.quote(operation_id)}')[
                'share_backup_operation'])


def cancel(page, operation_id):
    """Cancel an operation."""
    page.api.post(
        f'/share-backup-operations/{words.quote(operation_id)}/action',
        {'cancel': None})
    return page.redirect('operations', done='cancel')


def routes(live):
    """Routes of these pages.

    :param live: the :class:`~manila_backup.ui.live.Live`.
    """
    return {
        '/operations': {'GET': index},
        '/operations/rows': {'GET': rows},
        '/operations/events': {'GET': functools.partial(events, live)},
        '/operations/{operation_id}': {'GET': show},
        '/operations/{operation_id}/cancel': {'POST': cancel},
    }
