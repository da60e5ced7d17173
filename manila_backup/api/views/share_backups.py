# SPDX-License-Identifier: Apache-2.0
"""Share backups as callers see them."""

from manila_backup.api import extension
from manila_backup.api import microversions
from manila_backup.api.views import common
from manila_backup.policies import share_backups as policies
from manila_backup import status_codes
from manila_backup import warning_codes


def brief(rows):
    """Rows as the plain list shows them."""
    return [{'id': row.id, 'name': row.name, 'share_id': row.share_id,
             'status': row.status} for row in rows]


def details(req, rows, metadata=None):
    """Rows in full: for those whom the policy lets see it also where a backup
    was made and, of one that failed, why.

    :param metadata: dict of id to the metadata of those rows that have some;
        None to leave it out.
    """
    timestamp = common.timestamp
    with_type = req.version >= microversions.BACKUP_TYPE
    with_contents = extension.includes(req.extension, extension.FIRST)
    with_policy = extension.includes(req.extension, extension.POLICIES)
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
        if with_contents:
            backup.update(_contents(row))
        if metadata is not None:
            backup['metadata'] = metadata.get(row.id, {})
        if with_policy:
            backup.update(policy_id=row.policy_id, rule_id=row.rule_id,
                          due_at=timestamp(row.due_at))
        if req.allows(policies.GET_HOST, row.project_id):
            backup['host'] = row.host
            backup['topic'] = row.topic
        if req.allows(policies.GET_FAIL_REASON, row.project_id):
            backup['fail_reason'] = row.fail_reason
        backups.append(backup)
    return backups


def _contents(row):
    """Members that the extension adds: null where that is not known."""
    duration = None
    if row.completed_at is not None:
        duration = max(0, int((row.completed_at - row.created_at)
                              .total_seconds()))
    return {
        'result': row.result,
        'entries': row.entries,
        'content_bytes': row.content_bytes,
        'stored_bytes': row.stored_bytes,
        'warning_count': row.warning_count,
        'missing_count': row.missing_count,
        'taken_at': common.timestamp(row.taken_at),
        'point_in_time': row.point_in_time,
        'completed_at': common.timestamp(row.completed_at),
        'duration': duration,
        'requested_by': row.requested_by,
        'user_id': row.user_id,
        'verified_at': common.timestamp(row.verified_at),
        'verified_result': row.verified_result,
        'status_code': row.status_code,
        'status_reason': status_codes.sentence(row.status_code),
    }


def warnings(found, skipped):
    """Entries of which a backup lacks something.

    :param found: list of [path, code, list of what is lost].
    :param skipped: int, how many there are before them.
    """
    shown = []
    for number, (path, code, lost) in enumerate(found, skipped + 1):
        code = warning_codes.known(code)
        shown.append({'number': number, 'path': path, 'code': str(code),
                      'reason': code.sentence, 'stored': code.is_stored,
                      'lost': lost})
    return shown


def restore(backup, share_id):
    """Build the response to a restore."""
    return {'backup_id': backup.id, 'share_id': share_id}


def preview(found):
    """Build what a restore would do, as workers tell it."""
    return {**found, **{
        name: [f'/{path}' for path in found[name]]
        for name in ('conflicting_paths', 'removed_paths')}}
