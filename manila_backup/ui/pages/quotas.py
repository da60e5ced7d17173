# SPDX-License-Identifier: Apache-2.0
"""For administrators: the quotas of projects."""

from manila_backup.ui import calls
from manila_backup.ui import words

_KEY = 'share_backup_quota'


def _url(project_id):
    return f'/share-backup-quotas/{words.quote(project_id)}'


def show(page, problem=None, given=None):
    """Show a project's quotas with what is used of them, in a form.

    :param problem: str, why what was entered can't be.
    :param given: what was entered.
    """
    project_id = (page.query.get('project') or '').strip()
    quota = None
    if project_id:
        found = page.api.get(f'{_url(project_id)}/detail')[_KEY]
        usual = page.api.get(f'{_url(project_id)}/defaults')[_KEY]
        quota = [(name, value, usual[name]) for name, value in found.items()
                 if isinstance(value, dict)]
    return page.render('quotas.html', 400 if problem else 200,
                       project_id=project_id, quota=quota, problem=problem,
                       given=given or {})


def save(page):
    """Give a project quotas of its own, or the usual ones again."""
    project_id = page.query.get('project') or ''
    if 'usual' in page.form:
        page.api.delete(_url(project_id))
        return page.redirect('quotas', project=project_id, done='quota')
    limits = {}
    for name in page.form:
        if name == 'csrf':
            continue
        text = page.form[name].strip()
        try:
            limits[name] = int(text)
        except ValueError:
            return show(page, f'"{text}" is no whole number. -1 is for no '
                              f'limit.', page.form)
    try:
        page.api.put(_url(project_id), {_KEY: limits})
    except calls.Refused as exc:
        if exc.code != 400:
            raise
        return show(page, exc.message, page.form)
    return page.redirect('quotas', project=project_id, done='quota')


ROUTES = {'/quotas': {'GET': show, 'POST': save}}
