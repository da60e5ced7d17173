# SPDX-License-Identifier: Apache-2.0
"""Policies of the workers that make share backups."""

from manila_backup.policies import base

GET_ALL = 'share_backup_service:get_all'
GET = 'share_backup_service:get'
UPDATE = 'share_backup_service:update'

RULES = [
    base.rule(GET_ALL, base.ADMIN,
              'List the hosts of workers that make share backups.',
              'GET /v2/share-backup-services'),
    base.rule(GET, base.ADMIN,
              'Show a host of workers that make share backups.',
              'GET /v2/share-backup-services/{service_id}'),
    base.rule(UPDATE, base.ADMIN,
              'Enable, disable and drain the workers of a host.',
              'POST /v2/share-backup-services/{service_id}/action'),
]
