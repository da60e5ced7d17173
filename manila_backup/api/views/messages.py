# SPDX-License-Identifier: Apache-2.0
"""Messages as clients of Manila expect them."""

from manila_backup.api.views import common
from manila_backup import messages


def detail(req, row):
    """One row."""
    return {
        'id': row.id,
        'project_id': row.project_id,
        'request_id': row.request_id,
        'resource_type': row.resource_type,
        'resource_id': row.resource_id,
        'action_id': row.action_id,
        'detail_id': row.detail_id,
        'user_message': messages.text(row.action_id, row.detail_id),
        'message_level': row.message_level,
        'created_at': common.timestamp(row.created_at),
        'expires_at': common.timestamp(row.expires_at),
        'links': common.links(req, f'/messages/{row.id}'),
    }
