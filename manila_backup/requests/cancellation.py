# SPDX-License-Identifier: Apache-2.0
"""Cancellation of operations on backups: whom it is told."""

from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup import states


def rows(conn, operation_id):
    """Read an operation that was cancelled, and its backup, in the same
    transaction, for :meth:`Teller.tell`."""
    operation = db_operations.get(conn, operation_id)
    return operation, db_backups.get(conn, operation.backup_id)


class Teller:
    """Tells whom it concerns that an operation was cancelled.

    :param caller: a :class:`manila_backup.bus.rpc.Caller`.
    :param notifier: a :class:`manila_backup.telemetry.notifications.
        Notifier`, or None.
    """

    def __init__(self, caller, notifier):
        self._caller = caller
        self._notifier = notifier

    def tell(self, context, cancelled):
        """Have the worker that holds an operation end it. Of one that no
        worker ever had, nobody else will tell that it is over.

        :param cancelled: what :func:`rows` has returned, once that is
            committed; None: nothing was cancelled.
        """
        if cancelled is None:
            return
        operation, backup = cancelled
        if operation.status != states.Operation.CANCELLED:
            self._caller.cancelled(context, operation.id)
        elif self._notifier:
            self._notifier.ended(operation, backup)
