# SPDX-License-Identifier: Apache-2.0
"""Policies of the usage of share backups."""

from manila_backup.policies import base

GET = 'share_backup_usage:get'
GET_ALL_PROJECT = 'share_backup_usage:get_all_project'

RULES = [
    base.rule(GET, base.READER,
              'See how many share backups one\'s project has, and of what '
              'sizes.',
              'GET /v2/share-backup-usage'),
    base.rule(GET_ALL_PROJECT, base.ADMIN,
              'See the same of all projects, or of another one.',
              'GET /v2/share-backup-usage?all_tenants=1',
              'GET /v2/share-backup-usage?project_id={project_id}'),
]
