# SPDX-License-Identifier: Apache-2.0
"""Schemas of the resources in response bodies, by name.

Members that only some versions have, or only administrators see, are not
required; others than those named here there are none.
"""

from manila_backup.api import faults
from manila_backup.api.schemas import fields
from manila_backup.path_restore import selection
from manila_backup.plans import assignments
from manila_backup.plans import retention
from manila_backup import states
from manila_backup import warning_codes


def _fault(code):
    """Build the fault of a status code."""
    members = {'code': {'const': code}, 'message': fields.TEXT}
    more = {}
    if code == 406:
        more = dict.fromkeys(('min_version', 'max_version'), fields.TEXT)
    return fields.obj({faults.KEYS[code]: fields.obj({**members, **more})})


def fault_name(code):
    """Return the name of the schema of a status code's fault."""
    return f'Fault{code}'


DRY_RUN = fields.obj({
    **dict.fromkeys(('entries', 'bytes', 'unchanged', 'conflicts', 'removed'),
                    fields.COUNT),
    **dict.fromkeys(('conflicting_paths', 'removed_paths'),
                    fields.array(fields.TEXT)),
    'complete': fields.BOOLEAN})

_BACKUP_BRIEF = {
    'id': fields.UUID, 'name': fields.TEXT_OR_NULL, 'share_id': fields.UUID,
    'status': fields.status(states.Backup)}

_FIRST = 'Only with the extension, since 1.0; null if it is not known.'
_SINCE_1_1 = ('Only with the extension, since 1.1; null if no policy had it '
              'made.')

_CONTENTS = {
    'result': fields.one_of(states.Result),
    **dict.fromkeys(('entries', 'content_bytes', 'stored_bytes',
                     'warning_count', 'missing_count', 'duration'),
                    fields.COUNT_OR_NULL),
    **dict.fromkeys(('taken_at', 'completed_at', 'verified_at'),
                    fields.TIME_OR_NULL),
    'point_in_time': fields.one_of(states.PointInTime),
    'requested_by': fields.one_of(states.Requester),
    'verified_result': fields.one_of(states.Verified),
    'status_code': fields.STATUS_CODE,
    **dict.fromkeys(('user_id', 'status_reason'), fields.TEXT_OR_NULL),
}

_NAMES = {'name': fields.TEXT_OR_NULL, 'description': fields.TEXT_OR_NULL}

_LINKED = {'id': fields.UUID, 'name': fields.TEXT_OR_NULL,
           'links': fields.ref('Links')}

_FILE = {
    'path': fields.TEXT, 'name': fields.TEXT,
    'type': {'enum': ['file', 'directory', 'symlink', 'fifo', 'socket',
                      'character_device', 'block_device', 'unknown']},
    'state': {'enum': ['stored', 'missing']},
    **dict.fromkeys(('size', 'uid', 'gid'), fields.COUNT_OR_NULL),
    'mtime': {'type': ['string', 'null']},
    **dict.fromkeys(('mode', 'link_target', 'digest'), fields.TEXT_OR_NULL),
}

_MESSAGE = fields.obj({
    'id': fields.UUID,
    'project_id': fields.TEXT,
    'request_id': fields.TEXT_OR_NULL,
    'resource_type': fields.TEXT,
    'resource_id': fields.UUID,
    'action_id': fields.TEXT,
    'detail_id': fields.TEXT,
    'user_message': fields.TEXT,
    'message_level': fields.TEXT,
    'created_at': fields.TIME,
    'expires_at': fields.TIME,
    'links': fields.ref('Links'),
})

_ACCESS_RULE = fields.obj({
    'id': fields.UUID,
    'access_type': fields.TEXT,
    'access_to': fields.TEXT,
    'access_level': {'enum': ['rw', 'ro']},
    'state': fields.TEXT,
}, {
    'share_id': fields.UUID,
    'access_key': fields.NULL,
    'created_at': fields.TIME,
    'updated_at': fields.TIME_OR_NULL,
    'metadata': fields.NOTHING_IN_IT,
})

_SHARE_TYPE = fields.obj({
    'id': fields.UUID,
    'name': fields.TEXT,
    'extra_specs': fields.STRINGS,
    'required_extra_specs': fields.STRINGS,
}, {
    'share_type_access:is_public': fields.BOOLEAN,
    'os-share-type-access:is_public': fields.BOOLEAN,
    'description': fields.TEXT_OR_NULL,
    'is_default': fields.BOOLEAN,
})

