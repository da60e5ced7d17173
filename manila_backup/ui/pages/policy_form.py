# SPDX-License-Identifier: Apache-2.0
"""The form that changes a backup policy: its name, rules and retention."""

from manila_backup.plans import retention
from manila_backup.ui import calls
from manila_backup.ui import words

#: Fields of a rule that have a number of seconds.
_SECONDS = ('start_window', 'jitter')

_RULE = ('name', 'cron', 'timezone', *_SECONDS)


def numbers(given):
    """Return the numbers of a retention among the fields of a form."""
    found = {}
    for name in retention.RULES:
        text = given.get(name) or ''
        if text.isascii() and text.isdigit():
            found[name] = int(text)
    return found


def edit(page, policy_id):
    """Show the form with what the policy has."""
    policy = _policy(page, policy_id)
    given = {name: policy[name] or '' for name in ('name', 'description',
                                                   'timezone')}
    given.update(policy['retention'])
    for number, rule in enumerate(policy['rules']):
        given[f'rule-{number}-was'] = rule['name']
        for name in _RULE:
            given[f'rule-{number}-{name}'] = rule[name]
    return _show(page, policy, given)


def save(page, policy_id):
    """Change the policy; asked first, if that deletes backups."""
    policy = _policy(page, policy_id)
    values = {'name': page.form.get('name') or '',
              'description': page.form.get('description') or None,
              'rules': _rules(page.form, policy['rules'])}
    zone = (page.form.get('timezone') or '').strip()
    if zone and zone != policy['timezone']:
        values['timezone'] = zone
        for rule in values['rules']:
            # Those in the policy's own follow it.
            if rule.get('timezone') == policy['timezone']:
                del rule['timezone']
    kept = {**policy['retention'], **numbers(page.form)}
    if kept != policy['retention']:
        values['retention'] = kept
    return put(page, policy, values, page.form)


def put(page, policy, values, given):
    """Change a policy, or answer with what there is to be asked or mended
    before.

    :param policy: dict, as it is.
    :param values: dict of what is to be changed.
    :param given: the fields of the form; ``confirm_deletions`` is how many
        deletions its user knows of.
    """
    url = f'/share-backup-policies/{words.quote(policy["id"])}'
    confirmed = given.get('confirm_deletions') or ''
    try:
        page.api.put(url, {'share_backup_policy': {**values, **(
            {'confirm_deletions': int(confirmed)}
            if confirmed.isascii() and confirmed.isdigit() else {})}})
    except calls.Refused as exc:
        if exc.code == 400 and 'name' in given:
            return _show(page, policy, given, exc.message)
        count = exc.code == 409 and page.api.post(f'{url}/action', {
            'simulate': {'limit': 0, **{
                name: values.get(name, policy[name])
                for name in ('retention', 'timezone')}}})[
                    'simulation']['deletions']
        if not count:
            raise
        return page.render('confirm_policy.html', policy=policy, count=count,
                           given=_without(given, 'csrf', 'confirm_deletions'))
    return page.redirect(f'policies/{words.quote(policy["id"])}',
                         done='policy')


def _without(given, *names):
    return {name: given[name] for name in given if name not in names}


def _policy(page, policy_id):
    return page.api.get(f'/share-backup-policies/{words.quote(policy_id)}')[
        'share_backup_policy']


def _show(page, policy, given, problem=None):
    count = 0
    while f'rule-{count}-name' in given:
        count += 1
    # With one more, for another rule.
    places = range(count + bool(not count
                                or given[f'rule-{count - 1}-name']))
    return page.render('edit_policy.html', 400 if problem else 200,
                       policy=policy, given=given, problem=problem,
                       places=places, kept=retention.RULES)


def _rules(given, before):
    """Make the rules of the form's fields. What the form has no field for
    stays as it was; a rule without a name and a time is no more.

    :param before: list of dicts, the rules as they were.
    """
    known = {rule['name']: rule for rule in before}
    found = []
    number = 0
    while f'rule-{number}-name' in given:
        fields = {name: (given.get(f'rule-{number}-{name}') or '').strip()
                  for name in (*_RULE, 'was')}
        number += 1
        was = known.get(fields.pop('was'), {})
        if not fields['name'] and not fields['cron']:
            continue
        rule = {name: was[name] for name in (
            'backup_type', 'backup_options', 'name_template')
            if was.get(name) is not None}
        rule.update((name, int(text) if name in _SECONDS
                     and text.isascii() and text.isdigit() else text)
                    for name, text in fields.items() if text)
        found.append(rule)
    return found


ROUTES = {'/policies/{policy_id}/edit': {'GET': edit, 'POST': save}}
