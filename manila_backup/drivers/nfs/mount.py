# SPDX-License-Identifier: Apache-2.0
"""The mount that all of a worker's processes share.

The worker has it from a :mod:`~manila_backup.fs.keeper`, and holds it as
a descriptor of its root; no path leads there. Processes that copy open that
descriptor by way of ``/proc``. A mount that is found to be stale is given up,
and another one made; who still uses the former one gets its errors.
"""

import atexit
import contextlib
import dataclasses
import os
import threading
import time

import tenacity

from manila_backup.drivers import base
from manila_backup.fs import private_mounts

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_lock = threading.Lock()
_mounts = {}        # ExportSettings: what this process has


@dataclasses.dataclass(frozen=True)
class ExportSettings:
    """Export, mount point and commands of a mount.

    :ivar export: str, for messages.
    :ivar path: str, the mount point.
    :ivar mount: tuple of str, the command that mounts.
    :ivar unmount: tuple of str, the command that unmounts.
    :ivar attempts: int, how often mounting is tried.
    :ivar timeout: float, seconds that all of it may take.
    :ivar secret: str, content of the file that only the command that mounts
        can see; or None.
    """

    export: str
    path: str
    mount: tuple
    unmount: tuple
    attempts: int
    timeout: float
    secret: str | None = dataclasses.field(default=None, repr=False)


class Mount:
    """The mount of an export. Holds settings, and, where it has crossed into
    another process, where that finds the mount; nothing that is open.

    :param settings: a :class:`ExportSettings`.
    """

    def __init__(self, settings):
        self.settings = settings
        self._there = None

    def __getstate__(self):
        with _lock:
            mine = _mounts.get(self.settings)
            there = mine.where() if mine else self._there
        return {'settings': self.settings, '_there': there}

    @contextlib.contextmanager
    def use(self):
        """The root of the mount, mounted if it isn't: an open descriptor.

        :raises RepositoryUnavailable: it can't be mounted.
        """
        end = time.monotonic() + self.settings.timeout
        with _lock:
            root = os.dup(self._usable(end).fd)
        try:
            yield root
        finally:
            os.close(root)

    def is_stale(self):
        """Tell whether the mount that this process used last is unusable."""
        with _lock:
            mine = _mounts.get(self.settings)
            return not (mine and mine.usable(self.settings.timeout / 2))

    def _usable(self, end):
        mine = _mounts.get(self.settings)
        if mine is None and self._there:
            mine = _mounts[self.settings] = _BorrowedMount.open(*self._there)
        # A server that doesn't answer must leave time to say so.
        if mine and mine.usable(self.settings.timeout / 2):
            return mine
        if mine:
            del _mounts[self.settings]
            mine.close(self.settings.timeout / 4)
        mine = _mounts[self.settings] = self._kept(end)
        return mine

    def _kept(self, end):
        """Mount it; tries again where that fails."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(private_mounts.Failed),
            stop=(tenacity.stop_after_attempt(self.settings.attempts)
                  | tenacity.stop_before_delay(end - time.monotonic())),
            wait=tenacity.wait_random_exponential(0.5, 5), reraise=True)
        try:
            return retrying(
                lambda: _OwnMount(self.settings, end - time.monotonic()))
        except private_mounts.Failed as exc:
            raise base.RepositoryUnavailable(
                f'The export "{self.settings.export}" can\'t be mounted: '
                f'{exc}.') from exc


class _BorrowedMount:
    """Another process's mount."""

    def __init__(self, fd):
        self.fd = fd

    @classmethod
    def open(cls, process, number, device, inode):
        """As :meth:`where` said; None if it is not there any more."""
        try:
            fd = os.open(f'/proc/{process}/fd/{number}', _OPEN)
        except OSError:
            return None
        try:
            st = os.fstat(fd)
            if (st.st_dev, st.st_ino) == (device, inode):
                return cls(fd)
        except OSError:
            pass
        os.close(fd)
        return None

    def where(self):
        """Return the process id, descriptor, device and inode by which another
        process finds it; None if it is gone.
        """
        try:
            st = os.fstat(self.fd)
        except OSError:
            return None
        return os.getpid(), self.fd, st.st_dev, st.st_ino

    def usable(self, timeout):
        try:
            os.statvfs(self.fd)
            os.fstat(self.fd)
            return True
        except OSError:
            return False

    def close(self, patience=None):
        os.close(self.fd)


class _OwnMount(_BorrowedMount):
    """A mount of our own.

    :param timeout: float, seconds.
    :raises manila_backup.fs.private_mounts.Failed: it could not be mounted.
    """

    def __init__(self, settings, timeout):
        self._mount = private_mounts.PrivateMount(
            settings.path, settings.mount, settings.unmount, timeout,
            settings.timeout, secret=settings.secret)
        super().__init__(self._mount.fd)

    def usable(self, timeout):
        if not self._mount.is_mine():
            return super().usable(timeout)     # forked: the link is not ours
        return self._mount.usable(timeout)

    def close(self, patience=None):
        """Unmount it.

        :param patience: float, seconds to wait for that; None is the longest
            that makes sense.
        """
        self._mount.close(patience)


@atexit.register
def _leave():
    """Unmount, and wait until that is done."""
    for mine in _mounts.values():
        with contextlib.suppress(Exception):
            if isinstance(mine, _OwnMount):
                mine.close()
    _mounts.clear()
