# SPDX-License-Identifier: Apache-2.0
"""Threads in which a worker does what is to be done now and then."""

import contextlib
import threading

from manila_backup.engine import named_lock


class Thread:
    """A thread that runs until it is told to stop.

    :param worker: has ``conf`` and ``database``, and whatever else the work
        takes.
    :cvar name: str, of the thread.
    """

    name: str

    def __init__(self, worker):
        self._worker = worker
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._forever, name=self.name)

    def start(self):
        self._thread.start()

    def stop(self):
        """Stop, also in the middle, and return when it is over."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _forever(self):
        raise NotImplementedError


class LockingThread(Thread):
    """A thread that does its work under named locks, one at a time."""

    def __init__(self, worker):
        super().__init__(worker)
        self._lock = threading.Lock()
        self._held = None

    def stop(self):
        with self._lock:
            self._ended.set()
            if self._held:
                self._held.stop()
        super().stop()

    @contextlib.contextmanager
    def _named_lock(self, name, **options):
        """A :class:`~manila_backup.engine.named_lock.NamedLock` to be taken,
        whose work :meth:`stop` stops.

        :param options: as of that.
        :raises Stopped: the thread was told to.
        """
        with self._lock:
            if self._ended.is_set():
                raise named_lock.Stopped()
            mine = self._held = named_lock.NamedLock(
                name, self._worker.conf, self._worker.database, **options)
        with mine:
            try:
                yield mine
            finally:
                with self._lock:
                    self._held = None
