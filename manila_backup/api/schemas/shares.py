# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about shares."""


from manila_backup.api.schemas import types
from manila_backup.api import validation
from manila_backup import states

RESOURCE = 'share'

#: The driver option by which what is mounted in a share is part of it.
INCLUDE_MOUNTS = 'include_mounts'

PROTOCOLS = ('NFS', 'CIFS', 'GLUSTERFS', 'HDFS', 'CEPHFS', 'MAPRFS')


def _any_case(word):
    """A pattern for a word in letters of any case."""
    return ''.join(f'[{letter}{letter.lower()}]' for letter in word)


_PROTOCOL = {
    'type': 'string',
    'pattern': f'^({"|".join(map(_any_case, PROTOCOLS))}){types.END}',
    'description': f'one of {", ".join(PROTOCOLS)}',
}

_CREATE = {
    'name': types.TEXT,
    'display_name': types.TEXT,
    'description': types.TEXT,
    'display_description': types.TEXT,
    'size': types.SIZE,
    'share_proto': _PROTOCOL,
    'share_type': types.TEXT,
    'volume_type': types.TEXT,
    'is_public': types.BOOLEAN,
    'availability_zone': types.TEXT,
    'metadata': types.STRINGS,
    # What clients send, though it can't be had here.
    'snapshot_id': types.NOTHING,
    'share_network_id': types.NOTHING,
    'share_group_id': types.NOTHING,
    'source_share_group_snapshot_member_id': types.NOTHING,
    'mount_point_name': types.NOTHING,
    'encryption_key_ref': types.NOTHING,
    'scheduler_hints': {'type': ['object', 'null'], 'maxProperties': 0},
}

CREATE = validation.Schema(types.wrapped(
    RESOURCE, _CREATE, required=['size', 'share_proto']), RESOURCE)

#: With the extension: also from a backup.
CREATE_EXTENDED = validation.Schema(types.wrapped(
    RESOURCE, {**_CREATE, 'source_backup_id': types.OPTIONAL_UUID},
    required=['size', 'share_proto']), RESOURCE)

MANAGE = validation.Schema(types.wrapped(RESOURCE, {
    'name': types.TEXT,
    'display_name': types.TEXT,
    'description': types.TEXT,
    'display_description': types.TEXT,
    'export_path': {'type': 'string', 'minLength': 1, 'maxLength': 1280},
    'protocol': _PROTOCOL,
    'service_host': types.TEXT,
    'share_type': types.TEXT,
    'is_public': types.BOOLEAN,
    'driver_options': {
        'type': ['object', 'null'],
        'properties': {'size': types.SIZE, INCLUDE_MOUNTS: types.BOOLEAN},
        'additionalProperties': False,
    },
    'share_server_id': types.NOTHING,
    'mount_point_name': types.NOTHING,
}, required=['export_path', 'protocol']), RESOURCE)

UPDATE = validation.Schema(types.wrapped(RESOURCE, {
    'name': types.TEXT,
    'display_name': types.TEXT,
    'description': types.TEXT,
    'display_description': types.TEXT,
    'is_public': types.BOOLEAN,
}), RESOURCE)

METADATA = validation.Schema(types.obj(
    {'metadata': {**types.STRINGS, 'type': 'object'}}, ['metadata']))

_STATUS = {'type': 'string',
           'enum': [str(status) for status in states.Share]}


def _nothing(name):
    return validation.Schema(types.action_without_arguments(name))


def _resize(name):
    return validation.Schema(types.wrapped(
        name, {'new_size': types.SIZE, 'force': types.BOOLEAN},
        required=['new_size']))


def _allow(name):
    return validation.Schema(types.wrapped(name, {
        'access_type': {'enum': ['ip', 'user', 'cert', 'cephx']},
        'access_to': {'type': 'string', 'minLength': 1, 'maxLength': 255},
        'access_level': {'enum': ['rw', 'ro', None]},
        'metadata': {'type': ['object', 'null'], 'maxProperties': 0},
        'lock_visibility': types.BOOLEAN,
        'lock_deletion': types.BOOLEAN,
        'lock_reason': types.TEXT,
    }, required=['access_type', 'access_to']))


def _deny(name):
    return validation.Schema(types.wrapped(
        name, {'access_id': types.UUID, 'unrestrict': types.BOOLEAN},
        required=['access_id']))


#: Of each action.
ACTIONS = {
    'force_delete': _nothing('force_delete'),
    'os-force_delete': _nothing('os-force_delete'),
    'unmanage': _nothing('unmanage'),
    'extend': _resize('extend'),
    'os-extend': _resize('os-extend'),
    'shrink': _resize('shrink'),
    'os-shrink': _resize('os-shrink'),
    'reset_status': validation.Schema(types.wrapped(
        'reset_status', {'status': _STATUS}, ['status'])),
    'allow_access': _allow('allow_access'),
    'os-allow_access': _allow('os-allow_access'),
    'deny_access': _deny('deny_access'),
    'os-deny_access': _deny('os-deny_access'),
    'access_list': _nothing('access_list'),
    'os-access_list': _nothing('os-access_list'),
    # There are no tasks here, so there is only one state to reset to; the
    # command line client does that whatever else it sets.
    'reset_task_state': validation.Schema(types.wrapped(
        'reset_task_state', {'task_state': types.NOTHING}, ['task_state'])),
    'os-reset_status': validation.Schema(types.wrapped(
        'os-reset_status', {'status': _STATUS}, ['status'])),
}

#: Names that callers sort by, and the columns they mean.
SORT_KEYS = {name: name for name in (
    'id', 'status', 'size', 'host', 'share_proto', 'availability_zone',
    'user_id', 'project_id', 'created_at', 'updated_at', 'name',
    'share_type_id')}
SORT_KEYS.update(display_name='name', availability_zone_id=(
    'availability_zone'), share_type='share_type_id',
    snapshot='source_snapshot_id', snapshot_id='source_snapshot_id')


LIST = {
    'name': types.text,
    'name~': types.text,
    'description': types.text,
    'description~': types.text,
    'status': types.one_of(*states.Share),
    'share_type_id': types.uuid,
    'snapshot_id': types.uuid,
    'availability_zone': types.text,
    'metadata': types.mapping,
    'extra_specs': types.mapping,
    'is_public': types.boolean,
    'is_soft_deleted': types.boolean,
    'share_network_id': types.text,
    'share_server_id': types.text,
    'share_group_id': types.text,
    'encryption_key_ref': types.text,
    'export_location_id': types.text,
    'export_location_path': types.text,
    **types.page(SORT_KEYS),
    'with_count': types.boolean,
    **types.SCOPE,
    'user_id': types.text,
    'host': types.text,
}

#: Filters by what no share of this service has: nothing meets them.
NEVER = ('share_network_id', 'share_server_id', 'share_group_id',
         'encryption_key_ref', 'is_soft_deleted', 'export_location_id',
         'export_location_path', 'extra_specs')

#: What only those filter by who see a share's host.
OF_HOST = ('host', 'user_id')

LIST_ACCESS = {'share_id': types.uuid}
