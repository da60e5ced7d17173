# SPDX-License-Identifier: Apache-2.0
"""Restores of chosen files and directories: what would be done first, and
then doing it."""

from manila_backup.ui import calls
from manila_backup.ui import words

#: What becomes of an entry that has something else in its place: the API's
#: word for it, what it does, and what is said of how many there are.
CONFLICTS = {
    'keep_both': ('restore it beside that, to another name',
                  'would be restored to other names, since something else is '
                  'in their places'),
    'skip': ('leave what is there',
             'have something else in their places, and would not be '
             'restored'),
    'overwrite': ('replace what is there',
                  'in the share would be replaced by what the backup has'),
    'fail': ('restore nothing at all',
             'have something else in their places, so that nothing would be '
             'restored'),
}


def ask(page, backup_id, problem=None):
    """Show the form; with what a restore would do, once that is asked for.

    :param problem: str, why what was entered can't be.
    """
    given = page.form if problem else page.query
    preview = None
    code = 400 if problem else 200
    if given.get('conflict') and not problem:
        try:
            preview = _act(page, backup_id, given, dry_run=True)['dry_run']
        except calls.Refused as exc:
            if exc.code not in (400, 409, 503):
                raise
            code, problem = exc.code, exc.message
    return page.render(
        'restore_files.html', code, problem=problem, preview=preview,
        backup=page.api.get(f'/share-backups/{words.quote(backup_id)}')[
            'share_backup'],
        given=given, paths=given.getall('path'), conflicts=CONFLICTS)


def restore(page, backup_id):
    """Begin the restore."""
    try:
        _act(page, backup_id, page.form)
    except calls.Refused as exc:
        if exc.code != 400:
            raise
        return ask(page, backup_id, exc.message)
    return page.redirect(f'backups/{words.quote(backup_id)}', done='restore')


def _act(page, backup_id, given, **more):
    """Ask for the action with what was entered; returns what it answers."""
    for name in ('target_path', 'target_share_id'):
        if (given.get(name) or '').strip():
            more[name] = given[name].strip()
    return page.api.post(
        f'/share-backups/{words.quote(backup_id)}/action',
        {'restore_files': {
            'paths': given.getall('path'),
            'conflict': given.get('conflict') or 'fail', **more}})[
                'restore_files']


ROUTES = {
    '/backups/{backup_id}/restore-files': {'GET': ask, 'POST': restore},
}
