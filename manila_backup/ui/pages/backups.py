# SPDX-License-Identifier: Apache-2.0
"""Backups: the list, one of them, and its deletion."""

from manila_backup import states
from manila_backup.ui import calls
from manila_backup.ui.pages import shares
from manila_backup.ui import words

_FILTERS = ('status', 'result', 'share_id')


def index(page):
    """List backups, newest first."""
    given = {name: page.query.get(name) or None for name in _FILTERS}
    everybody = bool(page.query.get('all') and page.is_operator)
    offset = page.number('offset') or 0
    found = page.api.get(
        '/share-backups/detail', limit=calls.PAGE, offset=offset,
        sort_key='created_at', sort_dir='desc',
        all_tenants='1' if everybody else None, **given)['share_backups']
    return page.render(
        'backups.html', backups=found, given=given, offset=offset,
        names=shares.names(page),
        everybody=everybody,
        more=len(found) == calls.PAGE, size=calls.PAGE,
        statuses=[str(each) for each in states.Backup],
        results=[str(each) for each in states.Result])


def _backup(page, backup_id):
    return page.api.get(
        f'/share-backups/{words.quote(backup_id)}')['share_backup']


def show(page, backup_id):
    """Show a backup with its warnings and operations."""
    backup = _backup(page, backup_id)
    return page.render(
        'backup.html', backup=backup, warnings=_warnings(page, backup),
        names=shares.name(page, backup['share_id']),
        operations=page.api.get(
            '/share-backup-operations', backup_id=backup['id'],
            limit=20)['share_backup_operations'])


def _warnings(page, backup):
    """The first warnings of a backup; a sentence where they can't be had."""
    if not backup['warning_count']:
        return []
    try:
        return page.api.get(f'/share-backups/{backup["id"]}/warnings',
                            limit=50)['warnings']
    except calls.Refused as exc:
        return [{'path': '', 'reason': exc.message, 'stored': True,
                 'lost': []}]


def ask_delete(page, backup_id):
    """Ask whether a backup is to be deleted."""
    return page.render('delete_backup.html', backup=_backup(page, backup_id))


def delete(page, backup_id):
    """Begin the deletion of a backup."""
    page.api.delete(f'/share-backups/{words.quote(backup_id)}')
    return page.redirect('backups', done='delete')


def cancel(page, backup_id):
    """Cancel what runs on a backup."""
    page.api.post(f'/share-backups/{words.quote(backup_id)}/action',
                  {'cancel': None})
    return page.redirect(f'backups/{words.quote(backup_id)}', done='cancel')


ROUTES = {
    '/backups': {'GET': index},
    '/backups/{backup_id}': {'GET': show},
    '/backups/{backup_id}/delete': {'GET': ask_delete, 'POST': delete},
    '/backups/{backup_id}/cancel': {'POST': cancel},
}
