# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about snapshots."""

from manila_backup.api.schemas import types
from manila_backup.api import validation
from manila_backup import states

RESOURCE = 'snapshot'

_NAMES = {
    'name': types.TEXT,
    'display_name': types.TEXT,
    'description': types.TEXT,
    'display_description': types.TEXT,
}

CREATE = validation.Schema(types.wrapped(RESOURCE, {
    **_NAMES,
    'share_id': types.UUID,
    'force': types.BOOLEAN,
    # There is nowhere to keep any.
    'metadata': {'type': ['object', 'null'], 'maxProperties': 0},
}, required=['share_id']), RESOURCE)

UPDATE = validation.Schema(types.wrapped(RESOURCE, _NAMES), RESOURCE)

RESET_STATUS = validation.Schema(types.wrapped('reset_status', {
    'status': {'type': 'string',
               'enum': [str(status) for status in states.Snapshot]},
}, required=['status']))

FORCE_DELETE = validation.Schema(
    types.action_without_arguments('force_delete'))

#: Names that callers sort by, and the columns they mean.
SORT_KEYS = {name: name for name in (
    'id', 'status', 'size', 'share_id', 'user_id', 'project_id',
    'created_at', 'updated_at', 'name', 'share_proto')}
SORT_KEYS['display_name'] = 'name'

LIST = {
    'name': types.text,
    'name~': types.text,
    'description': types.text,
    'description~': types.text,
    'share_id': types.uuid,
    'status': types.one_of(*states.Snapshot),
    **types.page(SORT_KEYS),
    'with_count': types.boolean,
    **types.SCOPE,
}
