# SPDX-License-Identifier: Apache-2.0
"""Keeping a lease while something runs under it.

An attempt at an operation and a named lock are both a row that is this
process's for so many seconds. What is done under it goes on only as long as
the row is renewed in time: a child process finds by itself that it was not,
and ends.
"""

from concurrent import futures
import contextlib
import socket
import threading
import time

from oslo_log import log

from manila_backup.engine import child
from manila_backup import exception

LOG = log.getLogger(__name__)


class Interrupted(Exception):
    """Somebody asked for the work under a lease to stop."""


class Lease:
    """The right to do something, as long as it is renewed in time; a context
    manager.

    :param name: str, what it is for, for the log.
    :param renew: renews it in the database; called with the
        :class:`~manila_backup.drivers.progress.Progress` of the child that
        runs, or None. Raises :class:`manila_backup.exception.LeaseLost` or
        an :class:`Interrupted` if nothing must be done under it any more.
    :param ttl: function that says how many seconds it is good for.
    :param tick: function that says after how many of them it is renewed.
    :param granted: float, monotonic time before it was asked for.
    """

    def __init__(self, name, renew, ttl, tick, granted=0.0):
        self._name = name
        self._renew = renew
        self._ttl = ttl
        self._tick = tick
        self._interruption = None
        self.granted = granted
        # A byte written to one end ends the wait at the other: what is asked
        # doesn't have to wait for the next tick.
        self._poke, self._poked = socket.socketpair()
        self._poke.setblocking(False)
        self._poked.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._poke.close()
        self._poked.close()

    # -- called by other threads -----------------------------------------

    def look(self):
        """Renew it now: it may have been taken away."""
        with contextlib.suppress(OSError):
            self._poke.send(b'.')

    def interrupt(self, reason):
        """Have whatever runs under it stop.

        :param reason: the :class:`Interrupted` to raise there.
        """
        self._interruption = reason
        self.look()

    # -- renewal ---------------------------------------------------------

    @property
    def is_due(self):
        """Tell whether it is time to renew it."""
        return time.monotonic() - self.granted > self._tick()

    def check(self):
        """Raise whatever :meth:`interrupt` was called with."""
        if self._interruption:
            raise self._interruption

    def renew(self, progress=None):
        """Renew it.

        :param progress: the Progress of the child that runs, which may go on
            for as long as the lease is good for.
        """
        before = time.monotonic()
        self._renew(progress)
        self.granted = before
        if progress:
            progress.extend(self._left())

    def tend(self, progress=None):
        """Renew it. While the database can't be reached, what runs goes on
        for as long as it lasts."""
        try:
            self.renew(progress)
        except (exception.LeaseLost, Interrupted):
            raise
        except Exception as exc:
            if self._left() < 0:
                raise exception.LeaseLost(str(exc)) from exc
            LOG.warning('%s: the lease could not be renewed yet: %s',
                        self._name, exc)

    def _left(self):
        return self._ttl() - (time.monotonic() - self.granted)

    # -- what is done under it -------------------------------------------

    def run(self, function, args, settings, ended=lambda progress: None,
            longest=None):
        """Call ``function(*args, progress)`` in a process of its own.

        :param settings: the configuration's group ``[backup]``.
        :param ended: called with the child's Progress once it is gone.
        :param longest: float, seconds that it may take, as nobody interrupts
            it; None for what may take as long as it does until somebody
            does.
        :returns: what the function returned.
        :raises manila_backup.exception.WorkFailed: what it raised.
        :raises manila_backup.engine.child.ChildDied: it ended without a
            word.
        :raises TimeoutError: it took longer.
        :raises manila_backup.exception.LeaseLost: and the child is gone.
        :raises Interrupted: likewise.
        """
        running = child.Child(function, args, settings)
        try:
            self.renew(running.progress)
            running.start()
            end = None if longest is None else time.monotonic() + longest
            while not running.wait(self._tick(), [self._poked]):
                self._drain()
                if end is None:
                    self.check()
                elif time.monotonic() > end:
                    raise TimeoutError(
                        f'it took longer than {longest:g} seconds')
                self.tend(running.progress)
            return running.result()
        finally:
            running.kill()
            ended(running.progress)

    def run_here(self, function):
        """Call something in this process that is quick, unless a repository
        is slow to answer.

        :returns: what it returned.
        :raises manila_backup.exception.LeaseLost: it was lost, and what ran
            has come to its end: nothing can stop it before.
        :raises Interrupted: likewise.
        """
        with futures.ThreadPoolExecutor(1) as pool:
            running = pool.submit(function)
            while not futures.wait([running], self._tick()).done:
                self.tend()
            return running.result()

    @contextlib.contextmanager
    def kept(self):
        """Keep it by a thread of its own, for as long as the context
        lasts."""
        over = threading.Event()

        def keep():
            with contextlib.suppress(exception.LeaseLost, Interrupted):
                while not over.wait(self._tick()):
                    self.tend()

        keeper = threading.Thread(target=keep, name='lease', daemon=True)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()

    def _drain(self):
        with contextlib.suppress(BlockingIOError):
            self._poked.recv(4096)
