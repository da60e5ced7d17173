# SPDX-License-Identifier: Apache-2.0
"""Schemas of response bodies: for the OpenAPI description, and for the tests,
which validate every response against them.

Members that only some versions have, or only administrators see, are not
required; others than those named here there are none.
"""

from manila_backup.api import extension
from manila_backup.api import faults
from manila_backup.api import microversions
from manila_backup.api.schemas import types
from manila_backup.api.views import cloud as cloud_views
from manila_backup.api.views import common as views
from manila_backup.conf import quota as quota_conf
from manila_backup.path_restore import selection
from manila_backup.plans import assignments
from manila_backup.plans import retention
from manila_backup.policies import absent
from manila_backup import states
from manila_backup import status_codes
from manila_backup import warning_codes

#: What is no JSON: the content of a file.
BYTES = {'type': 'string', 'format': 'binary'}

_TEXT = {'type': 'string'}
_TEXT_OR_NULL = {'type': ['string', 'null']}
_COUNT = {'type': 'integer', 'minimum': 0}
_COUNT_OR_NULL = {'type': ['integer', 'null'], 'minimum': 0}
_BOOLEAN = {'type': 'boolean'}
_NULL = {'type': 'null'}
_STRINGS = {'type': 'object', 'additionalProperties': _TEXT}
_NOTHING_IN_IT = {'type': 'object', 'maxProperties': 0}
_UUID = {'type': 'string', 'format': 'uuid', 'pattern': types.UUID['pattern']}
_UUID_OR_NULL = {**_UUID, 'type': ['string', 'null']}
_URL = {'type': 'string', 'format': 'uri'}
_TIME = {
    'type': 'string',
    'pattern': r'^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\.[0-9]{6}'
               + types.END,
    'examples': ['2023-08-16T13:03:59.000000'],
    'description': 'In UTC.',
}
_TIME_OR_NULL = {**_TIME, 'type': ['string', 'null']}
_PERCENT = {
    'type': 'string', 'pattern': '^(100|[1-9]?[0-9])' + types.END,
    'description': '"100" only when it is done.',
}


def _ref(name):
    return {'$ref': f'#/components/schemas/{name}'}


def _array(items):
    return {'type': 'array', 'items': items}


def _obj(required, optional=()):
    """An object with these members, some of which may be missing."""
    optional = dict(optional)
    return types.obj({**required, **optional}, required)


def _one(key, name):
    return _obj({key: _ref(name)})


def _none(key):
    """Build the response of a list that is always empty."""
    return 200, _obj({key: {'type': 'array', 'maxItems': 0}})


def _page(key, name, **more):
    """A list that may go on, and be counted; and what else it may have."""
    return _obj({key: _array(_ref(name))},
                {**dict.fromkeys(views.link_names(key), _ref('NextLink')),
                 'count': _COUNT, **more})


def _status(of):
    return {'type': 'string', 'enum': [str(status) for status in of]}


def _one_of(words):
    """One of an enumeration, or null."""
    return {'enum': [*map(str, words), None]}


_STATUS_CODE = {'enum': [*map(str, status_codes.StatusCode), None]}


def _fault(code):
    """The fault of a status code."""
    members = {'code': {'const': code}, 'message': _TEXT}
    more = {}
    if code == 406:
        more = dict.fromkeys(('min_version', 'max_version'), _TEXT)
    return _obj({faults.KEYS[code]: _obj({**members, **more})})


def fault_name(code):
    """Return the name of the schema of a status code's fault."""
    return f'Fault{code}'


_DRY_RUN = _obj({
    **dict.fromkeys(('entries', 'bytes', 'unchanged', 'conflicts', 'removed'),
                    _COUNT),
    'conflicting_paths': _array(_TEXT), 'removed_paths': _array(_TEXT),
    'complete': _BOOLEAN})

_BACKUP_BRIEF = {
    'id': _UUID, 'name': _TEXT_OR_NULL, 'share_id': _UUID,
    'status': _status(states.Backup)}

