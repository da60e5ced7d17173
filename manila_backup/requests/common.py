# SPDX-License-Identifier: Apache-2.0
"""Functions that the requests of several resources share: the caller's scope,
the quota, and the operation that begins."""

from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup.db import quotas as db_quotas
from manila_backup.db import shares as db_shares
from manila_backup.db import transitions
from manila_backup import exception
from manila_backup import states

#: How often a change of status is tried while others come in between.
TRIES = 5


def get_share(conn, context, share_id):
    """The row of a share that the caller can see.

    :raises manila_backup.exception.NotFound: there is none.
    """
    share = db_shares.get(conn, share_id, context.scope)
    if share is None:
        raise exception.NotFound('Share', share_id)
    return share


def own_backup(conn, context, backup_id):
    """The row of a backup of the caller's own project.

    :raises manila_backup.exception.NotFound: there is none.
    """
    backup = db_backups.get(conn, backup_id, context.project_id)
    if backup is None:
        raise exception.NotFound('Share backup', backup_id)
    return backup


_GIB = 2 ** 30


def check_quota(conn, defaults, project_id, stored=None, **resources):
    """Raise QuotaExceeded unless what is asked for fits in.

    :param defaults: the configuration's group ``[quota]``.
    :param stored: int, bytes that the project's backups take, where another
        one is asked for.
    :param resources: resource to (what is in use, what is asked for).
    """
    check_limits(db_quotas.limits(conn, project_id), defaults, stored,
                 **resources)


def check_limits(limits, defaults, stored=None, **resources):
    """Raise QuotaExceeded unless what is asked for fits in limits that were
    read.

    :param limits: as of :func:`manila_backup.db.quotas.limits`; the others
        are as of :func:`check_quota`.
    """
    if stored is not None:
        name = 'backup_stored_gigabytes'
        limit = limits.get(name, defaults[name])
        if 0 <= limit * _GIB <= stored:
            raise exception.QuotaExceeded(
                f'Quota exceeded for {name}: {stored / _GIB:.1f} of {limit} '
                f'GiB in use. Delete backups that are not needed any more.')
    for name, (used, wanted) in resources.items():
        limit = limits.get(name, defaults[name])
        if limit >= 0 and wanted > 0 and used + wanted > limit:
            raise exception.QuotaExceeded(
                f'Quota exceeded for {name}: {wanted} asked for, {used} '
                f'of {limit} in use.')


def check_status(status, allowed):
    """Raise InvalidInput unless a status is one that may be set.

    :param status: str.
    :param allowed: iterable of statuses.
    """
    allowed = [str(each) for each in allowed]
    if status not in allowed:
        raise exception.InvalidInput(
            f'status can be one of {", ".join(allowed)}.')


def reset_status(conn, table, status, find, cancel, conflict, values=None):
    """Set a status because an administrator says so, cancelling what is
    under way. If others change it meanwhile, then something was let in or
    has ended that was not there to be cancelled: so all begins anew.

    :param find: called with ``conn``, returns the row.
    :param cancel: called with ``conn`` and the row; cancels what is live on
        it, and returns the id of that operation, or None.
    :param conflict: called with the row, returns the error if it is changed
        every time.
    :param values: dict of other columns to their new values.
    :returns: str, the id of the operation that was cancelled, or None.
    """
    cancelled = None
    for _ in range(TRIES):
        row = find(conn)
        cancelled = cancel(conn, row) or cancelled
        if transitions.override(conn, table, row.id, status,
                                states.Override.RESET_STATUS, row.status,
                                values):
            return cancelled
    raise conflict(row)


def queue(conn, context, operation_id, kind, share, **values):
    """Write an operation on a share, for a worker to claim."""
    transitions.create(
        conn, db_operations.TABLE, states.Operation.QUEUED,
        **operation_values(context, operation_id, kind, share, **values))


def operation_values(context, operation_id, kind, share, **values):
    """The columns of an operation that :func:`queue` writes."""
    return {'id': operation_id, 'kind': str(kind), 'live': True,
            'share_id': share.id, 'project_id': share.project_id,
            'user_id': context.user_id, 'request_id': context.request_id,
            **values}
