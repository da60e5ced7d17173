# SPDX-License-Identifier: Apache-2.0
"""Shares, each with a time line of its backups."""

import uuid

from manila_backup.ui import calls
from manila_backup.ui import pictures
from manila_backup.ui import words

#: The most policies whose retention a page asks about.
_POLICIES = 5

#: What is said of a backup that no rule keeps.
NEXT = 'deleted next'


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


def names(page):
    """Return the names of the newest shares by their ids, which are all in
    most projects; none where shares are Manila's, which is not asked for each
    page."""
    if not page.has_shares:
        return {}
    try:
        found = page.api.get('/shares', limit=calls.PAGE)['shares']
    except calls.Refused as exc:
        if exc.code == 403:
            return {}
        raise
    return {each['id']: each['name'] for each in found if each['name']}


def name(page, share_id):
    """Return the name of one share, as :func:`names` does."""
    share = _share(page, share_id) if page.has_shares else None
    return {share_id: share['name']} if share else {}


def show(page, share_id):
    """Show a share's backups on a time line."""
    backups = page.api.get(
        '/share-backups/detail', share_id=share_id, limit=calls.PAGE,
        sort_key='created_at', sort_dir='desc')['share_backups']
    share = _share(page, share_id)
    if not share and not backups:
        raise calls.Refused(404, 'There is no share with this id, or it has '
                                 'no backups that you may see.', [])
    kept = _kept(page, share_id, backups)
    for each in backups:
        each['kept_by'] = kept.get(each['id'], ())
    return page.render(
        'share.html', share_id=share_id, share=share, backups=backups,
        coverage=_coverage(page, share_id),
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


def _coverage(page, share_id):
    """Coverage of a share, as dict; None where it is none of the project's."""
    # The list goes on after a marker, and is in the order of the ids.
    before = uuid.UUID(int=max(uuid.UUID(share_id).int - 1, 0))
    found = page.api.get('/share-backup-coverage', limit=1, marker=before)
    return next((each for each in found['share_backup_coverage']
                 if each['share_id'] == share_id.lower()), None)


def _kept(page, share_id, backups):
    """By which rules of their policies' retention backups are kept.

    :returns: dict of a backup's id to list of str.
    """
    found = {}
    policies = {each['policy_id'] for each in backups if each['policy_id']}
    for policy_id in sorted(policies)[:_POLICIES]:
        try:
            told = page.api.post(
                f'/share-backup-policies/{words.quote(policy_id)}/action',
                {'simulate': {'share_id': share_id}})['simulation']
        except calls.Refused:
            # It is gone, or not to be seen.
            continue
        for backup in (each for share in told['shares']
                       for each in share['backups']):
            found[backup['id']] = [
                rule['rule'] for rule in backup['rules']
            ] if backup['keep'] else [NEXT]
    return found


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