_FIRST = 'Only with the extension, since 1.0; null if it is not known.'
_SINCE_1_1 = ('Only with the extension, since 1.1; null if no policy had it '
              'made.')

_CONTENTS = {
    'result': _one_of(states.Result),
    **dict.fromkeys(('entries', 'content_bytes', 'stored_bytes',
                     'warning_count', 'missing_count', 'duration'),
                    _COUNT_OR_NULL),
    **dict.fromkeys(('taken_at', 'completed_at', 'verified_at'),
                    _TIME_OR_NULL),
    'point_in_time': _one_of(states.PointInTime),
    'requested_by': _one_of(states.Requester),
    'verified_result': _one_of(states.Verified),
    'status_code': _STATUS_CODE,
    **dict.fromkeys(('user_id', 'status_reason'), _TEXT_OR_NULL),
}

_NAMES = {'name': _TEXT_OR_NULL, 'description': _TEXT_OR_NULL}

_LINKED = {'id': _UUID, 'name': _TEXT_OR_NULL, 'links': _ref('Links')}

_FILE = {
    'path': _TEXT, 'name': _TEXT,
    'type': {'enum': ['file', 'directory', 'symlink', 'fifo', 'socket',
                      'character_device', 'block_device', 'unknown']},
    'state': {'enum': ['stored', 'missing']},
    **dict.fromkeys(('size', 'uid', 'gid'), _COUNT_OR_NULL),
    'mtime': {'type': ['string', 'null']},
    **dict.fromkeys(('mode', 'link_target', 'digest'), _TEXT_OR_NULL),
}

_MESSAGE = _obj({
    'id': _UUID,
    'project_id': _TEXT,
    'request_id': _TEXT_OR_NULL,
    'resource_type': _TEXT,
    'resource_id': _UUID,
    'action_id': _TEXT,
    'detail_id': _TEXT,
    'user_message': _TEXT,
    'message_level': _TEXT,
    'created_at': _TIME,
    'expires_at': _TIME,
    'links': _ref('Links'),
})
_ACCESS_RULE = _obj({
    'id': _UUID,
    'access_type': _TEXT,
    'access_to': _TEXT,
    'access_level': {'enum': ['rw', 'ro']},
    'state': _TEXT,
}, {
    'share_id': _UUID,
    'access_key': _NULL,
    'created_at': _TIME,
    'updated_at': _TIME_OR_NULL,
    'metadata': _NOTHING_IN_IT,
})

_SHARE_TYPE = _obj({
    'id': _UUID,
    'name': _TEXT,
    'extra_specs': _STRINGS,
    'required_extra_specs': _STRINGS,
}, {
    'share_type_access:is_public': _BOOLEAN,
    'os-share-type-access:is_public': _BOOLEAN,
    'description': _TEXT_OR_NULL,
    'is_default': _BOOLEAN,
})

_LOCATION = _obj({'id': _UUID, 'path': _TEXT}, {
    'preferred': _BOOLEAN, 'metadata': _NOTHING_IN_IT,
    'share_instance_id': _UUID, 'is_admin_only': _BOOLEAN,
    'created_at': _TIME, 'updated_at': _TIME_OR_NULL})

_QUOTA_NAMES = [name for _since, names in cloud_views.RESOURCES
                for name in names]
_FIRST_QUOTAS = cloud_views.RESOURCES[0][1]


def _quota_set(value, name='quota_set'):
    return _obj({name: _obj(
        {'id': _TEXT, **dict.fromkeys(_FIRST_QUOTAS, value)},
        dict.fromkeys(_QUOTA_NAMES[len(_FIRST_QUOTAS):], value))})


_LIMIT = {'type': 'integer', 'minimum': -1}


def _backup_quota(value):
    return _obj({'share_backup_quota': _obj(
        {'project_id': _TEXT,
         **dict.fromkeys((name for name in quota_conf.BACKUPS
                          if name not in quota_conf.POLICIES), value)},
        dict.fromkeys(quota_conf.POLICIES, value))})


