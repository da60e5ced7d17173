# SPDX-License-Identifier: Apache-2.0
"""The mount that all of a worker's processes share.

The worker has it from a :mod:`.keeper`, and holds it as a descriptor of its
root; no path leads there. Processes that copy open that descriptor by way of
``/proc``. A mount that is found to be stale is given up, and another one
made; who still uses the former one gets its errors.
"""

import atexit
import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import sys
import threading
import time

import tenacity

from manila_backup.drivers import base
from manila_backup.drivers.nfs import keeper

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_lock = threading.Lock()
_mounts = {}        # Settings: what this process has


class _Failed(Exception):
    """It could not be mounted."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to mount, and how.

    :ivar export: str, for messages.
    :ivar path: str, the mount point.
    :ivar mount: tuple of str, the command that mounts.
    :ivar unmount: tuple of str, the command that unmounts.
    :ivar attempts: int, how often mounting is tried.
    :ivar timeout: float, seconds that all of it may take.
    """

    export: str
    path: str
    mount: tuple
    unmount: tuple
    attempts: int
    timeout: float


class Mount:
    """The mount of an export. Holds settings, and, where it has crossed into
    another process, where that finds the mount; nothing that is open.

    :param settings: a :class:`Settings`.
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
        """Whether what this process last used can't be used any more."""
        with _lock:
            mine = _mounts.get(self.settings)
            return not (mine and mine.usable(self.settings.timeout / 2))

    def _usable(self, end):
        mine = _mounts.get(self.settings)
        if mine is None and self._there:
            mine = _mounts[self.settings] = _Borrowed.open(*self._there)
        # A server that doesn't answer must leave time to say so.
        if mine and mine.usable(self.settings.timeout / 2):
            return mine
        if mine:
            del _mounts[self.settings]
            mine.close()
        mine = _mounts[self.settings] = self._kept(end)
        return mine

    def _kept(self, end):
        """Mount it; tries again where that fails."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Failed),
            stop=(tenacity.stop_after_attempt(self.settings.attempts)
                  | tenacity.stop_before_delay(end - time.monotonic())),
            wait=tenacity.wait_random_exponential(0.5, 5), reraise=True)
        try:
            return retrying(
                lambda: _Kept(self.settings, end - time.monotonic()))
        except _Failed as exc:
            raise base.RepositoryUnavailable(
                f'The export "{self.settings.export}" can\'t be mounted: '
                f'{exc}.') from exc


class _Borrowed:
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
        """How another process finds it; None if it can't."""
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

    def close(self):
        os.close(self.fd)


class _Kept(_Borrowed):
    """A mount of our own.

    :param timeout: float, seconds.
    :raises _Failed: it could not be mounted.
    """

    def __init__(self, settings, timeout):
        super().__init__(None)
        self._owner = os.getpid()
        self._timeout = settings.timeout
        self._link, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        said = {'path': settings.path, 'mount': settings.mount,
                'unmount': settings.unmount, 'timeout': timeout}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, '-I', '-S', keeper.__file__,
                 str(theirs.fileno()), json.dumps(said)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()], start_new_session=True)
        try:
            self._link.settimeout(max(timeout, 0.1) + 1)
            answer, found, *_ = socket.recv_fds(self._link, 4096, 1)
        except OSError as exc:
            self.close()
            raise _Failed(f'no answer within {timeout:.0f} s') from exc
        if not found:
            self.close()
            raise _Failed(answer.decode(errors='replace')
                          .removeprefix('failed ') or 'its keeper ended')
        self.fd, = found
        os.set_inheritable(self.fd, False)

    def usable(self, timeout):
        if self._owner != os.getpid():
            return super().usable(timeout)     # forked: the link is not ours
        try:
            self._link.settimeout(timeout)
            self._link.send(b'?')
            return self._link.recv(4096) == b'ok'
        except OSError:
            return False

    def close(self):
        if self.fd is not None:
            super().close()
        self._link.close()
        if self._owner != os.getpid():
            return
        try:
            self._process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            # Stuck in the kernel, for a server that doesn't answer.
            self._process.kill()
            self._process.wait(self._timeout)


@atexit.register
def _leave():
    """Unmount, and wait until that is done."""
    for mine in _mounts.values():
        with contextlib.suppress(Exception):
            if isinstance(mine, _Kept):
                mine.close()
    _mounts.clear()
