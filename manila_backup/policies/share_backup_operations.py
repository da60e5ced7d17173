# SPDX-License-Identifier: Apache-2.0
"""Policies of the operations on share backups. Who may cancel one is a policy
of share backups."""

from manila_backup.policies import base

GET = 'share_backup_operation:get'
GET_ALL = 'share_backup_operation:get_all'
GET_ALL_PROJECT = 'share_backup_operation:get_all_project'
GET_HOST = 'share_backup_operation:get_host'
GET_FAIL_REASON = 'share_backup_operation:get_fail_reason'

RULES = [
    base.rule(GET, base.READER, 'Show an operation on a share backup.',
              'GET /v2/share-backup-operations/{operation_id}'),
    base.rule(GET_ALL, base.READER,
              'List the operations on the share backups of one\'s project.',
              'GET /v2/share-backup-operations'),
    base.rule(GET_ALL_PROJECT, base.ADMIN,
              'List the operations on the share backups of all projects, or '
              'of another one, and find them by their ids.',
              'GET /v2/share-backup-operations?all_tenants=1',
              'GET /v2/share-backup-operations?project_id={project_id}'),
    base.rule(GET_HOST, base.ADMIN,
              'See which worker holds an operation on a share backup, and '
              'until when.',
              'GET /v2/share-backup-operations',
              'GET /v2/share-backup-operations/{operation_id}'),
    base.rule(GET_FAIL_REASON, base.ADMIN,
              'See why the last attempt of an operation on a share backup '
              'failed, in full, which may name paths of the service\'s hosts.',
              'GET /v2/share-backup-operations',
              'GET /v2/share-backup-operations/{operation_id}'),
]