_LOCATION = fields.obj({'id': fields.UUID, 'path': fields.TEXT}, {
    'preferred': fields.BOOLEAN, 'metadata': fields.NOTHING_IN_IT,
    'share_instance_id': fields.UUID, 'is_admin_only': fields.BOOLEAN,
    'created_at': fields.TIME, 'updated_at': fields.TIME_OR_NULL})

RETENTION = fields.obj(dict.fromkeys(retention.RULES, fields.COUNT))

_POLICY = fields.obj({
    'id': fields.UUID,
    'name': fields.TEXT,
    'description': fields.TEXT_OR_NULL,
    'project_id': fields.TEXT,
    'user_id': fields.TEXT_OR_NULL,
    'is_public': fields.BOOLEAN,
    'enabled': fields.BOOLEAN,
    'timezone': fields.TEXT,
    'rules': fields.array(fields.obj({
        'id': fields.UUID,
        'name': fields.TEXT,
        'cron': fields.TEXT,
        'timezone': fields.TEXT,
        'start_window': fields.COUNT,
        'jitter': fields.COUNT,
        'backup_type': fields.TEXT_OR_NULL,
        'backup_options': fields.STRINGS,
        'name_template': fields.TEXT_OR_NULL,
        'next_run_at': fields.TIME_OR_NULL,
    })),
    'retention': RETENTION,
    'created_at': fields.TIME,
    'updated_at': fields.TIME_OR_NULL,
})

_ASSIGNMENT = fields.obj({
    'id': fields.UUID,
    'policy_id': fields.UUID,
    'kind': {'enum': list(assignments.KINDS)},
    'target': fields.TEXT,
    'project_id': fields.TEXT_OR_NULL,
    'mandatory': fields.BOOLEAN,
    'user_id': fields.TEXT_OR_NULL,
    'created_at': fields.TIME,
})

_RUN = fields.obj({
    'id': fields.UUID,
    'policy_id': fields.UUID,
    'rule_id': fields.UUID,
    'share_id': fields.UUID,
    'project_id': fields.TEXT,
    'due_at': fields.TIME,
    'status': fields.status(states.Run),
    'reason': fields.TEXT_OR_NULL,
    'backup_id': fields.UUID_OR_NULL,
    'ended_at': fields.TIME_OR_NULL,
})

_COVERED = fields.obj({
    'share_id': fields.UUID,
    'share_name': fields.TEXT_OR_NULL,
    'project_id': fields.TEXT,
    'protected': fields.BOOLEAN,
    'policies': fields.array(fields.obj({
        'id': fields.UUID, 'name': fields.TEXT})),
    'last_good_backup': {
        **fields.obj({
            'id': fields.UUID, 'name': fields.TEXT_OR_NULL,
            'created_at': fields.TIME, 'due_at': fields.TIME_OR_NULL}),
        'type': ['object', 'null']},
    'next_run_at': fields.TIME_OR_NULL,
    'objective': {'enum': ['kept', 'broken', None]},
})

SIMULATION = fields.obj({'simulation': fields.obj({
    'policy_id': fields.UUID,
    'at': fields.TEXT_OR_NULL,
    'timezone': fields.TEXT,
    'retention': RETENTION,
    'deletions': fields.COUNT,
    'shares': fields.array(fields.obj({
        'share_id': fields.UUID,
        'orphaned': fields.BOOLEAN,
        'backups': fields.array(fields.obj({
            'id': fields.UUID_OR_NULL,
            'name': fields.TEXT_OR_NULL,
            'due_at': fields.TIME_OR_NULL,
            'keep': fields.BOOLEAN,
            'rules': fields.array(fields.obj({
                'rule': fields.TEXT, 'period': fields.TEXT_OR_NULL})),
        }))}))})})

