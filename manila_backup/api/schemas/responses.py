# SPDX-License-Identifier: Apache-2.0
"""Schemas of response bodies: for the OpenAPI description, and for the tests,
which validate every response against them.

Members that only some versions have, or only administrators see, are not
required; others than those named here there are none.
"""

from manila_backup.api import extension
from manila_backup.api import microversions
from manila_backup.api.schemas import components
from manila_backup.api.schemas import fields
from manila_backup.api.views import cloud as cloud_views
from manila_backup.conf import quota as quota_conf
from manila_backup.policies import absent

#: What is no JSON: the content of a file.
BYTES = {'type': 'string', 'format': 'binary'}

_QUOTA_NAMES = [name for _since, names in cloud_views.RESOURCES
                for name in names]
_FIRST_QUOTAS = cloud_views.RESOURCES[0][1]


def _quota_set(value, name='quota_set'):
    return fields.obj({name: fields.obj(
        {'id': fields.TEXT, **dict.fromkeys(_FIRST_QUOTAS, value)},
        dict.fromkeys(_QUOTA_NAMES[len(_FIRST_QUOTAS):], value))})


_LIMIT = {'type': 'integer', 'minimum': -1}


def _backup_quota(value):
    return fields.obj({'share_backup_quota': fields.obj(
        {'project_id': fields.TEXT,
         **dict.fromkeys((name for name in quota_conf.BACKUPS
                          if name not in quota_conf.POLICIES), value)},
        dict.fromkeys(quota_conf.POLICIES, value))})


_SHARE = 200, fields.one('share', 'Share')
_SHARES = 200, fields.page('shares', 'Share')
_SNAPSHOT = fields.one('snapshot', 'Snapshot')
_TYPE = 200, fields.obj(dict.fromkeys(('share_type', 'volume_type'),
                                      fields.ref('ShareType')))
_ACCESS = 200, fields.one('access', 'AccessRule')
_ACCESS_LIST = 200, fields.listed('access_list', 'AccessRule')
_METADATA = 200, fields.obj({'metadata': fields.STRINGS})
_EXTRA_SPECS = 200, fields.obj({'extra_specs': fields.STRINGS})
_REPLICAS = fields.none('share_replicas')
_QUOTAS = 200, _quota_set(_LIMIT)
_QUOTA_CLASS = 200, _quota_set(_LIMIT, 'quota_class_set')
_ONE_STRING = {**fields.STRINGS, 'minProperties': 1, 'maxProperties': 1}

_ACCEPTED = 202, None

_RESTORE = dict.fromkeys(('backup_id', 'share_id'), fields.UUID)
_RESTORE_BEGUN = fields.obj({**_RESTORE, 'operation_id': fields.UUID})
_RESTORE_PREVIEW = fields.obj({**_RESTORE, 'dry_run': components.DRY_RUN})

_POLICY_ANSWER = 200, fields.one('share_backup_policy', 'ShareBackupPolicy')

