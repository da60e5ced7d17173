# SPDX-License-Identifier: Apache-2.0
"""Every write of a process loses the answer to its first commit.

A write is committed, and then fails as if the connection had broken before
the database said so: :meth:`manila_backup.db.engine.Database.write` runs it
again. The unit tests all run like that, so whatever is written by way of it
is shown to bear it, without a test of its own.
"""

import contextlib
import functools
import threading

from oslo_db import exception as db_exc

from manila_backup.db import engine

_write = engine.Database.write
_writer = engine.Database.writer
_thread = threading.local()

#: What is told of one.
TOLD = 'The answer was lost.'

#: How many answers this process has lost so far.
count = 0


def install():
    """Have it so from now on, and without pauses between two tries."""
    engine.RETRIES.retry_interval = 0
    engine.Database.write = _losing_write
    engine.Database.writer = _losing_writer


@functools.wraps(_write)
def _losing_write(database, function, *args, **kwargs):
    _thread.lose = True
    try:
        return _write(database, function, *args, **kwargs)
    finally:
        _thread.lose = False


@contextlib.contextmanager
def _losing_writer(database):
    global count
    with _writer(database) as conn:
        yield conn
    if getattr(_thread, 'lose', False):
        _thread.lose = False
        count += 1
        raise db_exc.DBConnectionError(TOLD)
