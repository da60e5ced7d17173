# SPDX-License-Identifier: Apache-2.0
"""Backup policies, as the modules find and compare them."""

from ansible_collections.manila_backup.cloud.plugins.module_utils import base

#: What of a policy can be changed.
_MANAGED = ('name', 'description', 'enabled', 'is_public', 'timezone')

#: What of a rule is the service's to say.
_OF_THE_SERVICE = ('id', 'next_run_at')


def find(module, name):
    """Return a policy by its name or id; None if there is none.

    Of several, that of the own project is meant; the module ends if that
    leaves more than one.

    :param module: a :class:`~.base.Module`.
    """
    found = module.get(module.shares.get_share_backup_policy, name)
    if found:
        return found
    found = list(module.shares.share_backup_policies(name=name))
    if len(found) > 1:
        own = module.shares.get_project_id()
        found = [each for each in found
                 if each.project_id == own] or found
    if len(found) > 1:
        module.fail(f'There are {len(found)} backup policies of the name '
                    f'{name}: give the id as the name.')
    return found[0] if found else None


def show(module, policy):
    """Return a policy with its assignments, as dict."""
    return {**base.as_dict(policy), 'assignments': [
        base.as_dict(each) for each in
        module.shares.share_backup_policy_assignments(policy)]}


def managed(policy):
    """Return what of a policy can be changed, as dict, without what its
    retention does not have."""
    found = base.as_dict(policy)
    return {**{name: found[name] for name in _MANAGED},
            'rules': [{name: value for name, value in rule.items()
                       if name not in _OF_THE_SERVICE}
                      for rule in found['rules']],
            'retention': numbers(found['retention'])}


def numbers(retention):
    """Return a retention without the rules that it does not have."""
    found = {name: int(value or 0) for name, value in retention.items()}
    return {name: value for name, value in found.items() if value}


def moved(rules, zone, other):
    """Return the rules of a policy whose time zone becomes another: those in
    it follow.

    :param rules: list of dict.
    :param zone: str, that of the policy; ``other``: str, the new one, or
        None for the same.
    """
    return [{**rule, 'timezone': other} if other and rule['timezone'] == zone
            else rule for rule in rules]


def merge(before, given):
    """Return the rules that a policy is to have: of each, what is given, and
    of one that is there besides what that has.

    :param before: list of dict.
    :param given: list of dict; None is what is not given.
    """
    known = {rule['name']: rule for rule in before}
    merged = []
    for rule in given:
        said = {name: value for name, value in rule.items()
                if value is not None}
        # So the service has it.
        said['cron'] = ' '.join(said['cron'].split())
        if 'backup_options' in said:
            said['backup_options'] = {
                key: str(value)
                for key, value in said['backup_options'].items()}
        merged.append({**known.get(rule['name'], {}), **said})
    # In the order in which they are there: it means nothing.
    order = {rule['name']: number for number, rule in enumerate(before)}
    return sorted(merged, key=lambda rule: order.get(rule['name'],
                                                     len(order)))


def brief(assignment):
    """Return what of an assignment can be chosen."""
    return {name: assignment[name] for name in (
        'kind', 'target', 'project_id', 'mandatory')}


def compare(found, wanted):
    """Compare assignments.

    :param found: list of dict, those that are there.
    :param wanted: list of dict with what is said of each; None for as they
        are.
    :returns: tuple of lists of dict: those to remove, and those to add.
    """
    if wanted is None:
        return [], []
    left, missing = list(found), []
    for each in wanted:
        match = next((other for other in left if all(
            other[name] == value for name, value in each.items())), None)
        if match is None:
            missing.append(each)
        else:
            left.remove(match)
    return [each for each in left if not each['mandatory'] or any(
        in_the_way(each, other) for other in missing)], missing


def in_the_way(found, wanted):
    """Tell whether there can't be both of two assignments: they are about the
    same shares."""
    return all(found[name] == wanted.get(name, found[name])
               for name in ('kind', 'target', 'project_id'))
