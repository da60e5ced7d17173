# SPDX-License-Identifier: Apache-2.0
"""Backup policies: their rules in words and as a calendar, assignments, and
the simulator."""

import datetime

from manila_backup import states
from manila_backup.ui import calls
from manila_backup.ui.pages import policy_form
from manila_backup.ui.pages import shares
from manila_backup.ui import pictures
from manila_backup.ui import words

_PATH = '/share-backup-policies'

#: How many runs are shown at once.
_RUNS = 20


def _policy(page, policy_id):
    return page.api.get(f'{_PATH}/{words.quote(policy_id)}')[
        'share_backup_policy']


#: What the form for a policy has at first.
_FORM = {'cron': '30 2 * * *', 'timezone': 'UTC', 'daily': 7, 'weekly': 4,
         'monthly': 12}


def index(page, problem=None, given=None):
    """List policies, with a form for another.

    :param problem: str, why what was entered in it can't be.
    :param given: what was entered.
    """
    found = page.api.get(_PATH, limit=calls.PAGE)
    return page.render('policies.html', 400 if problem else 200,
                       policies=found['share_backup_policies'],
                       more='share_backup_policies_links' in found,
                       problem=problem, given=given or _FORM)


def create(page):
    """Create a policy of one rule."""
    rule = {'name': page.form.get('rule') or 'daily',
            'cron': page.form.get('cron') or ''}
    body = {'name': page.form.get('name') or '', 'rules': [rule],
            'retention': policy_form.numbers(page.form)}
    if page.form.get('timezone'):
        rule['timezone'] = page.form['timezone']
    try:
        made = page.api.post(_PATH, {'share_backup_policy': body})
    except calls.Refused as exc:
        if exc.code != 400:
            raise
        return index(page, exc.message, page.form)
    return page.redirect(f'policies/{made["share_backup_policy"]["id"]}',
                         done='policy')


def show(page, policy_id):
    """Show a policy, its calendar, assignments and runs."""
    policy = _policy(page, policy_id)
    url = f'{_PATH}/{words.quote(policy_id)}'
    status = page.query.get('status') or None
    runs = page.api.get(f'{url}/runs', limit=_RUNS, status=status,
                        marker=page.query.get('marker') or None)
    return page.render(
        'policy.html', policy=policy, names=shares.names(page),
        kept=_in_words(policy['retention']),
        months=pictures.months(policy['rules'], datetime.date.today()),
        assignments=page.api.get(f'{url}/assignments',
                                 limit=calls.PAGE)['assignments'],
        runs=runs['runs'], status=status,
        statuses=[str(each) for each in states.Run],
        older=calls.next_marker(runs, 'runs'))


def act(page, policy_id, action):
    """Enable or disable a policy, or run it now."""
    page.api.post(f'{_PATH}/{words.quote(policy_id)}/action', {action: None})
    return page.redirect(f'policies/{words.quote(policy_id)}',
                         done='run' if action == 'run_now' else 'policy')


def delete(page, policy_id):
    """Delete a policy; its backups stay."""
    page.api.delete(f'{_PATH}/{words.quote(policy_id)}')
    return page.redirect('policies', done='policy-deleted')


def assign(page, policy_id):
    """Assign a policy to a share, a share type, metadata or a project."""
    page.api.post(f'{_PATH}/{words.quote(policy_id)}/assignments',
                  {'assignment': {'kind': page.form.get('kind') or 'share',
                                  'target': (page.form.get('target')
                                             or '').strip()}})
    return page.redirect(f'policies/{words.quote(policy_id)}',
                         done='assigned')


def unassign(page, policy_id, assignment_id):
    """Remove an assignment."""
    page.api.delete(f'{_PATH}/{words.quote(policy_id)}/assignments/'
                    f'{words.quote(assignment_id)}')
    return page.redirect(f'policies/{words.quote(policy_id)}',
                         done='unassigned')


def simulate(page, policy_id):
    """Show which backups would stay with other numbers, and why."""
    policy = _policy(page, policy_id)
    proposed = {**policy['retention'], **policy_form.numbers(page.query)}
    simulation = page.api.post(
        f'{_PATH}/{words.quote(policy_id)}/action',
        {'simulate': {'retention': proposed, **(
            {'at': page.query['at']} if page.query.get('at') else {})}})[
                'simulation']
    now = words.moment(simulation['at']) or words.now()
    pictured = []
    for share in simulation['shares']:
        # The time line tells what stays from what goes by their class.
        backups = [{**each, 'result': 'complete' if each['keep'] else
                    'missing'} for each in share['backups']]
        pictured.append((share, pictures.timeline(backups, now)))
    return page.render(
        'simulate.html', policy=policy, proposed=proposed,
        names=shares.names(page),
        simulation=simulation, pictured=pictured, width=pictures.WIDTH,
        height=pictures.HEIGHT)


def keep(page, policy_id):
    """Save the numbers that were simulated."""
    return policy_form.put(
        page, _policy(page, policy_id),
        {'retention': policy_form.numbers(page.form)}, page.form)


def _in_words(numbers):
    """Say what a retention keeps, as list of str."""
    said = [f'the last of {number} {name} periods' if number > 1 else
            f'the last of one {name} period'
            for name, number in numbers.items()
            if number and name not in ('last', 'within')]
    if numbers['within']:
        said.insert(0, f'all of the last {words.span(numbers["within"])}')
    if numbers['last']:
        said.insert(0, f'the last {numbers["last"]}')
    return said


ROUTES = {
    '/policies': {'GET': index, 'POST': create},
    '/policies/{policy_id}': {'GET': show},
    '/policies/{policy_id}/enable': {
        'POST': lambda page, policy_id: act(page, policy_id, 'enable')},
    '/policies/{policy_id}/disable': {
        'POST': lambda page, policy_id: act(page, policy_id, 'disable')},
    '/policies/{policy_id}/run': {
        'POST': lambda page, policy_id: act(page, policy_id, 'run_now')},
    '/policies/{policy_id}/delete': {'POST': delete},
    '/policies/{policy_id}/assign': {'POST': assign},
    '/policies/{policy_id}/assignments/{assignment_id}/delete': {
        'POST': unassign},
    '/policies/{policy_id}/simulate': {'GET': simulate, 'POST': keep},
}
