# SPDX-License-Identifier: Apache-2.0
"""Operations on share backups as callers see them."""

import datetime

from manila_backup.api import extension
from manila_backup.api.views import common
from manila_backup.api.views import share_backups
from manila_backup.path_restore import selection
from manila_backup.policies import share_backup_operations as policies
from manila_backup import states
from manila_backup import status_codes

#: The latest end that is estimated, in seconds from now: beyond it the
#: estimate says nothing.
_LONGEST = 366 * 86400


def details(req, rows):
    """Rows in full: for those whom the policy lets see it also who works on
    it, and what went wrong."""
    max_attempts = req.services.conf.backup.max_attempts
    timestamp = common.timestamp
    operations = []
    for row in rows:
        operation = {
            'id': row.id,
            'kind': row.kind,
            'status': row.status,
            'project_id': row.project_id,
            'user_id': row.user_id,
            'request_id': row.request_id,
            'share_id': row.share_id,
            'backup_id': row.backup_id,
            'attempt': row.attempt,
            'failed_attempts': row.failures,
            'max_attempts': max_attempts,
            'queued_at': timestamp(row.created_at),
            'started_at': timestamp(row.started_at),
            'finished_at': timestamp(row.finished_at),
            'files_done': row.files_done,
            'files_total': row.files_total,
            'bytes_done': row.bytes_done,
            'bytes_total': row.bytes_total,
            'bytes_per_second': _rate(row),
            'estimated_end_at': timestamp(_estimated_end(row)),
            'status_code': row.status_code,
            'status_reason': status_codes.sentence(row.status_code),
            'share_changed': row.share_changed,
        }
        if req.allows(policies.GET_HOST, row.project_id):
            operation.update(worker=row.worker,
                             lease_until=timestamp(row.lease_until))
        if req.allows(policies.GET_FAIL_REASON, row.project_id):
            operation['error'] = row.error
        if extension.includes(req.extension, extension.FILES):
            operation['restore_files'] = _paths(row.options or {})
        operations.append(operation)
    return operations


def _paths(options):
    """Return what a restore of chosen paths is about, and what it has done;
    None of other operations."""
    if 'paths' not in options:
        return None
    done, found = options.get('restored') or {}, options.get(states.FOUND)
    target = options.get('target_path')
    return {'paths': [f'/{path}'.removesuffix('/.')
                      or '/' for path in options['paths']],
            'target_path': None if target is None else f'/{target}',
            'conflict': options['conflict'],
            **{name: done.get(name) for name in selection.COUNTS},
            'dry_run': states.DRY_RUN in options,
            'found': found and share_backups.preview(found)}


def _seconds(row):
    """Duration of the attempt, so far or in all, in seconds; None if that is
    not known."""
    if row.attempt_started_at is None:
        return None
    end = row.finished_at
    if row.status == states.Operation.RUNNING:
        end = row.now
    if end is None or end <= row.attempt_started_at:
        return None
    return (end - row.attempt_started_at).total_seconds()


def _rate(row):
    """Bytes a second in the attempt, as int, or None."""
    seconds = _seconds(row)
    return None if seconds is None else int(row.bytes_done / seconds)


def _estimated_end(row):
    """Time at which it will be done if it goes on like this; None if that
    can't be told."""
    if row.status != states.Operation.RUNNING:
        return None
    seconds = _seconds(row)
    done, total = row.bytes_done, row.bytes_total
    if not total:
        done, total = row.files_done, row.files_total
    if seconds is None or not 0 < done <= total:
        return None
    left = seconds * (total - done) / done
    if left > _LONGEST:
        return None
    return row.now + datetime.timedelta(seconds=left)
