# SPDX-License-Identifier: Apache-2.0
"""What the resources' requests have in common: whose a thing is, a share's
change of status, the quota, and the operation that begins.

All are called inside a transaction. Rows are locked in one order everywhere,
here and in the worker: :data:`manila_backup.db.locking.ORDER`.
"""

from manila_backup.db import operations as db_operations
from manila_backup.db import quotas as db_quotas
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup import exception
from manila_backup import states

#: How often a change of status is tried while others come in between.
TRIES = 5

#: What no other operation may go on beside on the same share: it makes, uses
#: or removes all that is in it.
_ALONE = (states.Kind.BACKUP_CREATE, states.Kind.BACKUP_RESTORE,
          states.Kind.SHARE_CREATE, states.Kind.SHARE_MANAGE,
          states.Kind.SHARE_DELETE)


def scope(context):
    """The project in which a caller finds things; None for all."""
    return None if context.is_admin else context.project_id


def get_share(conn, context, share_id):
    """The row of a share that the caller can see.

    :raises manila_backup.exception.NotFound: there is none.
    """
    share = db_shares.get(conn, share_id, scope(context))
    if share is None:
        raise exception.NotFound('Share', share_id)
    return share


def claim_share(conn, share, status, busy=exception.Conflict):
    """Change a share's status as the table of transitions allows.

    :param busy: the error if it is in the middle of another change.
    :returns: the row as it is now, locked.
    """
    expected = states.sources(status)
    if share.status not in expected:
        error = (busy if share.status in states.SHARE_CHANGING
                 else exception.InvalidState)
        if busy is exception.Forbidden:
            error = busy
        raise error(f'Share {share.id} is {share.status}; to be {status} '
                    f'it must be {" or ".join(expected)}.')
    if not rows.update(conn, db_shares.TABLE, share.id, {'status': status},
                       status=expected):
        raise share_conflict(share)
    return db_shares.get(conn, share.id)


def claim_share_for_backup(conn, share, status):
    """Change a share's status for what uses all of it.

    Its status says that nothing else does, unless an administrator has set
    it.

    :returns: the row as it is now, locked.
    """
    share = claim_share(conn, share, status)
    if db_shares.count_snapshots(conn, share.id, states.Snapshot.CREATING):
        raise exception.Conflict(
            f'A snapshot of share {share.id} is being made.')
    if db_operations.count_unfinished_of_share(conn, share.id, _ALONE):
        raise still_busy(share)
    return share


def check_quota(conn, defaults, project_id, **resources):
    """Raise QuotaExceeded unless what is asked for fits in.

    :param defaults: the configuration's group ``[quota]``.
    :param resources: resource to (what is in use, what is asked for).
    """
    limits = db_quotas.limits(conn, project_id)
    for name, (used, wanted) in resources.items():
        limit = limits.get(name, defaults[name])
        if limit >= 0 and wanted > 0 and used + wanted > limit:
            raise exception.QuotaExceeded(
                f'Quota exceeded for {name}: {wanted} asked for, {used} '
                f'of {limit} in use.')


def queue(conn, context, operation_id, kind, share, **values):
    """Write an operation on a share, for a worker to claim."""
    rows.insert(
        conn, db_operations.TABLE, id=operation_id, kind=kind,
        status=states.Operation.QUEUED, live=True, share_id=share.id,
        project_id=share.project_id, user_id=context.user_id,
        request_id=context.request_id, **values)


def still_busy(share):
    """The error for a share that an operation is not done with."""
    return exception.Conflict(
        f'Something is still being done to share {share.id}.')


def share_conflict(share):
    """The error for a request that lost a race."""
    return exception.Conflict(
        f'Share {share.id} is being changed by another request.')
