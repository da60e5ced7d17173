# SPDX-License-Identifier: Apache-2.0
"""Requests about operations on backups."""

from manila_backup.db import backup_operations
from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup.db import transitions
from manila_backup.engine import tasks
from manila_backup import exception
from manila_backup.requests import cancellation
from manila_backup import states
from manila_backup import status_codes


class Operations:
    """The requests about operations on backups.

    :param database: a :class:`manila_backup.db.engine.Database`.
    :param teller: a :class:`manila_backup.requests.cancellation.Teller`.
    """

    def __init__(self, database, teller):
        self._database = database
        self._teller = teller

    def cancel(self, context, operation_id):
        """Cancel an operation. What is being cancelled already, or was, stays
        so."""
        def write(conn):
            operation = backup_operations.lock(conn, operation_id,
                                               context.scope)
            if operation is None:
                raise exception.NotFound('Share backup operation',
                                         operation_id)
            if operation.status in (states.Operation.CANCELLING,
                                    states.Operation.CANCELLED):
                return None
            if operation.status in states.OVER:
                raise exception.Conflict(
                    f'Operation {operation_id} is over: it can\'t be '
                    f'cancelled any more.')
            return _cancel(conn, operation)

        self._teller.tell(context, self._database.write(write))

    def cancel_of_backup(self, context, backup_id):
        """Cancel whatever is being done to a backup. What is being cancelled
        already stays so."""
        def write(conn):
            if db_backups.get(conn, backup_id, context.scope) is None:
                raise exception.NotFound('Share backup', backup_id)
            operation = db_operations.live_of_backup(conn, backup_id)
            if operation is not None:
                return _cancel(conn, operation)
            if not backup_operations.is_being_cancelled(conn, backup_id):
                raise exception.Conflict(
                    f'No operation on share backup {backup_id} is queued or '
                    f'running, so there is nothing to cancel.')
            return None

        self._teller.tell(context, self._database.write(write))


def _cancel(conn, operation):
    """Cancel a live operation on a backup.

    :param operation: its row, locked.
    :returns: as of :func:`.cancellation.rows`.
    :raises manila_backup.exception.Conflict: it can't be cancelled.
    """
    if operation.kind not in states.CANCELLED:
        raise exception.Conflict(
            f'Operation {operation.id} can\'t be cancelled: it deletes share '
            f'backup {operation.backup_id}, and nobody could tell how much of '
            f'that is left.')
    if operation.publishing:
        raise exception.Conflict(
            f'Operation {operation.id} can\'t be cancelled any more: it is '
            f'being completed.')
    code = status_codes.StatusCode.CANCELLED
    if db_operations.cancel(conn, operation, code):
        tasks.TASKS[operation.kind].undo(conn, operation)
    was, status = states.CANCELLED[operation.kind]
    values = {'status_code': code}
    if status == states.Backup.ERROR:
        values['fail_reason'] = code.sentence
    # A worker may have it still, which frees the share once nothing is written
    # to it any more and the leftovers are gone.
    transitions.change(conn, db_backups.TABLE, operation.backup_id, status,
                       values, old=was)
    return cancellation.rows(conn, operation.id)
