# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about share backups."""

from manila_backup.api import extension
from manila_backup.api.schemas import share_backup_metadata as metadata
from manila_backup.api.schemas import types
from manila_backup.api import validation
from manila_backup.path_restore import selection
from manila_backup import states

RESOURCE = 'share_backup'

_CREATE = {
    'share_id': types.UUID,
    'name': types.TEXT,
    'description': types.TEXT,
    # The driver's own schema says which.
    'backup_options': types.STRINGS,
}

CREATE = validation.Schema(types.wrapped(
    RESOURCE, _CREATE, required=['share_id']), RESOURCE)

CREATE_EXTENDED = validation.Schema(types.wrapped(RESOURCE, {
    **_CREATE,
    'metadata': {**metadata.ITEMS, 'type': ['object', 'null']},
}, required=['share_id']), RESOURCE)

# Others are left as they are, as the specification says.
UPDATE = validation.Schema({
    'type': 'object',
    'properties': {RESOURCE: {
        'type': 'object',
        'properties': {
            'display_name': types.TEXT,
            'display_description': types.TEXT,
            'name': types.TEXT,
            'description': types.TEXT,
        },
    }},
    'required': [RESOURCE],
    'additionalProperties': False,
}, RESOURCE)

RESTORE = validation.Schema(types.obj(
    {'restore': types.NOTHING}, ['restore']))

RESTORE_2_91 = validation.Schema(types.obj(
    {'restore': types.OPTIONAL_UUID}, ['restore']))

#: With the extension: also to be told what it would do.
RESTORE_EXTENDED = validation.Schema(types.obj({'restore': {
    **types.obj({'target_share_id': types.OPTIONAL_UUID,
                 'dry_run': {'type': 'boolean'}}),
    'type': ['object', 'string', 'null'],
    'pattern': types.UUID['pattern'],
    'description': 'a UUID, null, or an object',
}}, ['restore']))

_PATH = {'type': 'string', 'minLength': 1, 'maxLength': 32768}

RESTORE_FILES = validation.Schema(types.wrapped('restore_files', {
    'paths': {'type': 'array', 'minItems': 1, 'maxItems': 1000,
              'description': 'a list of 1 to 1000 paths', 'items': _PATH},
    'target_share_id': types.OPTIONAL_UUID,
    'target_path': {**_PATH, 'type': ['string', 'null']},
    'conflict': {'type': 'string', 'enum': [*map(str, selection.Conflict)]},
    'dry_run': {'type': 'boolean'},
}, required=['paths']))

RESTORE_TO_NEW_SHARE = validation.Schema(types.wrapped(
    'restore_to_new_share', {
        'name': types.TEXT,
        'description': types.TEXT,
        'share_type': types.TEXT,
        'share_proto': types.TEXT,
        'share_network_id': types.OPTIONAL_UUID,
        'availability_zone': types.TEXT,
        'size': {'type': ['integer', 'null'], 'minimum': 1,
                 'description': 'an integer of at least 1, or null'},
        'is_public': types.BOOLEAN,
        'metadata': types.STRINGS,
    }))

CANCEL = validation.Schema(types.obj({'cancel': types.NOTHING}, ['cancel']))

RESET_STATUS = validation.Schema(types.wrapped('reset_status', {
    'status': {'type': 'string',
               'enum': [str(status) for status in states.BACKUP_RESET]},
}, required=['status']))

#: Names that callers sort by, and the columns they mean.
SORT_KEYS = {name: name for name in (
    'id', 'status', 'size', 'host', 'share_id', 'availability_zone',
    'created_at', 'updated_at', 'name', 'topic', 'progress',
    'restore_progress', 'project_id', 'backup_type')}
SORT_KEYS['display_name'] = 'name'

WARNINGS = {'limit': types.count, 'marker': types.count}

LIST = {
    'share_id': types.uuid,
    'name': types.text,
    'name~': types.text,
    'description': types.text,
    'description~': types.text,
    'status': types.one_of(*states.Backup),
    'backup_type': types.text,
    'result': types.since(extension.FIRST, types.one_of(*states.Result)),
    'policy_id': types.since(extension.POLICIES, types.uuid),
    'requested_by': types.since(extension.FIRST,
                                types.one_of(*states.Requester)),
    'metadata': types.since(extension.FIRST, types.mapping),
    'created_since': types.since(extension.FIRST, types.moment),
    'created_before': types.since(extension.FIRST, types.moment),
    **types.page(SORT_KEYS),
    'with_count': types.boolean,
    **types.SCOPE,
    'host': types.text,
    'topic': types.text,
}

#: What only those filter by who see it.
OF_HOST = ('host', 'topic')
