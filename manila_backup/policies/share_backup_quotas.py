# SPDX-License-Identifier: Apache-2.0
"""Policies of the quotas of share backups."""

from manila_backup.policies import base

SHOW = 'share_backup_quota:show'
UPDATE = 'share_backup_quota:update'
DELETE = 'share_backup_quota:delete'

_PATH = '/v2/share-backup-quotas/{project_id}'

RULES = [
    base.rule(SHOW, base.READER,
              'Show the quotas of a project for share backups.',
              f'GET {_PATH}', f'GET {_PATH}/detail', f'GET {_PATH}/defaults'),
    base.rule(UPDATE, base.ADMIN,
              'Set the quotas of a project for share backups.',
              f'PUT {_PATH}'),
    base.rule(DELETE, base.ADMIN,
              'Reset the quotas of a project for share backups to the '
              'defaults.', f'DELETE {_PATH}'),
]
