# SPDX-License-Identifier: Apache-2.0
"""Policies of share types."""

from manila_backup.policies import base

GET = 'share_type:show'
GET_DEFAULT = 'share_type:default'
GET_ALL = 'share_type:index'
GET_PRIVATE = 'share_type:get_private'
CREATE = 'share_type:create'
UPDATE = 'share_type:update'
DELETE = 'share_type:delete'
SET_SPECS = 'share_types_extra_spec:create'
DELETE_SPEC = 'share_types_extra_spec:delete'

RULES = [
    base.rule(GET, base.READER, 'Show a share type.',
              'GET /v2/types/{share_type_id}',
              'GET /v2/types/{share_type_id}/extra_specs'),
    base.rule(GET_DEFAULT, base.READER, 'Show the default share type.',
              'GET /v2/types/default'),
    base.rule(GET_ALL, base.READER, 'List share types.',
              'GET /v2/types'),
    base.rule(GET_PRIVATE, base.ADMIN,
              'See share types that are not public, and create shares of '
              'them.',
              'GET /v2/types?is_public={is_public}',
              'GET /v2/types/{share_type_id}'),
    base.rule(CREATE, base.ADMIN, 'Create a share type.', 'POST /v2/types'),
    base.rule(UPDATE, base.ADMIN,
              'Change the name, description or visibility of a share type.',
              'PUT /v2/types/{share_type_id}'),
    base.rule(DELETE, base.ADMIN, 'Delete a share type.',
              'DELETE /v2/types/{share_type_id}'),
    base.rule(SET_SPECS, base.ADMIN, 'Set extra specs of a share type.',
              'POST /v2/types/{share_type_id}/extra_specs'),
    base.rule(DELETE_SPEC, base.ADMIN,
              'Remove an extra spec of a share type.',
              'DELETE /v2/types/{share_type_id}/extra_specs/{key}'),
]
