# SPDX-License-Identifier: Apache-2.0
"""Restores of all of a backup, to its share, another one or a new one: what
would be done first, and then doing it."""

from manila_backup.ui import calls
from manila_backup.ui.pages import restores
from manila_backup.ui.pages import shares
from manila_backup.ui import words

#: Where a backup can be restored to.
SAME, OTHER, NEW = 'same', 'other', 'new'


def _url(backup_id):
    return f'/share-backups/{words.quote(backup_id)}'


def ask(page, backup_id, problem=None):
    """Show the form; with what a restore would do, once that is asked for.

    :param problem: str, why what was entered can't be.
    """
    backup = page.api.get(_url(backup_id))['share_backup']
    given = page.form if problem else page.query
    if not problem and given.get('to') == NEW:
        problem = _wrong_size(given, backup)
    code = 400 if problem else 200
    preview = None
    # Whether it may be begun: also where nobody can say what it would do.
    ready = not problem and given.get('to') == NEW
    if not problem and given.get('to') in (SAME, OTHER):
        code, preview, problem = restores.tried(lambda: page.api.post(
            f'{_url(backup_id)}/action', {'restore': {
                'dry_run': True, 'target_share_id': _target(given)}})[
                    'restore'])
        ready = code in (200, 503)
    return page.render(
        'restore.html', code, problem=problem, preview=preview, ready=ready,
        given=given, backup=backup,
        names=shares.name(page, backup['share_id']))


def _target(given):
    """The id of the other share; None for the same.

    An id that is missing is refused by the API, and not taken for the share
    itself.
    """
    if given.get('to') != OTHER:
        return None
    return (given.get('target') or '').strip()


def restore(page, backup_id):
    """Begin the restore."""
    try:
        if page.form.get('to') == NEW:
            made = page.api.post(f'{_url(backup_id)}/action', {
                'restore_to_new_share': _new_share(page.form)})
            operation_id = made['restore_to_new_share']['operation_id']
            return page.redirect(f'operations/{words.quote(operation_id)}',
                                 done='new-share')
        page.api.post(f'{_url(backup_id)}/action',
                      {'restore': _target(page.form)})
    except calls.Refused as exc:
        if exc.code != 400:
            raise
        return ask(page, backup_id, exc.message)
    return page.redirect(f'backups/{words.quote(backup_id)}', done='restore')


def _new_share(given):
    """Return what is said of the share to make: what is empty is the
    backup's."""
    values = {name: given[name].strip() for name in ('name', 'size')
              if (given.get(name) or '').strip()}
    if values.get('size', '').isdecimal():
        values['size'] = int(values['size'])
    return values


def _wrong_size(given, backup):
    """Return what is wrong with the size of the share to make, or None."""
    size = (given.get('size') or '').strip()
    if not size or size.isascii() and size.isdigit() and (
            int(size) >= backup['size']):
        return None
    return (f'The size must be a whole number of GiB, at least '
            f'{backup["size"]}.')


ROUTES = {
    '/backups/{backup_id}/restore': {'GET': ask, 'POST': restore},
}
