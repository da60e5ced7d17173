# SPDX-License-Identifier: Apache-2.0
"""Doing what one process of the service at a time does."""

import contextlib
import socket
import threading
import time

from oslo_log import log

from manila_backup.db import named_locks as db_locks
from manila_backup.engine import child
from manila_backup.engine import process_name
from manila_backup import exception

LOG = log.getLogger(__name__)

# Seconds that something short may take, and between two looks whether it is
# over.
_SHORT = 60.0
_PAUSE = 0.2


class Stopped(Exception):
    """Told to stop."""


class Turn:
    """A turn that this process may take; a context manager, which gives it
    back in the end.

    :param name: str, what for.
    :param conf: the configuration; ``[backup] lease_ttl`` is how long it is
        good for without being renewed.
    :param ttl: float, to have another.
    """

    def __init__(self, name, conf, database, ttl=None):
        self._name = name
        self._conf = conf
        self._database = database
        self._holder = process_name.make(conf)
        self._ttl = ttl or conf.backup.lease_ttl
        self._renewed = None
        self._poke, self._poked = socket.socketpair()
        self._stopping = False

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._poke.close()
        self._poked.close()
        if self._renewed is not None:
            self._database.write(db_locks.end, self._name, self._holder)

    def take(self, every=0.0):
        """Try to take it.

        :param every: float, the seconds since the last one.
        :returns: bool.
        """
        before = time.monotonic()
        if self._database.write(db_locks.take, self._name, self._holder,
                                self._ttl, every):
            self._renewed = before
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
        if self._stopping:
            raise Stopped()
        if time.monotonic() - self._renewed > self._ttl / 3:
            self._renew()

    def _renew(self):
        before = time.monotonic()
        if not self._database.write(db_locks.renew, self._name,
                                    self._holder, self._ttl):
            raise exception.LeaseLost(self._name)
        self._renewed = before

    def hold(self, over):
        """Renew it until an event is set; for a thread of its own."""
        while not over.wait(self._ttl / 4):
            try:
                self._renew()
            except exception.LeaseLost:
                return
            except Exception as exc:
                LOG.warning('The turn "%s" could not be renewed yet: %s',
                            self._name, exc)

    def run(self, function, *args):
        """Call ``function(*args, progress)`` in a process of its own, and
        keep the turn meanwhile.

        :returns: what it returns.
        :raises manila_backup.exception.WorkFailed: what it raised, or that
            the process ended without a word.
        :raises Stopped: and the process is gone.
        """
        self.keep()
        copier = child.Copier(function, args, self._conf.backup)
        copier.progress.extend(self._ttl)
        try:
            copier.start()
            while not copier.wait(self._ttl / 3, [self._poked]):
                if self._stopping:
                    raise Stopped()
                self._renew()
                copier.progress.extend(
                    self._ttl - (time.monotonic() - self._renewed))
            return copier.result()
        except child.CopierDied as exc:
            raise exception.WorkFailed(str(exc)) from exc
        finally:
            copier.kill()

    def stop(self):
        """Have :meth:`run` and :meth:`keep` raise; for other threads."""
        self._stopping = True
        self._poke.send(b'.')


@contextlib.contextmanager
def alone(name, conf, database):
    """Wait for a turn, and have it for something short; should that take
    longer, it stays ours.

    :raises manila_backup.exception.WorkFailed: others had it for too long.
    """
    end = time.monotonic() + _SHORT
    with Turn(name, conf, database, _SHORT) as mine:
        while not mine.take():
            if time.monotonic() > end:
                raise exception.WorkFailed(
                    f'{mine.taken_by() or "Another process"} did not end '
                    f'what it alone may do ("{name}").', retryable=True)
            time.sleep(_PAUSE)
        over = threading.Event()
        keeper = threading.Thread(target=mine.hold, args=(over,),
                                  daemon=True)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()
