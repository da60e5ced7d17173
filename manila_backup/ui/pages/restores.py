# SPDX-License-Identifier: Apache-2.0
"""Restores of chosen files and directories: what would be done first, and
then doing it."""

from manila_backup.ui import calls
from manila_backup.ui import words

#: What becomes of an entry that has something else in its place: the API's
#: word for it, what it does, and what is said of them where there are any.
CONFLICTS = {
    'keep_both': ('restore it beside that, to another name',
                  'They would be restored to other names.'),
    'skip': ('leave what is there', 'They would not be restored.'),
    'overwrite': ('replace what is there',
                  'What is there would be overwritten.'),
    'fail': ('restore nothing at all', 'So nothing would be restored.'),
}

# Beside Manila, the share has to be mounted first.
_LONGER = ('Looking at the share takes longer: operation {} will say what it '
           'would do.')


def ask(page, backup_id, problem=None):
    """Show the form; with what a restore would do, once that is asked for.

    :param problem: str, why what was entered can't be.
    """
    given = page.form if problem else page.query
    preview = None
    code = 400 if problem else 200
    if given.get('conflict') and not problem:
        code, preview, problem = tried(
            lambda: _act(page, backup_id, given, dry_run=True))
    return page.render(
        'restore_files.html', code, problem=problem, preview=preview,
        backup=page.api.get(f'/share-backups/{words.quote(backup_id)}')[
            'share_backup'],
        given=given, paths=given.getall('path'), conflicts=CONFLICTS)


def tried(ask_for):
    """Ask what a restore would do.

    :param ask_for: function without arguments that asks the API for it, and
        returns what the action answers.
    :returns: (status code of the page; what it would do, or None; why that is
        not told, or None).
    """
    try:
        found = ask_for()
    except calls.Refused as exc:
        if exc.code not in (400, 409, 503):
            raise
        return exc.code, None, exc.message
    preview = found.get('dry_run')
    return 200, preview, (_LONGER.format(found['operation_id'])
                          if preview is None else None)


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