#: By name, as ``components.schemas`` of the description holds them.
COMPONENTS = {
    'NextLink': {
        **fields.array(fields.obj({
            'rel': {'const': 'next'}, 'href': fields.URL})),
        'minItems': 1, 'maxItems': 1,
        'description': 'Present if there are more items.',
    },
    'Links': fields.array(fields.obj({'rel': {'enum': ['self', 'bookmark']},
                          'href': fields.URL})),
    'ShareBackupBrief': fields.obj(_BACKUP_BRIEF),
    'ShareBackup': fields.obj({
        **_BACKUP_BRIEF, **_NAMES,
        'size': fields.COUNT,
        'availability_zone': fields.TEXT_OR_NULL,
        'created_at': fields.TIME,
        'updated_at': fields.TIME_OR_NULL,
        'progress': fields.PERCENT,
        'restore_progress': fields.PERCENT,
    }, {
        'backup_type': {**fields.TEXT_OR_NULL, 'description': 'Since 2.85.'},
        **{name: {**schema, 'description': _FIRST}
           for name, schema in _CONTENTS.items()},
        'metadata': {**fields.STRINGS,
                     'description': 'Only with the extension, since 1.0.'},
        **{name: {**schema, 'description': _SINCE_1_1} for name, schema in (
            ('policy_id', fields.UUID_OR_NULL),
            ('rule_id', fields.UUID_OR_NULL),
            ('due_at', fields.TIME_OR_NULL))},
        **dict.fromkeys(
            ('host', 'topic', 'fail_reason'),
            {**fields.TEXT_OR_NULL, 'description': 'For administrators.'}),
        'share_status': {
            **fields.status(states.Share),
            'description': 'For administrators, of a single backup: the '
                           'status of its share with regard to backups.'},
    }),
    'ShareBackupWarning': fields.obj({
        'number': {'type': 'integer', 'minimum': 1},
        'path': {
            **fields.TEXT,
            'description': '"%", control characters and what is not UTF-8 '
                           'are "%" and two hexadecimal digits.'},
        'code': {'enum': [*map(str, warning_codes.WarningCode)]},
        'reason': fields.TEXT,
        'stored': fields.BOOLEAN,
        'lost': fields.array(fields.TEXT),
    }),
    'ShareBackupPolicy': _POLICY,
    'ShareBackupPolicyAssignment': _ASSIGNMENT,
    'ShareBackupPolicyRun': _RUN,
    'ShareBackupCoverage': _COVERED,
    'ShareBackupOperation': fields.obj({
        'id': fields.UUID,
        'kind': fields.status(states.BACKUP_KINDS),
        'status': fields.status(states.Operation),
        'project_id': fields.TEXT,
        'user_id': fields.TEXT_OR_NULL,
        'request_id': fields.TEXT_OR_NULL,
        'share_id': fields.UUID,
        'backup_id': fields.UUID,
        **dict.fromkeys(
            ('attempt', 'failed_attempts', 'max_attempts', 'files_done',
             'files_total', 'bytes_done', 'bytes_total'), fields.COUNT),
        'queued_at': fields.TIME,
        **dict.fromkeys(('started_at', 'finished_at', 'estimated_end_at'),
                        fields.TIME_OR_NULL),
        'bytes_per_second': fields.COUNT_OR_NULL,
        'status_code': fields.STATUS_CODE,
        'status_reason': fields.TEXT_OR_NULL,
        'share_changed': {'type': ['boolean', 'null']},
    }, {
        **dict.fromkeys(('worker', 'error'), {
            **fields.TEXT_OR_NULL, 'description': 'For administrators.'}),
        'lease_until': {**fields.TIME_OR_NULL,
                        'description': 'For administrators.'},
        'restore_files': {**fields.obj({
            'paths': fields.array(fields.TEXT),
            'target_path': fields.TEXT_OR_NULL,
            'conflict': fields.TEXT,
            **dict.fromkeys(selection.COUNTS, fields.COUNT_OR_NULL),
            'dry_run': fields.BOOLEAN,
            'found': {**DRY_RUN, 'type': ['object', 'null']},
        }), 'type': ['object', 'null'],
            'description': 'Since 1.2 of the extension.'},
    }),
    'ShareBackupService': fields.obj({
        'id': fields.COUNT,
        'binary': fields.TEXT,
        'host': fields.TEXT,
        'availability_zone': fields.TEXT_OR_NULL,
        'status': fields.status(states.ServiceMode),
        'disabled_reason': fields.TEXT_OR_NULL,
        'status_changed_at': fields.TIME_OR_NULL,
        'state': {'enum': ['up', 'down']},
        'processes': fields.COUNT,
        'running_operations': fields.COUNT,
        'updated_at': fields.TIME_OR_NULL,
    }),
    'ShareBackupRepository': fields.obj({
        'backup_type': fields.TEXT,
        'hosts': fields.array(fields.obj({
            'host': fields.TEXT,
            'location': fields.TEXT_OR_NULL,
            'used_bytes': fields.COUNT_OR_NULL,
            'free_bytes': fields.COUNT_OR_NULL,
            'measured_at': fields.TIME_OR_NULL,
            'problem': fields.TEXT_OR_NULL,
            'updated_at': fields.TIME,
        })),
        **dict.fromkeys(('backups', 'stored_bytes', 'damaged_backups',
                         'never_verified_backups'), fields.COUNT),
        **dict.fromkeys(('oldest_verified_at', 'newest_verified_at'),
                        fields.TIME_OR_NULL),
    }),
    'ShareBackupFile': fields.obj(_FILE),
    'ShareBackupFileVersion': fields.obj({
        **_FILE,
        **dict.fromkeys(('first_backup_id', 'last_backup_id'), fields.UUID),
        **dict.fromkeys(('first_backup_at', 'last_backup_at'), fields.TIME),
        'backup_count': {'type': 'integer', 'minimum': 1},
    }),
    'ShareBackupChange': fields.obj({
        'change': {'enum': ['added', 'removed', 'changed', 'moved']},
        'path': fields.TEXT, 'previous_path': fields.TEXT_OR_NULL,
        'type': _FILE['type'],
        'differences': fields.array({'enum': [
            'content', 'type', 'mode', 'owner', 'target', 'mtime',
            'state']}),
        **dict.fromkeys(('size', 'previous_size'), fields.COUNT_OR_NULL),
        **dict.fromkeys(('mtime', 'previous_mtime'), fields.TEXT_OR_NULL),
    }),
    'ShareBrief': fields.obj(_LINKED),
    'Share': fields.obj({
        **_LINKED,
        **_NAMES,
        'size': fields.COUNT,
        'status': fields.status(states.Share),
        'share_proto': fields.TEXT,
        'project_id': fields.TEXT,
        'availability_zone': fields.TEXT_OR_NULL,
        'created_at': fields.TIME,
        'is_public': fields.BOOLEAN,
        'metadata': fields.STRINGS,
        'snapshot_id': fields.UUID_OR_NULL,
        'share_network_id': fields.NULL,
        'share_type': fields.TEXT_OR_NULL,
        'volume_type': fields.TEXT_OR_NULL,
    }, {
        'export_location': fields.TEXT_OR_NULL,
        'export_locations': fields.array(fields.TEXT),
        'snapshot_support': fields.BOOLEAN,
        'task_state': fields.NULL,
        'share_type_name': fields.TEXT_OR_NULL,
        'access_rules_status': fields.TEXT,
        'replication_type': fields.NULL,
        'has_replicas': fields.BOOLEAN,
        'user_id': fields.TEXT_OR_NULL,
        'create_share_from_snapshot_support': fields.BOOLEAN,
        'revert_to_snapshot_support': fields.BOOLEAN,
        'share_group_id': fields.NULL,
        'source_share_group_snapshot_member_id': fields.NULL,
        'mount_snapshot_support': fields.BOOLEAN,
        'progress': {'enum': ['0%', '100%']},
        'is_soft_deleted': fields.BOOLEAN,
        'scheduled_to_be_deleted_at': fields.NULL,
        'source_backup_id': fields.NULL,
        'encryption_key_ref': fields.NULL,
        'host': fields.TEXT_OR_NULL,
        'share_server_id': fields.NULL,
        'driver_options': fields.STRINGS,
    }),
    'SnapshotBrief': fields.obj(_LINKED),
    'Snapshot': fields.obj({
        **_LINKED,
        **_NAMES,
        'share_id': fields.UUID,
        'share_size': fields.COUNT,
        'size': fields.COUNT,
        'status': fields.status(states.Snapshot),
        'share_proto': fields.TEXT,
        'created_at': fields.TIME,
    }, {
        'provider_location': fields.NULL,
        'user_id': fields.TEXT_OR_NULL,
        'project_id': fields.TEXT,
        'metadata': fields.NOTHING_IN_IT,
    }),
    'ShareBackupUsage': fields.obj({
        'project_id': fields.TEXT,
        'backups': fields.COUNT,
        'gigabytes': fields.COUNT,
        'content_bytes': fields.COUNT,
        'stored_bytes': fields.COUNT,
        'unmeasured_backups': fields.COUNT,
        'last_backup_at': fields.TIME,
    }, {
        'share_id': fields.UUID,
        'backup_type': fields.TEXT,
        'status': fields.status(states.Backup),
        'day': {'type': 'string', 'format': 'date'},
    }),
    'AccessRule': _ACCESS_RULE,
    'Message': _MESSAGE,
    'ShareType': _SHARE_TYPE,
    'ExportLocation': _LOCATION,
    **{fault_name(code): _fault(code) for code in faults.KEYS},
}
