# SPDX-License-Identifier: Apache-2.0
"""Receipts of commits: a transaction leaves word that it was committed.

If the connection breaks while a transaction is being committed, the client
can't know whether it was. Each thread that writes has a row with the number
of its last committed transaction, which the transaction itself changes, so
another look tells. The row also makes that look wait for a transaction whose
commit is still under way on the server: that one holds the row's lock.
"""

import contextlib
import os
import threading
import uuid

from oslo_db import exception as db_exc
import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import sqltime

TABLE = models.write_receipts

#: Seconds that a thread may leave between two writes and keep its row.
KEPT = 86400

_local = threading.local()


class _Writers:
    """The rows of a thread that no transaction under way is using.

    Mostly that is one. A transaction that is begun within another one has
    one of its own, as it would otherwise wait for its own thread.
    """

    def __init__(self):
        # A forked process must not go on with its parent's rows.
        self.process = os.getpid()
        self.idle = []


@contextlib.contextmanager
def of_thread():
    """Give a :class:`Receipt` of this thread to a transaction."""
    writers = getattr(_local, 'writers', None)
    if writers is None or writers.process != os.getpid():
        writers = _local.writers = _Writers()
    receipt = writers.idle.pop() if writers.idle else Receipt()
    receipt.number += 1
    try:
        yield receipt
    finally:
        writers.idle.append(receipt)


class Receipt:
    """A row, and the number of the transaction that is to leave it."""

    def __init__(self):
        self._writer = uuid.uuid4().hex
        self.number = 0

    def leave(self, conn):
        """Write the receipt, inside the transaction that it is for."""
        changed = conn.execute(sa.update(TABLE).where(
            TABLE.c.writer == self._writer).values(
                number=self.number, updated_at=sqltime.utcnow()))
        if changed.rowcount:
            return
        try:
            rows.insert(conn, TABLE, writer=self._writer,
                        number=self.number)
        except db_exc.DBDuplicateEntry as exc:
            # The transaction that is tried again was committed just now.
            raise db_exc.RetryRequest(exc) from exc

    def is_left(self, conn):
        """Tell whether the transaction was committed, once that is decided.

        :returns: bool.
        """
        return conn.execute(
            sa.select(TABLE.c.number)
            .where(TABLE.c.writer == self._writer).with_for_update()
        ).scalar() == self.number


def purge(conn, older_than):
    """Forget the threads that have not written for so many seconds, and for
    :data:`KEPT` at least.

    :returns: int, how many.
    """
    return conn.execute(sa.delete(TABLE).where(
        TABLE.c.updated_at < sqltime.utc_in(-max(older_than, KEPT)))
    ).rowcount
