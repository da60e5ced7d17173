# SPDX-License-Identifier: Apache-2.0
"""Share backups as callers see them."""

from manila_backup.api import microversions
from manila_backup.api.views import common
from manila_backup.policies import share_backups as policies


def brief(rows):
    """Rows as the plain list shows them."""
    return [{'id': row.id, 'name': row.name, 'share_id': row.share_id,
             'status': row.status} for row in rows]


def detail(req, row):
    """One row in full."""
    return details(req, (row,))[0]


def details(req, rows):
    """Rows in full: for those whom the policy lets see it also where a backup
    was made and, of one that failed, why."""
    timestamp = common.timestamp
    with_type = req.version >= microversions.BACKUP_TYPE
    backups = []
    for row in rows:
        backup = {
            'id': row.id,
            'share_id': row.share_id,
            'status': row.status,
            'size': row.size,
            'availability_zone': row.availability_zone,
            'name': row.name,
            'description': row.description,
            'created_at': timestamp(row.created_at),
            'updated_at': timestamp(row.updated_at),
            'progress': str(row.progress),
            'restore_progress': str(row.restore_progress),
        }
        if with_type:
            backup['backup_type'] = row.backup_type
        if req.allows(policies.GET_HOST, row.project_id):
            backup['host'] = row.host
            backup['topic'] = row.topic
        if req.allows(policies.GET_FAIL_REASON, row.project_id):
            backup['fail_reason'] = row.fail_reason
        backups.append(backup)
    return backups


def restore(backup, share_id):
    """Build the response to a restore."""
    return {'backup_id': backup.id, 'share_id': share_id}
