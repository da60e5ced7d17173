# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about operations on share backups."""

from manila_backup.api.schemas import share_backups
from manila_backup.api.schemas import types
from manila_backup import states

RESOURCE = 'share_backup_operation'

CANCEL = share_backups.CANCEL

#: Names that callers sort by, and the columns they mean.
SORT_KEYS = {**{name: name for name in (
    'id', 'kind', 'status', 'share_id', 'backup_id', 'project_id',
    'started_at', 'finished_at')}, 'queued_at': 'created_at'}

#: By default, what was asked for last comes first.
SORT_KEY = 'queued_at'

LIST = {
    'share_id': types.uuid,
    'backup_id': types.uuid,
    'kind': types.one_of(*states.BACKUP_KINDS),
    'status': types.one_of(*states.Operation),
    'since': types.moment,
    **types.page(SORT_KEYS),
    'with_count': types.boolean,
    **types.SCOPE,
}