#: What each operation answers where it succeeds: the status code, and what
#: the body is, None where there is none.
ANSWERS = {
    'share_backups.index': (
        200, fields.page('share_backups', 'ShareBackupBrief')),
    'share_backups.detail': (200, fields.page('share_backups', 'ShareBackup')),
    'share_backups.show': (200, fields.one('share_backup', 'ShareBackup')),
    'share_backups.create': (202, fields.one('share_backup', 'ShareBackup')),
    'share_backups.update': (200, fields.one('share_backup', 'ShareBackup')),
    'share_backups.delete': _ACCEPTED,
    'share_backups.restore': [
        (202, fields.obj({'restore': fields.obj(
            _RESTORE, {'operation_id': fields.UUID})})),
        (200, fields.obj({'restore': _RESTORE_PREVIEW}))],
    'share_backups.restore_files': [
        (202, fields.obj({'restore_files': _RESTORE_BEGUN})),
        (200, fields.obj({'restore_files': _RESTORE_PREVIEW}))],
    'share_backups.restore_to_new_share': (
        202, fields.obj({'restore_to_new_share': _RESTORE_BEGUN})),
    'share_backups.reset_status': _ACCEPTED,
    'share_backups.cancel': _ACCEPTED,
    'share_backups.warnings': (200, fields.obj({
        'warnings': fields.array(fields.ref('ShareBackupWarning')),
        'complete': fields.BOOLEAN,
    }, {'warnings_links': fields.ref('NextLink')})),

    'share_backup_metadata.index': _METADATA,
    'share_backup_metadata.show': (200, fields.obj({'meta': _ONE_STRING})),
    'share_backup_metadata.set_': _METADATA,
    'share_backup_metadata.replace': _METADATA,
    'share_backup_metadata.set_item': (
        200, fields.obj({'metadata': _ONE_STRING})),
    'share_backup_metadata.delete': (200, None),
    'share_backup_policies.index': (
        200, fields.page('share_backup_policies', 'ShareBackupPolicy')),
    'share_backup_policies.show': _POLICY_ANSWER,
    'share_backup_policies.create': _POLICY_ANSWER,
    'share_backup_policies.update': _POLICY_ANSWER,
    'share_backup_policies.delete': (204, None),
    'share_backup_policies.list_assignments': (
        200, fields.listed('assignments', 'ShareBackupPolicyAssignment')),
    'share_backup_policies.assign': (
        200, fields.one('assignment', 'ShareBackupPolicyAssignment')),
    'share_backup_policies.unassign': (204, None),
    'share_backup_policies.list_runs': (
        200, fields.page('runs', 'ShareBackupPolicyRun')),
    'share_backup_policies.enable': _ACCEPTED,
    'share_backup_policies.disable': _ACCEPTED,
    'share_backup_policies.run_now': (
        202, fields.obj({'run_now': fields.obj({'runs': fields.COUNT})})),
    'share_backup_policies.simulate': (200, components.SIMULATION),
    'share_backup_coverage.index': (
        200, fields.page('share_backup_coverage', 'ShareBackupCoverage',
                         protected_count=fields.COUNT)),

    'share_backup_files.index': (
        200, fields.obj({'files': fields.array(fields.ref('ShareBackupFile'))},
                        {'files_links': fields.ref('NextLink')})),
    'share_backup_changes.index': (200, fields.obj({
        'changes': fields.array(fields.ref('ShareBackupChange')),
        'totals': fields.obj(dict.fromkeys(
            ('added', 'removed', 'changed', 'moved', 'added_bytes',
             'removed_bytes'), fields.COUNT)),
    }, {'changes_links': fields.ref('NextLink')})),
    'share_backup_file_versions.index': (200, fields.obj({
        'share_backup_file_versions': fields.array(
            fields.ref('ShareBackupFileVersion')),
        'unread_backups': fields.array(fields.UUID),
    }, {'share_backup_file_versions_links': fields.ref('NextLink')})),
    'share_backup_files.content': [(200, BYTES), (206, BYTES)],
    'share_backup_operations.index': (
        200, fields.page('share_backup_operations', 'ShareBackupOperation')),
    'share_backup_operations.show': (
        200, fields.one('share_backup_operation', 'ShareBackupOperation')),
    'share_backup_operations.cancel': _ACCEPTED,

    'share_backup_usage.index': (
        200, fields.page('share_backup_usage', 'ShareBackupUsage')),

    **dict.fromkeys(
        (f'share_backup_quotas.{name}'
         for name in ('show', 'defaults', 'update')),
        (200, _backup_quota(_LIMIT))),
    'share_backup_quotas.detail': (200, _backup_quota(fields.obj({
        'limit': _LIMIT, 'in_use': {'type': 'number', 'minimum': 0},
        'reserved': fields.COUNT}))),
    'share_backup_quotas.delete': (204, None),

    'share_backup_services.index': (
        200, fields.listed('share_backup_services', 'ShareBackupService')),
    **dict.fromkeys(
        (f'share_backup_services.{name}'
         for name in ('show', 'enable', 'disable', 'drain')),
        (200, fields.one('share_backup_service', 'ShareBackupService'))),

    'share_backup_repositories.index': (
        200, fields.listed('share_backup_repositories',
                           'ShareBackupRepository')),

    'shares.index': (200, fields.page('shares', 'ShareBrief')),
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
        200, fields.listed('export_locations', 'ExportLocation')),
    'share_details.export_location': (
        200, fields.one('export_location', 'ExportLocation')),
    'share_details.metadata': _METADATA,
    'share_details.add_metadata': _METADATA,
    'share_details.replace_metadata': _METADATA,
    'share_details.property_': (200, fields.obj({'meta': _ONE_STRING})),
    'share_details.delete_property': (200, None),
    'share_details.replicas': _REPLICAS,
    'share_details.replicas_detail': _REPLICAS,

    **{f'absent.{each.name}{suffix}': fields.none(each.key)
       for each in absent.RESOURCES
       for suffix in ('', *(('_detail',) if each.detail else ()))},

    'share_types.index': (200, fields.obj(dict.fromkeys(
        ('share_types', 'volume_types'),
        fields.array(fields.ref('ShareType'))))),
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

    'messages.index': (200, fields.page('messages', 'Message')),
    'messages.show': (200, fields.one('message', 'Message')),
    'messages.delete': (204, None),

    'snapshots.index': (200, fields.page('snapshots', 'SnapshotBrief')),
    'snapshots.detail': (200, fields.page('snapshots', 'Snapshot')),
    'snapshots.show': (200, _SNAPSHOT),
    'snapshots.create': (202, _SNAPSHOT),
    'snapshots.update': (200, _SNAPSHOT),
    'snapshots.delete': _ACCEPTED,
    'snapshots.reset_status': _ACCEPTED,
    'snapshots.force_delete': _ACCEPTED,
    'snapshots.export_locations': (
        200, fields.obj({'share_snapshot_export_locations':
                         {'type': 'array', 'maxItems': 0}})),

    'cloud.availability_zones': (
        200, fields.obj({'availability_zones': fields.array(fields.obj({
            'id': fields.UUID, 'name': fields.TEXT,
            'created_at': fields.NULL, 'updated_at': fields.NULL}))})),
    'cloud.list_services': (
        200, fields.obj({'services': fields.array(fields.obj({
            'id': fields.COUNT, 'binary': fields.TEXT, 'host': fields.TEXT,
            'zone': fields.TEXT_OR_NULL,
            'status': {'enum': ['enabled', 'disabled']},
            'state': {'enum': ['up', 'down']}, 'updated_at': fields.TIME,
        }, {'disabled_reason': fields.TEXT_OR_NULL}))})),
    'cloud.limits': (200, fields.obj({'limits': fields.obj({
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
    'cloud.quota_detail': (200, _quota_set(fields.obj({
        'limit': _LIMIT, 'in_use': fields.COUNT, 'reserved': fields.COUNT}))),
}

_KEYSTONE = {'code': {'enum': [401, 503, '401 Unauthorized',
                               '503 Service Unavailable']},
             'title': fields.TEXT, 'message': fields.TEXT}

#: What keystonemiddleware answers, of itself and by WebOb.
KEYSTONE = fields.obj({'error': fields.obj(_KEYSTONE)}), fields.obj(_KEYSTONE)

#: The document of versions.
VERSIONS = fields.obj({'versions': fields.array(fields.obj({
    'id': {'const': 'v2.0'},
    'status': {'const': 'CURRENT'},
    'version': {'const': microversions.to_string(microversions.MAX)},
    'min_version': {'const': microversions.to_string(microversions.MIN)},
    'updated': fields.TEXT,
    'links': fields.array(fields.obj({
        'rel': {'const': 'self'}, 'href': fields.URL})),
    'media-types': fields.array(fields.obj({
        'base': fields.TEXT, 'type': fields.TEXT})),
}, {
    'extension': fields.obj({
        'name': {'const': extension.SERVICE_TYPE},
        'version': {'const': microversions.to_string(extension.MAX)},
        'min_version': {'const': microversions.to_string(extension.MIN)}}),
}))})
