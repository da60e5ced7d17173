# SPDX-License-Identifier: Apache-2.0
"""Policies of the repositories that share backups are in."""

from manila_backup.policies import base

GET_ALL = 'share_backup_repository:get_all'

RULES = [
    base.rule(GET_ALL, base.ADMIN,
              'List the repositories of share backups, with their room and '
              'when what is in them was verified. Only with the extension, '
              '1.3.',
              'GET /v2/share-backup-repositories'),
]
