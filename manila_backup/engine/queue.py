# SPDX-License-Identifier: Apache-2.0
"""The operations that wait, as a worker takes them."""

from manila_backup.db import queue as db_queue
from manila_backup.engine import attempt

#: How many searches one claim makes at most, where others were faster at all
#: that a search had found.
SEARCHES = 10


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
        for operation_id in list(self._unsure):
            claimed = self._claim(operation_id)
            if claimed:
                return claimed
        tried = []
        for _ in range(SEARCHES):
            found = self._search(tried)
            claimed = self._claim_first(found, wait=False)
            if claimed:
                return claimed
            if not found:
                break
            tried += found
        # What is left is locked, which need not be for a claim.
        return self._claim_first(self._search()) if tried else None

    def _search(self, without=()):
        return self._worker.database.read(
            db_queue.search, self._worker.capabilities, without)

    def _claim_first(self, operation_ids, wait=True):
        for operation_id in operation_ids:
            claimed = self._claim(operation_id, wait)
            if claimed:
                return claimed
        return None

    def _claim(self, operation_id, wait=True):
        again = operation_id in self._unsure
        self._unsure.add(operation_id)
        claimed = attempt.Attempt.claim(self._worker, operation_id, again,
                                        wait)
        self._unsure.discard(operation_id)
        return claimed

    def next_event(self):
        """The seconds until there will be something to claim without anyone
        saying so, as float; None if there is nothing of the kind."""
        return self._worker.database.read(db_queue.next_event,
                                          self._worker.capabilities)
