# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about the usage of share backups."""

from manila_backup.api import extension
from manila_backup.api.schemas import types

RESOURCE = 'share_backup_usage'

#: What there can be a sum for, beside a project: the key that it has in the
#: body, which is also that of the column.
GROUPS = {'project': None, 'share': 'share_id', 'backup_type': 'backup_type',
          'status': 'status'}

LIST = {
    'group_by': types.one_of(*GROUPS),
    'interval': types.since(extension.SUMS, types.one_of('day')),
    'limit': types.count,
    'offset': types.count,
    **types.SCOPE,
}
