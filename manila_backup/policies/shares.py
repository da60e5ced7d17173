# SPDX-License-Identifier: Apache-2.0
"""Policies of the shares of the local share source."""

from manila_backup.policies import base

CREATE = 'share:create'
CREATE_PUBLIC = 'share:create_public_share'
GET = 'share:get'
GET_ALL = 'share:get_all'
GET_ALL_PROJECT = 'share:get_all_project'
GET_HOST = 'share:get_host'
UPDATE = 'share:update'
SET_PUBLIC = 'share:set_public_share'
DELETE = 'share:delete'
MANAGE = 'share:manage'
UNMANAGE = 'share:unmanage'
EXTEND = 'share:extend'
SHRINK = 'share:shrink'
RESET_STATUS = 'share:reset_status'
RESET_TASK_STATE = 'share:reset_task_state'
FORCE_DELETE = 'share:force_delete'
EXPORT_LOCATIONS = 'share_export_location:index'
EXPORT_LOCATION = 'share_export_location:show'
GET_METADATA = 'share:get_share_metadata'
UPDATE_METADATA = 'share:update_share_metadata'
DELETE_METADATA = 'share:delete_share_metadata'
ALLOW_ACCESS = 'share:allow_access'
DENY_ACCESS = 'share:deny_access'
ACCESS_LIST = 'share_access_rule:index'
ACCESS_SHOW = 'share_access_rule:get'
REPLICAS = 'share_replica:get_all'

RULES = [
    base.rule(CREATE, base.MEMBER, 'Create a share.', 'POST /v2/shares'),
    base.rule(CREATE_PUBLIC, base.ADMIN,
              'Create a public share, which all projects can '
              'see.', 'POST /v2/shares'),
    base.rule(GET, base.READER, 'Show a share.',
              'GET /v2/shares/{share_id}'),
    base.rule(GET_ALL, base.READER, 'List the shares of one\'s project.',
              'GET /v2/shares', 'GET /v2/shares/detail'),
    base.rule(GET_ALL_PROJECT, base.ADMIN,
              'List the shares of all projects, or of another one, and find '
              'them by their ids. What else may be done with those, the rule '
              'of each operation says.',
              'GET /v2/shares?all_tenants=1',
              'GET /v2/shares/detail?all_tenants=1'),
    base.rule(GET_HOST, base.ADMIN,
              'See the host of shares and the options that they were managed '
              'with, and filter by host and user.',
              'GET /v2/shares/{share_id}', 'GET /v2/shares/detail',
              'GET /v2/shares/{share_id}/export_locations'),
    base.rule(UPDATE, base.MEMBER,
              'Change the name or description of a share.',
              'PUT /v2/shares/{share_id}'),
    base.rule(SET_PUBLIC, base.ADMIN, 'Make a share public, so that all '
                                      'projects can see it.',
              'PUT /v2/shares/{share_id}'),
    base.rule(DELETE, base.MEMBER, 'Delete a share.',
              'DELETE /v2/shares/{share_id}'),
    base.rule(MANAGE, base.ADMIN,
              'Adopt a directory of the workers\' hosts as a share. This '
              'gives read and write access to all files in it.',
              'POST /v2/shares/manage'),
    base.rule(UNMANAGE, base.ADMIN,
              'Unmanage a share: forget it, but keep its directory.',
              'POST /v2/shares/{share_id}/action (unmanage)'),
    base.rule(EXTEND, base.MEMBER, 'Extend a share.',
              'POST /v2/shares/{share_id}/action (extend)'),
    base.rule(SHRINK, base.MEMBER, 'Shrink a share.',
              'POST /v2/shares/{share_id}/action (shrink)'),
    base.rule(RESET_STATUS, base.ADMIN, 'Set the status of a share.',
              'POST /v2/shares/{share_id}/action (reset_status)'),
    base.rule(RESET_TASK_STATE, base.MEMBER,
              'Reset the task state of a share, which has no effect: it is '
              'always unset.',
              'POST /v2/shares/{share_id}/action (reset_task_state)'),
    base.rule(FORCE_DELETE, base.ADMIN,
              'Delete a share, whatever its status.',
              'POST /v2/shares/{share_id}/action (force_delete)'),
    base.rule(EXPORT_LOCATIONS, base.READER,
              'List the export locations of a share.',
              'GET /v2/shares/{share_id}/export_locations'),
    base.rule(EXPORT_LOCATION, base.READER,
              'Show an export location of a share.',
              'GET /v2/shares/{share_id}/export_locations/{location_id}'),
    base.rule(GET_METADATA, base.READER, 'Show the metadata of a share.',
              'GET /v2/shares/{share_id}/metadata',
              'GET /v2/shares/{share_id}/metadata/{key}'),
    base.rule(UPDATE_METADATA, base.MEMBER, 'Set metadata of a share.',
              'POST /v2/shares/{share_id}/metadata',
              'PUT /v2/shares/{share_id}/metadata'),
    base.rule(DELETE_METADATA, base.MEMBER, 'Delete a metadata item of a '
                                            'share.',
              'DELETE /v2/shares/{share_id}/metadata/{key}'),
    base.rule(ALLOW_ACCESS, base.MEMBER,
              'Add an access rule to a share.',
              'POST /v2/shares/{share_id}/action (allow_access)'),
    base.rule(DENY_ACCESS, base.MEMBER,
              'Remove an access rule of a share.',
              'POST /v2/shares/{share_id}/action (deny_access)'),
    base.rule(ACCESS_LIST, base.READER, 'List the access rules of a share.',
              'GET /v2/share-access-rules?share_id={share_id}',
              'POST /v2/shares/{share_id}/action (access_list)'),
    base.rule(ACCESS_SHOW, base.READER, 'Show an access rule.',
              'GET /v2/share-access-rules/{access_id}'),
    base.rule(REPLICAS, base.READER,
              'List share replicas (always empty).',
              'GET /v2/share-replicas', 'GET /v2/share-replicas/detail'),
]
