# SPDX-License-Identifier: Apache-2.0
"""Shares, each with a time line of its backups."""

from manila_backup.ui import calls
from manila_backup.ui import pictures
from manila_backup.ui import words


def index(page):
    """List shares with what protects them."""
    protected = page.query.get('protected')
    found = page.api.get(
        '/share-backup-coverage', limit=calls.PAGE,
        marker=page.query.get('marker'),
        protected=protected if protected in ('true', 'false') else None)
    shares = found['share_backup_coverage']
    return page.render(
        'shares.html', shares=shares, protected=protected,
        marker=shares[-1]['share_id']
        if 'share_backup_coverage_links' in found else None)


def show(page, share_id):
    """Show a share's backups on a time line."""
    backups = page.api.get(
        '/share-backups/detail', share_id=share_id, limit=calls.PAGE,
        sort_key='created_at', sort_dir='desc')['share_backups']
    share = _share(page, share_id)
    if not share and not backups:
        raise calls.Refused(404, 'There is no share with this id, or it has '
                                 'no backups that you may see.', [])
    return page.render(
        'share.html', share_id=share_id, share=share, backups=backups,
        marks=pictures.timeline(backups, words.now()), width=pictures.WIDTH,
        height=pictures.HEIGHT)


def _share(page, share_id):
    """The share as the API shows it; None where shares are Manila's."""
    try:
        return page.api.get(f'/shares/{words.quote(share_id)}')['share']
    except calls.Refused as exc:
        if exc.code in (403, 404):
            return None
        raise


def back_up(page, share_id):
    """Begin a backup of a share."""
    body = {'share_id': share_id}
    for name in ('name', 'description'):
        if page.form.get(name):
            body[name] = page.form[name]
    backup = page.api.post('/share-backups', {'share_backup': body})
    return page.redirect(f'backups/{backup["share_backup"]["id"]}',
                         done='backup')


ROUTES = {
    '/shares': {'GET': index},
    '/shares/{share_id}': {'GET': show},
    '/shares/{share_id}/back-up': {'POST': back_up},
}