_RETENTION = _obj(dict.fromkeys(retention.RULES, _COUNT))

_POLICY = _obj({
    'id': _UUID,
    'name': _TEXT,
    'description': _TEXT_OR_NULL,
    'project_id': _TEXT,
    'user_id': _TEXT_OR_NULL,
    'is_public': _BOOLEAN,
    'enabled': _BOOLEAN,
    'timezone': _TEXT,
    'rules': _array(_obj({
        'id': _UUID,
        'name': _TEXT,
        'cron': _TEXT,
        'timezone': _TEXT,
        'start_window': _COUNT,
        'jitter': _COUNT,
        'backup_type': _TEXT_OR_NULL,
        'backup_options': _STRINGS,
        'name_template': _TEXT_OR_NULL,
        'next_run_at': _TIME_OR_NULL,
    })),
    'retention': _RETENTION,
    'created_at': _TIME,
    'updated_at': _TIME_OR_NULL,
})

_ASSIGNMENT = _obj({
    'id': _UUID,
    'policy_id': _UUID,
    'kind': {'enum': list(assignments.KINDS)},
    'target': _TEXT,
    'project_id': _TEXT_OR_NULL,
    'mandatory': _BOOLEAN,
    'user_id': _TEXT_OR_NULL,
    'created_at': _TIME,
})

_RUN = _obj({
    'id': _UUID,
    'policy_id': _UUID,
    'rule_id': _UUID,
    'share_id': _UUID,
    'project_id': _TEXT,
    'due_at': _TIME,
    'status': _status(states.Run),
    'reason': _TEXT_OR_NULL,
    'backup_id': _UUID_OR_NULL,
    'ended_at': _TIME_OR_NULL,
})

_COVERED = _obj({
    'share_id': _UUID,
    'share_name': _TEXT_OR_NULL,
    'project_id': _TEXT,
    'protected': _BOOLEAN,
    'policies': _array(_obj({'id': _UUID, 'name': _TEXT})),
    'last_good_backup': {
        **_obj({'id': _UUID, 'name': _TEXT_OR_NULL, 'created_at': _TIME,
                'due_at': _TIME_OR_NULL}),
        'type': ['object', 'null']},
    'next_run_at': _TIME_OR_NULL,
    'objective': {'enum': ['kept', 'broken', None]},
})

_SIMULATION = _obj({'simulation': _obj({
    'policy_id': _UUID,
    'at': _TEXT_OR_NULL,
    'timezone': _TEXT,
    'retention': _RETENTION,
    'deletions': _COUNT,
    'shares': _array(_obj({
        'share_id': _UUID,
        'orphaned': _BOOLEAN,
        'backups': _array(_obj({
            'id': _UUID_OR_NULL,
            'name': _TEXT_OR_NULL,
            'due_at': _TIME_OR_NULL,
            'keep': _BOOLEAN,
            'rules': _array(_obj({'rule': _TEXT, 'period': _TEXT_OR_NULL})),
        }))}))})})

