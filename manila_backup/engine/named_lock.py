# SPDX-License-Identifier: Apache-2.0
"""Locks by name: for what one process of the service at a time does."""

import contextlib
import time

from manila_backup.db import named_locks as db_locks
from manila_backup.engine import child
from manila_backup.engine import lease
from manila_backup.engine import process_name
from manila_backup import exception

# Seconds that something short may take, and between two looks whether it is
# over.
_SHORT = 60.0
_PAUSE = 0.2


class Stopped(lease.Interrupted):
    """Told to stop."""


class NamedLock:
    """A lock that this process may take; a context manager, which releases it
    in the end.

    :param name: str, what for.
    :param conf: the configuration; ``[backup] lease_ttl`` is how long it is
        good for without being renewed.
    :param ttl: float, to have another.
    :param passing: bool, whether its row goes when it is released, as there
        are many such names; nothing tells then when it was taken last.
    :param tend: called with the Progress of what :meth:`run` runs, whenever
        the lock is renewed.
    """

    def __init__(self, name, conf, database, ttl=None, passing=False,
                 tend=lambda progress: None):
        self._name = name
        self._conf = conf
        self._database = database
        self._holder = process_name.make(conf)
        self._ttl = ttl or conf.backup.lease_ttl
        self._end = db_locks.remove if passing else db_locks.end
        self._tend = tend
        self._is_taken = False
        self._lease = lease.Lease(f'Lock "{name}"', self._renew,
                                  lambda: self._ttl, lambda: self._ttl / 3)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._lease.__exit__(*exc_info)
        if self._is_taken:
            self._database.write(self._end, self._name, self._holder)

    def take(self, every=0.0):
        """Try to take it.

        :param every: float, the seconds since the last one.
        :returns: bool.
        """
        before = time.monotonic()
        if self._database.write(db_locks.take, self._name, self._holder,
                                self._ttl, every):
            self._is_taken = True
            self._lease.granted = before
            return True
        return False

    def taken_by(self):
        """Return the holder of the lock as str, or None."""
        return self._database.read(db_locks.holder, self._name)

    def keep(self):
        """Renew it where that is due.

        :raises manila_backup.exception.LeaseLost: it is another's by now.
        :raises Stopped: :meth:`stop` was called.
        """
        self._lease.check()
        if self._lease.is_due:
            self._lease.renew()

    def kept(self):
        """A context manager that renews it meanwhile."""
        return self._lease.kept()

    def run(self, function, *args, settings=None,
            ended=lambda progress: None):
        """Call ``function(*args, progress)`` in a process of its own, and
        keep the lock meanwhile.

        :param settings: has ``nice`` and ``ionice_idle``, to have others than
            those of ``[backup]``.
        :param ended: called with its Progress once it is gone.
        :returns: what it returns.
        :raises manila_backup.exception.WorkFailed: what it raised, or that
            the process ended without a word.
        :raises manila_backup.exception.LeaseLost: the lock is another's.
        :raises Stopped: and the process is gone.
        """
        self._lease.check()
        try:
            return self._lease.run(function, args,
                                   settings or self._conf.backup, ended)
        except child.ChildDied as exc:
            raise exception.WorkFailed(str(exc)) from exc

    def stop(self):
        """Have :meth:`run` and :meth:`keep` raise; for other threads."""
        self._lease.interrupt(Stopped())

    def _renew(self, progress):
        if not self._database.write(db_locks.renew, self._name, self._holder,
                                    self._ttl):
            raise exception.LeaseLost(self._name)
        if progress:
            self._tend(progress)


@contextlib.contextmanager
def alone(name, conf, database):
    """Wait for a lock, and have it for something short; should that take
    longer, it stays ours.

    :raises manila_backup.exception.WorkFailed: others had it for too long.
    """
    end = time.monotonic() + _SHORT
    with NamedLock(name, conf, database, _SHORT) as mine:
        while not mine.take():
            if time.monotonic() > end:
                raise exception.WorkFailed(
                    f'{mine.taken_by() or "Another process"} did not release '
                    f'the named lock "{name}".', retryable=True)
            time.sleep(_PAUSE)
        with mine.kept():
            yield
