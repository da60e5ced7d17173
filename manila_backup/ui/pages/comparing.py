# SPDX-License-Identifier: Apache-2.0
"""Backups of a share beside each other: the versions of a file, and what has
changed from one backup to another."""

from manila_backup.ui import calls
from manila_backup.ui import words


def versions(page, share_id):
    """Show the versions of a file in the backups of a share."""
    path = (page.query.get('path') or '').strip()
    found = {'share_backup_file_versions': [], 'unread_backups': []}
    if path:
        found = page.api.get(
            '/share-backup-file-versions', share_id=share_id, path=path,
            limit=calls.PAGE, marker=page.query.get('marker'))
    shown = found['share_backup_file_versions']
    return page.render(
        'versions.html', share_id=share_id, path=path, versions=shown,
        unread=found['unread_backups'],
        marker=calls.next_marker(found, 'share_backup_file_versions'))


def changes(page, backup_id):
    """Show what has changed since an earlier backup, by default the one
    before."""
    url = f'/share-backups/{words.quote(backup_id)}'
    backup = page.api.get(url)['share_backup']
    others = [each for each in page.api.get(
        '/share-backups/detail', share_id=backup['share_id'],
        status='available', limit=calls.PAGE, sort_key='created_at',
        sort_dir='desc')['share_backups'] if each['id'] != backup['id']]
    since = page.query.get('since') or next(
        (each['id'] for each in others
         if each['created_at'] <= backup['created_at']), None)
    found = {'changes': [], 'totals': None}
    if since:
        found = page.api.get(f'{url}/changes', since=since, limit=calls.PAGE,
                             marker=page.query.get('marker'))
    return page.render(
        'changes.html', backup=backup, others=others, since=since,
        changes=found['changes'], totals=found['totals'],
        marker=calls.next_marker(found, 'changes'))


ROUTES = {
    '/shares/{share_id}/versions': {'GET': versions},
    '/backups/{backup_id}/changes': {'GET': changes},
}
