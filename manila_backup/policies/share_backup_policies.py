# SPDX-License-Identifier: Apache-2.0
"""Policies of backup policies and of the coverage by them. All only with the
extension, 1.1."""

from manila_backup.policies import base

CREATE = 'share_backup_policy:create'
GET = 'share_backup_policy:get'
GET_ALL = 'share_backup_policy:get_all'
GET_ALL_PROJECT = 'share_backup_policy:get_all_project'
UPDATE = 'share_backup_policy:update'
DELETE = 'share_backup_policy:delete'
PUBLISH = 'share_backup_policy:publish'
ASSIGN = 'share_backup_policy:assign'
ASSIGN_ALL_PROJECT = 'share_backup_policy:assign_all_project'
MANDATE = 'share_backup_policy:mandate'
RUN_NOW = 'share_backup_policy:run_now'
SIMULATE = 'share_backup_policy:simulate'
GET_COVERAGE = 'share_backup_coverage:get_all'

_PATH = '/v2/share-backup-policies'
_ONE = f'{_PATH}/{{policy_id}}'
_ACTION = f'POST {_ONE}/action'

RULES = [
    base.rule(CREATE, base.MEMBER, 'Create a backup policy.',
              f'POST {_PATH}'),
    base.rule(GET, base.READER,
              'Show a backup policy of one\'s project, a public one, or one '
              'that is assigned to shares of one\'s project, with those '
              'assignments and its last runs.',
              f'GET {_ONE}', f'GET {_ONE}/assignments', f'GET {_ONE}/runs'),
    base.rule(GET_ALL, base.READER,
              'List those backup policies.', f'GET {_PATH}'),
    base.rule(GET_ALL_PROJECT, base.ADMIN,
              'List the backup policies of all projects, and find them, and '
              'all that is about them, by their ids.',
              f'GET {_PATH}?all_tenants=1',
              'GET /v2/share-backup-coverage?all_tenants=1'),
    base.rule(UPDATE, base.MEMBER,
              'Change, enable or disable a backup policy.',
              f'PUT {_ONE}', _ACTION),
    base.rule(DELETE, base.MEMBER, 'Delete a backup policy.',
              f'DELETE {_ONE}'),
    base.rule(PUBLISH, base.ADMIN,
              'Make a backup policy public, or not any more.',
              f'POST {_PATH}', f'PUT {_ONE}'),
    base.rule(ASSIGN, base.MEMBER,
              'Assign a backup policy, one\'s own or a public one, to shares '
              'of one\'s project, and remove such an assignment.',
              f'POST {_ONE}/assignments',
              f'DELETE {_ONE}/assignments/{{assignment_id}}'),
    base.rule(ASSIGN_ALL_PROJECT, base.ADMIN,
              'Assign a backup policy to shares of all projects, or of '
              'another one, and remove such an assignment.',
              f'POST {_ONE}/assignments',
              f'DELETE {_ONE}/assignments/{{assignment_id}}'),
    base.rule(MANDATE, base.ADMIN,
              'Make the assignment of a backup policy mandatory, remove one '
              'that is, and change, disable or delete a policy that has '
              'one.',
              f'POST {_ONE}/assignments',
              f'DELETE {_ONE}/assignments/{{assignment_id}}',
              f'PUT {_ONE}', f'DELETE {_ONE}', _ACTION),
    base.rule(RUN_NOW, base.MEMBER,
              'Run a backup policy now, for shares of one\'s project.',
              _ACTION),
    base.rule(SIMULATE, base.READER,
              'See which backups a retention would keep.', _ACTION),
    base.rule(GET_COVERAGE, base.READER,
              'See by which backup policies the shares of one\'s project are '
              'protected.',
              'GET /v2/share-backup-coverage'),
]
