#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Create, change, assign and delete a backup policy."""

DOCUMENTATION = r"""
module: share_backup_policy
short_description: Create, change, assign and delete a backup policy
description:
  - Has a backup policy be there as it is described, or not be there. What is
    not said of it stays as it is.
  - A policy is known by its name, or by its id. Where several that can be
    seen have the name, that of the own project is meant.
author:
  - The manila-backup developers
options:
  name:
    description:
      - Name or id of the policy.
    type: str
    required: true
  state:
    description:
      - Whether it is to be there. The backups that it has made stay when it
        is deleted.
    type: str
    choices: [present, absent]
    default: present
  description:
    description:
      - Its description.
    type: str
  enabled:
    description:
      - Whether it makes and deletes backups.
    type: bool
  is_public:
    description:
      - Whether all projects see it; for administrators.
    type: bool
  timezone:
    description:
      - Time zone of its retention, and of rules that have none of their own.
        When it is changed, rules in the time zone that it was follow.
    type: str
  rules:
    description:
      - The rules that it is to have, and no others. A rule is known by its
        name; what is not said of one stays as it is.
    type: list
    elements: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      cron:
        description: The cron expression that says when it is due.
        type: str
        required: true
      timezone:
        description: The time zone of that.
        type: str
      start_window:
        description: Seconds in which a backup may begin.
        type: int
      jitter:
        description: Seconds over which backups are spread.
        type: int
      backup_type:
        description: The type of its backups.
        type: str
      backup_options:
        description: What the driver is told.
        type: dict
      name_template:
        description: How its backups are named.
        type: str
  retention:
    description:
      - How many backups are kept, and no rules of retention but these.
        C(last), C(hourly), C(daily), C(weekly), C(monthly) and C(yearly) have
        a number of backups, C(within) seconds.
    type: dict
  confirm_deletions:
    description:
      - The number of backups that a change of O(retention) or O(timezone) may
        delete right away. The module fails if it would be another one, in
        check mode, too, and says the number.
    type: int
  assignments:
    description:
      - To which shares it is assigned, and to no others, as far as the caller
        sees them. Those that are mandatory and not named here stay.
    type: list
    elements: dict
    suboptions:
      kind:
        description: What O(assignments[].target) says.
        type: str
        choices: [share, share_type, metadata, project]
        required: true
      target:
        description:
          - Name or id of a share, name or id of a share type, C(key=value), or
            the id of a project.
        type: str
        required: true
      project_id:
        description:
          - Project whose shares it is about, for administrators. That of the
            caller, if it is not said.
        type: str
      mandatory:
        description:
          - Whether only administrators can remove it; for administrators.
            That of one that is there, if it is not said.
        type: bool
attributes:
  check_mode:
    description: Says what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
extends_documentation_fragment:
  - manila_backup.cloud.cloud
"""

EXAMPLES = r"""
- name: A policy for all shares with backup=gold in their metadata
  manila_backup.cloud.share_backup_policy:
    cloud: mine
    name: gold
    timezone: Europe/Berlin
    rules:
      - name: nightly
        cron: '30 2 * * *'
        jitter: 1800
    retention:
      daily: 7
      weekly: 4
    assignments:
      - kind: metadata
        target: backup=gold
"""

RETURN = r"""
policy:
  description:
    - The policy as the API shows it, and C(assignments); null if it is not
      there. In check mode, what would be there.
  returned: success
  type: dict
deletions:
  description:
    - How many backups the change deletes right away.
  returned: if the retention or the time zone changes
  type: int
"""

from ansible_collections.manila_backup.cloud.plugins.module_utils import base
from ansible_collections.manila_backup.cloud.plugins.module_utils import plans

SPEC = {
    'name': {'type': 'str', 'required': True},
    'state': {'type': 'str', 'choices': ['present', 'absent'],
              'default': 'present'},
    'description': {'type': 'str'},
    'enabled': {'type': 'bool'},
    'is_public': {'type': 'bool'},
    'timezone': {'type': 'str'},
    'rules': {'type': 'list', 'elements': 'dict', 'options': {
        'name': {'type': 'str', 'required': True},
        'cron': {'type': 'str', 'required': True},
        'timezone': {'type': 'str'},
        'start_window': {'type': 'int'},
        'jitter': {'type': 'int'},
        'backup_type': {'type': 'str'},
        'backup_options': {'type': 'dict'},
        'name_template': {'type': 'str'},
    }},
    'retention': {'type': 'dict'},
    'confirm_deletions': {'type': 'int'},
    'assignments': {'type': 'list', 'elements': 'dict', 'options': {
        'kind': {'type': 'str', 'required': True,
                 'choices': ['share', 'share_type', 'metadata', 'project']},
        'target': {'type': 'str', 'required': True},
        'project_id': {'type': 'str'},
        'mandatory': {'type': 'bool'},
    }},
}

#: What a policy has beside rules, retention and assignments.
_VALUES = ('description', 'enabled', 'is_public', 'timezone')


