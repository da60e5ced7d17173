# SPDX-License-Identifier: Apache-2.0
"""Who may do what with share types."""

from manila_backup.policies import base

GET = 'share_type:show'
GET_DEFAULT = 'share_type:default'
GET_ALL = 'share_type:index'

RULES = [
    base.rule(GET, base.READER, 'Show a share type.',
              'GET /v2/types/{share_type_id}',
              'GET /v2/types/{share_type_id}/extra_specs'),
    base.rule(GET_DEFAULT, base.READER, 'Show the default share type.',
              'GET /v2/types/default'),
    base.rule(GET_ALL, base.READER, 'List share types.',
              'GET /v2/types'),
]