#: By name, as ``components.schemas`` of the description holds them.
COMPONENTS = {
    'NextLink': {
        **_array(_obj({'rel': {'const': 'next'}, 'href': _URL})),
        'minItems': 1, 'maxItems': 1,
        'description': 'Present if there are more items.',
    },
    'Links': _array(_obj({'rel': {'enum': ['self', 'bookmark']},
                          'href': _URL})),
    'ShareBackupBrief': _obj(_BACKUP_BRIEF),
    'ShareBackup': _obj({
        **_BACKUP_BRIEF, **_NAMES,
        'size': _COUNT,
        'availability_zone': _TEXT_OR_NULL,
        'created_at': _TIME,
        'updated_at': _TIME_OR_NULL,
        'progress': _PERCENT,
        'restore_progress': _PERCENT,
    }, {
        'backup_type': {**_TEXT_OR_NULL, 'description': 'Since 2.85.'},
        **{name: {**schema, 'description': _FIRST}
           for name, schema in _CONTENTS.items()},
        'metadata': {**_STRINGS,
                     'description': 'Only with the extension, since 1.0.'},
        **{name: {**schema, 'description': _SINCE_1_1} for name, schema in (
            ('policy_id', _UUID_OR_NULL), ('rule_id', _UUID_OR_NULL),
            ('due_at', _TIME_OR_NULL))},
        **dict.fromkeys(
            ('host', 'topic', 'fail_reason'),
            {**_TEXT_OR_NULL, 'description': 'For administrators.'}),
        'share_status': {
            **_status(states.Share),
            'description': 'For administrators, of a single backup: the '
                           'status of its share with regard to backups.'},
    }),
    'ShareBackupWarning': _obj({
        'number': {'type': 'integer', 'minimum': 1},
        'path': {**_TEXT, 'description': '"%", control characters and what '
                                         'is not UTF-8 are "%" and two '
                                         'hexadecimal digits.'},
        'code': {'enum': [*map(str, warning_codes.WarningCode)]},
        'reason': _TEXT,
        'stored': _BOOLEAN,
        'lost': _array(_TEXT),
    }),
    'ShareBackupPolicy': _POLICY,
    'ShareBackupPolicyAssignment': _ASSIGNMENT,
    'ShareBackupPolicyRun': _RUN,
    'ShareBackupCoverage': _COVERED,
    'ShareBackupOperation': _obj({
        'id': _UUID,
        'kind': _status(states.BACKUP_KINDS),
        'status': _status(states.Operation),
        'project_id': _TEXT,
        'user_id': _TEXT_OR_NULL,
        'request_id': _TEXT_OR_NULL,
        'share_id': _UUID,
        'backup_id': _UUID,
        **dict.fromkeys(
            ('attempt', 'failed_attempts', 'max_attempts', 'files_done',
             'files_total', 'bytes_done', 'bytes_total'), _COUNT),
        'queued_at': _TIME,
        **dict.fromkeys(('started_at', 'finished_at', 'estimated_end_at'),
                        _TIME_OR_NULL),
        'bytes_per_second': _COUNT_OR_NULL,
        'status_code': _STATUS_CODE,
        'status_reason': _TEXT_OR_NULL,
        'share_changed': {'type': ['boolean', 'null']},
    }, {
        'worker': {**_TEXT_OR_NULL, 'description': 'For administrators.'},
        'error': {**_TEXT_OR_NULL, 'description': 'For administrators.'},
        'lease_until': {**_TIME_OR_NULL,
                        'description': 'For administrators.'},
        'restore_files': {**_obj({
            'paths': _array(_TEXT), 'target_path': _TEXT_OR_NULL,
            'conflict': _TEXT,
            **dict.fromkeys(selection.COUNTS, _COUNT_OR_NULL),
            'dry_run': _BOOLEAN,
            'found': {**_DRY_RUN, 'type': ['object', 'null']},
        }), 'type': ['object', 'null'],
            'description': 'Since 1.2 of the extension.'},
    }),
    'ShareBackupService': _obj({
        'id': _COUNT,
        'binary': _TEXT,
        'host': _TEXT,
        'availability_zone': _TEXT_OR_NULL,
        'status': _status(states.ServiceMode),
        'disabled_reason': _TEXT_OR_NULL,
        'status_changed_at': _TIME_OR_NULL,
        'state': {'enum': ['up', 'down']},
        'processes': _COUNT,
        'running_operations': _COUNT,
        'updated_at': _TIME_OR_NULL,
    }),
    'ShareBackupRepository': _obj({
        'backup_type': _TEXT,
        'hosts': _array(_obj({
            'host': _TEXT,
            'location': _TEXT_OR_NULL,
            'used_bytes': _COUNT_OR_NULL,
            'free_bytes': _COUNT_OR_NULL,
            'measured_at': _TIME_OR_NULL,
            'problem': _TEXT_OR_NULL,
            'updated_at': _TIME,
        })),
        **dict.fromkeys(('backups', 'stored_bytes', 'damaged_backups',
                         'never_verified_backups'), _COUNT),
        **dict.fromkeys(('oldest_verified_at', 'newest_verified_at'),
                        _TIME_OR_NULL),
    }),
    'ShareBackupFile': _obj(_FILE),
    'ShareBackupFileVersion': _obj({
        **_FILE,
        **dict.fromkeys(('first_backup_id', 'last_backup_id'), _UUID),
        **dict.fromkeys(('first_backup_at', 'last_backup_at'), _TIME),
        'backup_count': {'type': 'integer', 'minimum': 1},
    }),
    'ShareBackupChange': _obj({
        'change': {'enum': ['added', 'removed', 'changed', 'moved']},
        'path': _TEXT, 'previous_path': _TEXT_OR_NULL, 'type': _FILE['type'],
        'differences': _array({'enum': [
            'content', 'type', 'mode', 'owner', 'target', 'mtime',
            'state']}),
        **dict.fromkeys(('size', 'previous_size'), _COUNT_OR_NULL),
        **dict.fromkeys(('mtime', 'previous_mtime'), _TEXT_OR_NULL),
    }),
    'ShareBrief': _obj(_LINKED),
    'Share': _obj({
        **_LINKED,
        **_NAMES,
        'size': _COUNT,
        'status': _status(states.Share),
        'share_proto': _TEXT,
        'project_id': _TEXT,
        'availability_zone': _TEXT_OR_NULL,
        'created_at': _TIME,
        'is_public': _BOOLEAN,
        'metadata': _STRINGS,
        'snapshot_id': _UUID_OR_NULL,
        'share_network_id': _NULL,
        'share_type': _TEXT_OR_NULL,
        'volume_type': _TEXT_OR_NULL,
    }, {
        'export_location': _TEXT_OR_NULL,
        'export_locations': _array(_TEXT),
        'snapshot_support': _BOOLEAN,
        'task_state': _NULL,
        'share_type_name': _TEXT_OR_NULL,
        'access_rules_status': _TEXT,
        'replication_type': _NULL,
        'has_replicas': _BOOLEAN,
        'user_id': _TEXT_OR_NULL,
        'create_share_from_snapshot_support': _BOOLEAN,
        'revert_to_snapshot_support': _BOOLEAN,
        'share_group_id': _NULL,
        'source_share_group_snapshot_member_id': _NULL,
        'mount_snapshot_support': _BOOLEAN,
        'progress': {'enum': ['0%', '100%']},
        'is_soft_deleted': _BOOLEAN,
        'scheduled_to_be_deleted_at': _NULL,
        'source_backup_id': _NULL,
        'encryption_key_ref': _NULL,
        'host': _TEXT_OR_NULL,
        'share_server_id': _NULL,
        'driver_options': _STRINGS,
    }),
    'SnapshotBrief': _obj(_LINKED),
    'Snapshot': _obj({
        **_LINKED,
        **_NAMES,
        'share_id': _UUID,
        'share_size': _COUNT,
        'size': _COUNT,
        'status': _status(states.Snapshot),
        'share_proto': _TEXT,
        'created_at': _TIME,
    }, {
        'provider_location': _NULL,
        'user_id': _TEXT_OR_NULL,
        'project_id': _TEXT,
        'metadata': _NOTHING_IN_IT,
    }),
    'ShareBackupUsage': _obj({
        'project_id': _TEXT,
        'backups': _COUNT,
        'gigabytes': _COUNT,
        'content_bytes': _COUNT,
        'stored_bytes': _COUNT,
        'unmeasured_backups': _COUNT,
        'last_backup_at': _TIME,
    }, {
        'share_id': _UUID,
        'backup_type': _TEXT,
        'status': _status(states.Backup),
        'day': {'type': 'string', 'format': 'date'},
    }),
    'AccessRule': _ACCESS_RULE,
    'Message': _MESSAGE,
    'ShareType': _SHARE_TYPE,
    'ExportLocation': _LOCATION,
    **{fault_name(code): _fault(code) for code in faults.KEYS},
}