class ShareBackupPolicy(base.Module):
    """A backup policy that is to be there, or not."""

    def run(self):
        policy = plans.find(self, self.params['name'])
        if self.params['state'] == 'absent':
            return self._delete(policy)
        assignments = self._wanted_assignments()
        if policy is None:
            return self._create(assignments)
        return self._update(policy, assignments)

    # -- the policy itself -----------------------------------------------

    def _delete(self, policy):
        if policy is None:
            return self.changed('policy', {}, {}, None)
        before = plans.managed(policy)
        if not self.check:
            self.shares.delete_share_backup_policy(policy.id)
        return self.changed('policy', before, {}, None)

    def _create(self, assignments):
        wanted = self._wanted({})
        wanted['name'] = self.params['name']
        after = {**wanted, 'assignments': assignments or []}
        if self.check:
            return self.changed('policy', {}, after, after)
        policy = self.shares.create_share_backup_policy(**wanted)
        self._assign(policy, [], assignments or [])
        return self.changed('policy', {}, after, self._show(policy))

    def _update(self, policy, assignments):
        before = plans.managed(policy)
        after = {**before, **self._wanted(before)}
        change = {name: value for name, value in after.items()
                  if value != before[name]}
        found = [base.as_dict(each) for each in
                 self.shares.share_backup_policy_assignments(policy)]
        extra, missing = plans.compare(found, assignments)
        before['assignments'] = [plans.brief(each) for each in found]
        after['assignments'] = [
            plans.brief(each) for each in found if each not in extra
            ] + missing
        result = self.changed('policy', before, after, None)
        if {'retention', 'timezone'} & set(change):
            result['deletions'] = self._deletions(policy, after)
        if self.check:
            result['policy'] = {**base.as_dict(policy), **after}
            return result
        if change:
            confirmed = self.params['confirm_deletions']
            if confirmed is not None:
                change['confirm_deletions'] = confirmed
            policy = self.shares.update_share_backup_policy(policy, **change)
        self._assign(policy, extra, missing)
        result['policy'] = self._show(policy)
        return result

    def _wanted(self, before):
        """Return what the policy is to have, of what is said of it."""
        wanted = {name: self.params[name] for name in _VALUES
                  if self.params[name] is not None}
        rules = before.get('rules', [])
        moved = plans.moved(rules, before.get('timezone'),
                            wanted.get('timezone'))
        if self.params['rules'] is not None:
            wanted['rules'] = plans.merge(moved, self.params['rules'])
        elif moved != rules:
            wanted['rules'] = moved
        if self.params['retention'] is not None:
            try:
                wanted['retention'] = plans.numbers(
                    self.params['retention'])
            except (TypeError, ValueError):
                self.fail('retention: its values must be numbers.')
        return wanted

    def _deletions(self, policy, after):
        """Return how many backups a change would delete right away; end
        unless that is confirmed."""
        count = self.shares.simulate_share_backup_policy(
            policy, retention=after['retention'],
            timezone=after['timezone'], limit=0)['deletions']
        if count and count != self.params['confirm_deletions']:
            backups = 'backup' if count == 1 else 'backups'
            self.fail(f'With this retention {count} {backups} would be '
                      'deleted right away. If they are to be, say '
                      f'confirm_deletions: {count}.')
        return count

    def _show(self, policy):
        return plans.show(self, self.shares.get_share_backup_policy(
            policy.id))

    # -- its assignments -------------------------------------------------

    def _wanted_assignments(self):
        """Return the assignments that are to be there, as lists of dicts with
        what is said of each; None if nothing is said."""
        if self.params['assignments'] is None:
            return None
        wanted = []
        for each in self.params['assignments']:
            each = {name: value for name, value in each.items()
                    if value is not None}
            if each['kind'] == 'share':
                each['target'] = self.need_share(each['target'])
            elif each['kind'] == 'share_type':
                each['target'] = self._share_type(each['target'])
            wanted.append(each)
        return wanted

    def _share_type(self, name):
        """Return the id of a share type, or what is given where the service
        keeps no share types or has not that one."""
        response = self.shares.get('/types')
        known = response.json()['share_types'] if response.ok else []
        return next((each['id'] for each in known if each['name'] == name),
                    name)

    def _assign(self, policy, extra, missing):
        """Change the assignments; what stays assigned to a share does so all
        the time, but for one that becomes another in place."""
        replaced = [each for each in extra if any(
            plans.in_the_way(each, other) for other in missing)]
        for each in replaced:
            self.shares.unassign_share_backup_policy(policy, each['id'])
        for each in missing:
            values = dict(each)
            self.shares.assign_share_backup_policy(
                policy, values.pop('kind'), values.pop('target'), **values)
        for each in extra:
            if each not in replaced:
                self.shares.unassign_share_backup_policy(policy, each['id'])


def main():
    """Run the module."""
    ShareBackupPolicy(SPEC)()


if __name__ == '__main__':
    main()
