# SPDX-License-Identifier: Apache-2.0
"""The roles that all other rules are made of."""

from oslo_policy import policy

ADMIN = 'rule:context_is_admin'
MEMBER = 'rule:admin_or_project_member'
READER = 'rule:admin_or_project_reader'

_OWN = 'project_id:%(project_id)s'

RULES = [
    policy.RuleDefault(
        'context_is_admin',
        'role:admin',
        description='Administrators, who can also access resources of other '
                    'projects.'),
    policy.RuleDefault(
        'project_member',
        f'role:member and {_OWN}',
        description='Users who may change the resources of their project.'),
    policy.RuleDefault(
        'project_reader',
        f'role:reader and {_OWN}',
        description='Users who may see the resources of their project.'),
    policy.RuleDefault(
        'admin_or_project_member',
        f'{ADMIN} or rule:project_member',
        description='Administrators, and members for their own project.'),
    policy.RuleDefault(
        'admin_or_project_reader',
        f'{ADMIN} or rule:project_reader',
        description='Administrators, and readers for their own project.'),
]


def rule(name, check, description, *operations):
    """A rule of an API operation.

    :param name: str, as ``policy.yaml`` names it.
    :param check: str, the default.
    :param description: str, one sentence.
    :param operations: 'METHOD /path' strings.
    """
    return policy.DocumentedRuleDefault(
        name, check, description,
        [dict(zip(('method', 'path'), operation.split(' ', 1)))
         for operation in operations],
        scope_types=['project'])
