# SPDX-License-Identifier: Apache-2.0
"""A mount that a :mod:`.keeper` keeps for this process."""

import contextlib
import json
import os
import socket
import subprocess
import sys

from manila_backup.fs import keeper
from manila_backup.fs import syscalls
from manila_backup import private


class Failed(Exception):
    """It could not be mounted; the text says why, and could follow a
    colon."""


def secret_file(point):
    """Return the path of the file that has what is secret, while the command
    runs that mounts, and where that command runs.

    :param point: str, the mount point.
    """
    return os.path.join(os.path.dirname(point), '.secret', 'secret')


class PrivateMount:
    """A mount that only this process, and whom it shows it to, can see. It
    goes with the process, however that ends.

    :param path: str, the mount point; made if it isn't there.
    :param mount: sequence of str, the command that mounts.
    :param unmount: sequence of str, the command that unmounts.
    :param timeout: float, seconds that mounting may take.
    :param unmount_timeout: float, the same for unmounting.
    :param flags: int, flags of mount(2) that the mount has in the end,
        whatever the command does about them.
    :param passing: bool, whether the mount point is removed in the end.
    :param secret: str, what the command finds in :func:`secret_file`; or
        None.
    :raises Failed: it could not be mounted.
    :ivar fd: int, a descriptor of its root.
    """

    def __init__(self, path, mount, unmount, timeout, unmount_timeout,
                 flags=0, passing=False, secret=None):
        self.fd = None
        self._owner = os.getpid()
        self._timeout = unmount_timeout
        file = secret_file(path) if secret else None
        try:
            private.make_directories(path)
            if file:
                private.make_directories(os.path.dirname(file))
        except OSError as exc:
            raise Failed(f'its mount point {path} can\'t be made: '
                         f'{exc.strerror}') from exc
        self._link, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        said = {'path': path, 'mount': mount, 'unmount': unmount,
                'mount_timeout': timeout, 'unmount_timeout': unmount_timeout,
                'flags': flags, 'passing': passing,
                'secret_file': file, 'secret': secret}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, '-I', '-S', keeper.__file__,
                 str(theirs.fileno()), path],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()], start_new_session=True)
        try:
            self._link.settimeout(max(timeout, 0.1) + 1)
            self._link.send(json.dumps(said).encode())
            answer, found, *_ = socket.recv_fds(self._link, 4096, 1)
        except OSError as exc:
            self.close(1)
            raise Failed(f'no answer within {timeout:.0f} s') from exc
        if not found:
            self.close(1)
            raise Failed(answer.decode(errors='replace')
                         .removeprefix('failed ') or 'its keeper ended')
        self.fd, = found
        os.set_inheritable(self.fd, False)

    def enter(self):
        """Go where the mount is to be seen, at its path: with all that this
        process starts from now on. It must have no threads, and does not
        come back.

        :raises Failed: it can't.
        """
        namespace = os.open(f'/proc/{self._process.pid}/ns/mnt',
                            os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.enter_mounts(namespace)
        except OSError as exc:
            raise Failed(f'its mount namespace can\'t be entered: '
                         f'{exc.strerror}') from exc
        finally:
            os.close(namespace)

    def is_mine(self):
        """Tell whether this is the process that owns it, and not a fork of it.
        """
        return self._owner == os.getpid()

    def usable(self, timeout):
        """Tell whether it is mounted and its server answers.

        :param timeout: float, seconds to wait for that.
        """
        try:
            self._link.settimeout(timeout)
            self._link.send(b'?')
            return self._link.recv(4096) == b'ok'
        except OSError:
            return False

    def close(self, patience=None):
        """Unmount it.

        :param patience: float, seconds to wait for that; None is the longest
            that makes sense.
        """
        if self.fd is not None:
            os.close(self.fd)
        self._link.close()
        if not self.is_mine():
            return
        try:
            self._process.wait(patience or self._timeout)
        except subprocess.TimeoutExpired:
            # It hangs in a system call, for a server that doesn't answer.
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
