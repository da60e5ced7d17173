# SPDX-License-Identifier: Apache-2.0
"""Policies of the operations on share backups. Who may cancel one is a policy
of share backups."""

from manila_backup.policies import base

GET = 'share_backup_operation:get'
GET_ALL = 'share_backup_operation:get_all'
GET_ALL_PROJECT = 'share_backup_operation:get_all_project'

RULES = [
    base.rule(GET, base.READER, 'Show an operation on a share backup.',
              'GET /v2/share-backup-operations/{operation_id}'),
    base.rule(GET_ALL, base.READER,
              'List the operations on the share backups of one\'s project.',
              'GET /v2/share-backup-operations'),
    base.rule(GET_ALL_PROJECT, base.ADMIN,
              'List the operations on the share backups of all projects, or '
              'of another one.',
              'GET /v2/share-backup-operations?all_tenants=1',
              'GET /v2/share-backup-operations?project_id={project_id}'),
]
