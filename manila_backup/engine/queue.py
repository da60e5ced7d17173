# SPDX-License-Identifier: Apache-2.0
"""The operations that wait, as a worker takes them."""

from manila_backup.db import operations as db_operations
from manila_backup.engine import attempt


class Queue:
    """The operations that a worker may claim. For one thread.

    :param worker: as for :class:`manila_backup.engine.attempt.Attempt`, and
        with ``capabilities``.
    """

    def __init__(self, worker):
        self._worker = worker
        # Operations whose claim failed in a way that may have made it.
        self._unsure = set()

    def claim(self):
        """Claim the operation that is next.

        :returns: a :class:`~manila_backup.engine.attempt.Attempt`, or None
            if there is nothing to be done.
        """
        for operation_id in [*self._unsure, *self._worker.database.read(
                db_operations.next_claimable, self._worker.capabilities)]:
            claimed = self._claim(operation_id)
            if claimed:
                return claimed
        return None

    def _claim(self, operation_id):
        again = operation_id in self._unsure
        self._unsure.add(operation_id)
        claimed = attempt.Attempt.claim(self._worker, operation_id, again)
        self._unsure.discard(operation_id)
        return claimed

    def next_event(self):
        """The seconds until there will be something to claim without anyone
        saying so, as float; None if there is nothing of the kind."""
        return self._worker.database.read(db_operations.next_event,
                                          self._worker.capabilities)
