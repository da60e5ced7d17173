# SPDX-License-Identifier: Apache-2.0
"""Policies of the snapshots of the local share source's shares."""

from manila_backup.policies import base

CREATE = 'share_snapshot:create'
GET = 'share_snapshot:get'
GET_ALL = 'share_snapshot:get_all'
GET_ALL_PROJECT = 'share_snapshot:get_all_project'
GET_LOCATION = 'share_snapshot:get_provider_location'
UPDATE = 'share_snapshot:update'
DELETE = 'share_snapshot:delete'
RESET_STATUS = 'share_snapshot:reset_status'
FORCE_DELETE = 'share_snapshot:force_delete'
EXPORT_LOCATIONS = 'share_snapshot_export_location:index'

RULES = [
    base.rule(CREATE, base.MEMBER, 'Create a snapshot of a share.',
              'POST /v2/snapshots'),
    base.rule(GET, base.READER, 'Show a snapshot.',
              'GET /v2/snapshots/{snapshot_id}'),
    base.rule(GET_ALL, base.READER, 'List the snapshots of one\'s project.',
              'GET /v2/snapshots', 'GET /v2/snapshots/detail'),
    base.rule(GET_ALL_PROJECT, base.ADMIN,
              'List the snapshots of all projects, or of another one, and '
              'find them by their ids. What else may be done with those, the '
              'rule of each operation says.',
              'GET /v2/snapshots?all_tenants=1',
              'GET /v2/snapshots/detail?all_tenants=1'),
    base.rule(GET_LOCATION, base.ADMIN,
              'See the provider_location of snapshots (always null).',
              'GET /v2/snapshots/{snapshot_id}', 'GET /v2/snapshots/detail'),
    base.rule(UPDATE, base.MEMBER,
              'Change the name or description of a snapshot.',
              'PUT /v2/snapshots/{snapshot_id}'),
    base.rule(DELETE, base.MEMBER, 'Delete a snapshot.',
              'DELETE /v2/snapshots/{snapshot_id}'),
    base.rule(RESET_STATUS, base.ADMIN, 'Set the status of a snapshot.',
              'POST /v2/snapshots/{snapshot_id}/action'),
    base.rule(FORCE_DELETE, base.ADMIN,
              'Delete a snapshot, whatever its status.',
              'POST /v2/snapshots/{snapshot_id}/action'),
    base.rule(EXPORT_LOCATIONS, base.READER,
              'List the export locations of a snapshot (always empty).',
              'GET /v2/snapshots/{snapshot_id}/export-locations'),
]