_SHARE = 200, _one('share', 'Share')
_SHARES = 200, _page('shares', 'Share')
_SNAPSHOT = _one('snapshot', 'Snapshot')
_TYPE = 200, _obj(dict.fromkeys(('share_type', 'volume_type'),
                                _ref('ShareType')))
_ACCESS = 200, _one('access', 'AccessRule')
_ACCESS_LIST = 200, _obj({'access_list': _array(_ref('AccessRule'))})
_METADATA = 200, _obj({'metadata': _STRINGS})
_EXTRA_SPECS = 200, _obj({'extra_specs': _STRINGS})
_REPLICAS = _none('share_replicas')
_QUOTAS = 200, _quota_set(_LIMIT)
_QUOTA_CLASS = 200, _quota_set(_LIMIT, 'quota_class_set')
_ONE_STRING = {**_STRINGS, 'minProperties': 1, 'maxProperties': 1}

_ACCEPTED = 202, None

_POLICY_ANSWER = 200, _one('share_backup_policy', 'ShareBackupPolicy')

#: What each operation answers where it succeeds: the status code, and what
#: the body is, None where there is none.
ANSWERS = {
    'share_backups.index': (200, _page('share_backups', 'ShareBackupBrief')),
    'share_backups.detail': (200, _page('share_backups', 'ShareBackup')),
    'share_backups.show': (200, _one('share_backup', 'ShareBackup')),
    'share_backups.create': (202, _one('share_backup', 'ShareBackup')),
    'share_backups.update': (200, _one('share_backup', 'ShareBackup')),
    'share_backups.delete': _ACCEPTED,
    'share_backups.restore': [
        (202, _obj({'restore': _obj({'backup_id': _UUID, 'share_id': _UUID},
                                    {'operation_id': _UUID})})),
        (200, _obj({'restore': _obj({'backup_id': _UUID, 'share_id': _UUID,
                                     'dry_run': _DRY_RUN})}))],
    'share_backups.restore_files': [
        (202, _obj({'restore_files': _obj({
            'backup_id': _UUID, 'share_id': _UUID, 'operation_id': _UUID})})),
        (200, _obj({'restore_files': _obj({
            'backup_id': _UUID, 'share_id': _UUID,
            'dry_run': _DRY_RUN})}))],
    'share_backups.restore_to_new_share': (
        202, _obj({'restore_to_new_share': _obj({
            'backup_id': _UUID, 'share_id': _UUID, 'operation_id': _UUID})})),
    'share_backups.reset_status': _ACCEPTED,
    'share_backups.cancel': _ACCEPTED,
    'share_backups.warnings': (200, _obj({
        'warnings': _array(_ref('ShareBackupWarning')),
        'complete': _BOOLEAN}, {'warnings_links': _ref('NextLink')})),

    'share_backup_metadata.index': _METADATA,
    'share_backup_metadata.show': (200, _obj({'meta': _ONE_STRING})),
    'share_backup_metadata.set_': _METADATA,
    'share_backup_metadata.replace': _METADATA,
    'share_backup_metadata.set_item': (200, _obj({'metadata': _ONE_STRING})),
    'share_backup_metadata.delete': (200, None),
    'share_backup_policies.index': (
        200, _page('share_backup_policies', 'ShareBackupPolicy')),
    'share_backup_policies.show': _POLICY_ANSWER,
    'share_backup_policies.create': _POLICY_ANSWER,
    'share_backup_policies.update': _POLICY_ANSWER,
    'share_backup_policies.delete': (204, None),
    'share_backup_policies.list_assignments': (200, _obj(
        {'assignments': _array(_ref('ShareBackupPolicyAssignment'))})),
    'share_backup_policies.assign': (
        200, _one('assignment', 'ShareBackupPolicyAssignment')),
    'share_backup_policies.unassign': (204, None),
    'share_backup_policies.list_runs': (
        200, _page('runs', 'ShareBackupPolicyRun')),
    'share_backup_policies.enable': _ACCEPTED,
    'share_backup_policies.disable': _ACCEPTED,
    'share_backup_policies.run_now': (
        202, _obj({'run_now': _obj({'runs': _COUNT})})),
    'share_backup_policies.simulate': (200, _SIMULATION),
    'share_backup_coverage.index': (
        200, _page('share_backup_coverage', 'ShareBackupCoverage',
                   protected_count=_COUNT)),

    'share_backup_files.index': (
        200, _obj({'files': _array(_ref('ShareBackupFile'))},
                  {'files_links': _ref('NextLink')})),
    'share_backup_changes.index': (
        200, _obj({'changes': _array(_ref('ShareBackupChange')),
                   'totals': _obj(dict.fromkeys(
                       ('added', 'removed', 'changed', 'moved',
                        'added_bytes', 'removed_bytes'), _COUNT))},
                  {'changes_links': _ref('NextLink')})),
    'share_backup_file_versions.index': (
        200, _obj({'share_backup_file_versions': _array(
            _ref('ShareBackupFileVersion')),
            'unread_backups': _array(_UUID)},
            {'share_backup_file_versions_links': _ref('NextLink')})),
    'share_backup_files.content': [(200, BYTES), (206, BYTES)],
    'share_backup_operations.index': (
        200, _page('share_backup_operations', 'ShareBackupOperation')),
    'share_backup_operations.show': (
        200, _one('share_backup_operation', 'ShareBackupOperation')),
    'share_backup_operations.cancel': _ACCEPTED,

    'share_backup_usage.index': (
        200, _page('share_backup_usage', 'ShareBackupUsage')),

    **dict.fromkeys(
        (f'share_backup_quotas.{name}'
         for name in ('show', 'defaults', 'update')),
        (200, _backup_quota(_LIMIT))),
    'share_backup_quotas.detail': (200, _backup_quota(_obj({
        'limit': _LIMIT, 'in_use': {'type': 'number', 'minimum': 0},
        'reserved': _COUNT}))),
    'share_backup_quotas.delete': (204, None),

    'share_backup_services.index': (200, _obj({
        'share_backup_services': _array(_ref('ShareBackupService'))})),
    **dict.fromkeys(
        (f'share_backup_services.{name}'
         for name in ('show', 'enable', 'disable', 'drain')),
        (200, _one('share_backup_service', 'ShareBackupService'))),

    'share_backup_repositories.index': (200, _obj({
        'share_backup_repositories': _array(_ref('ShareBackupRepository'))})),

    'shares.index': (200, _page('shares', 'ShareBrief')),
    'shares.detail': _SHARES,
    'shares.show': _SHARE,
    'shares.create': _SHARE,
    'shares.manage': _SHARE,
    'shares.update': _SHARE,
    'shares.delete': _ACCEPTED,
    **dict.fromkeys((
        f'share_actions.{prefix}{name}' for prefix in ('', 'os-')
        for name in ('extend', 'shrink', 'reset_status', 'force_delete',
                     'deny_access')), _ACCEPTED),
    'share_actions.unmanage': _ACCEPTED,
    'share_actions.reset_task_state': _ACCEPTED,
    'share_actions.allow_access': _ACCESS,
    'share_actions.os-allow_access': _ACCESS,
    'share_actions.access_list': _ACCESS_LIST,
    'share_actions.os-access_list': _ACCESS_LIST,

    'share_details.export_locations': (
        200, _obj({'export_locations': _array(_ref('ExportLocation'))})),
    'share_details.export_location': (
        200, _one('export_location', 'ExportLocation')),
    'share_details.metadata': _METADATA,
    'share_details.add_metadata': _METADATA,
    'share_details.replace_metadata': _METADATA,
    'share_details.property_': (200, _obj({'meta': _ONE_STRING})),
    'share_details.delete_property': (200, None),
    'share_details.replicas': _REPLICAS,
    'share_details.replicas_detail': _REPLICAS,

    **{f'absent.{each.name}{suffix}': _none(each.key)
       for each in absent.RESOURCES
       for suffix in ('', *(('_detail',) if each.detail else ()))},

    'share_types.index': (200, _obj(dict.fromkeys(
        ('share_types', 'volume_types'), _array(_ref('ShareType'))))),
    'share_types.default': _TYPE,
    'share_types.show': _TYPE,
    'share_types.create': _TYPE,
    'share_types.update': _TYPE,
    'share_types.delete': _ACCEPTED,
    'share_types.extra_specs': _EXTRA_SPECS,
    'share_types.set_specs': _EXTRA_SPECS,
    'share_types.spec': (200, _ONE_STRING),
    'share_types.delete_spec': _ACCEPTED,

    'access_rules.index': _ACCESS_LIST,
    'access_rules.show': _ACCESS,

    'messages.index': (200, _page('messages', 'Message')),
    'messages.show': (200, _one('message', 'Message')),
    'messages.delete': (204, None),

    'snapshots.index': (200, _page('snapshots', 'SnapshotBrief')),
    'snapshots.detail': (200, _page('snapshots', 'Snapshot')),
    'snapshots.show': (200, _SNAPSHOT),
    'snapshots.create': (202, _SNAPSHOT),
    'snapshots.update': (200, _SNAPSHOT),
    'snapshots.delete': _ACCEPTED,
    'snapshots.reset_status': _ACCEPTED,
    'snapshots.force_delete': _ACCEPTED,
    'snapshots.export_locations': (
        200, _obj({'share_snapshot_export_locations':
                   {'type': 'array', 'maxItems': 0}})),

    'cloud.availability_zones': (200, _obj({'availability_zones': _array(
        _obj({'id': _UUID, 'name': _TEXT, 'created_at': _NULL,
              'updated_at': _NULL}))})),
    'cloud.list_services': (200, _obj({'services': _array(_obj({
        'id': _COUNT, 'binary': _TEXT, 'host': _TEXT, 'zone': _TEXT_OR_NULL,
        'status': {'enum': ['enabled', 'disabled']},
        'state': {'enum': ['up', 'down']}, 'updated_at': _TIME},
        {'disabled_reason': _TEXT_OR_NULL}))})),
    'cloud.limits': (200, _obj({'limits': _obj({
        'rate': {'type': 'array', 'maxItems': 0},
        'absolute': {'type': 'object', 'additionalProperties': _LIMIT,
                     'required': ['maxTotalShareBackups',
                                  'totalShareBackupsUsed']}})})),
    'cloud.quota_show': _QUOTAS,
    'cloud.quota_update': _QUOTAS,
    'cloud.quota_defaults': _QUOTAS,
    'cloud.quota_delete': _ACCEPTED,
    'cloud.quota_class_show': _QUOTA_CLASS,
    'cloud.quota_class_update': _QUOTA_CLASS,
    'cloud.quota_detail': (200, _quota_set(_obj({
        'limit': _LIMIT, 'in_use': _COUNT, 'reserved': _COUNT}))),
}

_KEYSTONE = {'code': {'enum': [401, 503, '401 Unauthorized',
                               '503 Service Unavailable']},
             'title': _TEXT, 'message': _TEXT}

#: What keystonemiddleware answers, of itself and by WebOb.
KEYSTONE = _obj({'error': _obj(_KEYSTONE)}), _obj(_KEYSTONE)

#: The document of versions.
VERSIONS = _obj({'versions': _array(_obj({
    'id': {'const': 'v2.0'},
    'status': {'const': 'CURRENT'},
    'version': {'const': microversions.to_string(microversions.MAX)},
    'min_version': {'const': microversions.to_string(microversions.MIN)},
    'updated': _TEXT,
    'links': _array(_obj({'rel': {'const': 'self'}, 'href': _URL})),
    'media-types': _array(_obj({'base': _TEXT, 'type': _TEXT})),
}, {
    'extension': _obj({
        'name': {'const': extension.SERVICE_TYPE},
        'version': {'const': microversions.to_string(extension.MAX)},
        'min_version': {'const': microversions.to_string(extension.MIN)}}),
}))})
