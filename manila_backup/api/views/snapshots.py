# SPDX-License-Identifier: Apache-2.0
"""Snapshots as clients of Manila expect them."""

from manila_backup.api.views import common
from manila_backup.policies import snapshots as policies


def brief(req, rows):
    """Rows as the plain list shows them."""
    return [{'id': row.id, 'name': row.name,
             'links': common.links(req, f'/snapshots/{row.id}')}
            for row in rows]


def detail(req, row):
    """One row in full."""
    snapshot = {
        'id': row.id,
        'share_id': row.share_id,
        'share_size': row.size,
        'size': row.size,
        'status': row.status,
        'name': row.name,
        'description': row.description,
        'share_proto': row.share_proto,
        'created_at': common.timestamp(row.created_at),
        'links': common.links(req, f'/snapshots/{row.id}'),
    }
    if req.version >= (2, 12) and req.allows(policies.GET_LOCATION,
                                             row.project_id):
        snapshot['provider_location'] = None
    if req.version >= (2, 17):
        snapshot['user_id'] = row.user_id
        snapshot['project_id'] = row.project_id
    if req.version >= (2, 73):
        snapshot['metadata'] = {}
    return snapshot


def details(req, rows):
    """Rows as the detailed list shows them."""
    return [detail(req, row) for row in rows]
