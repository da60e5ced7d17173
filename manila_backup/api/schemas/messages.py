# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about messages for users."""

from manila_backup.api.schemas import types

RESOURCE = 'message'

_COLUMNS = ('resource_type', 'resource_id', 'request_id', 'action_id',
            'detail_id', 'message_level')

#: Names that callers sort by, and the columns they mean.
SORT_KEYS = {name: name for name in (
    'id', 'project_id', 'created_at', 'expires_at', *_COLUMNS)}

LIST = {
    **dict.fromkeys(_COLUMNS, types.text),
    'created_since': types.moment,
    'created_before': types.moment,
    **types.page(SORT_KEYS),
}
