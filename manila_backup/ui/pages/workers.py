# SPDX-License-Identifier: Apache-2.0
"""For operators: workers, repositories, and the use of all projects."""

from manila_backup.ui import calls
from manila_backup.ui import words


def index(page):
    """Show the workers' hosts, what runs, the repositories, and what projects
    use."""
    services = page.api.get('/share-backup-services')[
        'share_backup_services']
    return page.render(
        'workers.html', services=services,
        waiting=_operations(page, 'queued'),
        running=_operations(page, 'running'),
        repositories=_repositories(page),
        usage=page.api.get(
            '/share-backup-usage', group_by='project', all_projects='true',
            limit=calls.PAGE)['share_backup_usage'])


def _operations(page, status):
    """Operations of all projects that have a status: those that have waited
    longest first, and their number."""
    found = page.api.get(
        '/share-backup-operations', status=status, all_projects='true',
        sort_key='queued_at', sort_dir='asc', limit=20, with_count='true')
    return found['count'], found['share_backup_operations']


def _repositories(page):
    """Read the repositories, each with the ``latest`` measurement (or None),
    the ``locations`` and the hosts in whose way something is; None where the
    user may not see them, but the workers."""
    try:
        found = page.api.get('/share-backup-repositories')[
            'share_backup_repositories']
    except calls.Refused as exc:
        if exc.code == 403:
            return None
        raise
    return [{
        **each,
        'latest': max((host for host in each['hosts']
                       if host['measured_at']), default=None,
                      key=lambda host: host['measured_at']),
        # The same for all, unless one is configured in another way.
        'locations': sorted({host['location'] for host in each['hosts']
                             if host['location']}),
        'failing': [host for host in each['hosts'] if host['problem']],
    } for each in found]


def act(page, service_id, action):
    """Enable, disable or drain the workers of a host."""
    body = {action: None}
    if action != 'enable' and page.form.get('reason'):
        body[action] = {'reason': page.form['reason']}
    page.api.post(f'/share-backup-services/{words.quote(service_id)}/action',
                  body)
    return page.redirect('workers', done='service')


def _acting(action):
    return {'POST': lambda page, service_id: act(page, service_id, action)}


ROUTES = {
    '/workers': {'GET': index},
    **{f'/workers/{{service_id}}/{action}': _acting(action)
       for action in ('enable', 'disable', 'drain')},
}
