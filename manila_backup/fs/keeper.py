# SPDX-License-Identifier: Apache-2.0
"""A process that keeps one mount, in a mount namespace of its own.

It is run as a script, with nothing of this package and little else loaded,
so that it is small and quick: ``keeper.py SOCKET PATH``, where SOCKET is the
number of a descriptor of a SOCK_SEQPACKET socket, and PATH, the mount point,
which is there, is given to be seen in lists of processes. What it does it is
told by the socket, since everybody on the host can read command lines: a JSON
object with ``path``, ``mount`` and ``unmount`` (lists of arguments),
``mount_timeout`` and ``unmount_timeout`` (seconds), ``flags`` (of mount(2),
that the mount is to have whatever the command did), ``passing`` (whether the
mount point is removed in the end), ``secret_file`` and ``secret`` (a path, and
what it has while the command runs that mounts, and in the namespace only; null
for nothing).

What it says first is either ``ok``, with a descriptor of the mounted
directory, or ``failed`` and why. After that it answers anything it is sent
with ``ok`` or why the mount can't be used. When the other end is closed,
however that came about, it unmounts and ends.

Nobody outside the namespace sees the mount, and with the namespace the kernel
takes the mount away. Who has the descriptor can use it all the same.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys

_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_SLAVE = 1 << 14, 1 << 19
_MS_REMOUNT, _MS_BIND = 1 << 5, 1 << 12
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)

_SHOWN = 500

# Bytes of what it is told at most.
_LONGEST = 1 << 17


class _Failed(Exception):
    pass


def main(number):
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    link = socket.socket(fileno=number)
    try:
        settings = json.loads(link.recv(_LONGEST))
    except (OSError, ValueError):
        return      # whoever wanted it is gone
    try:
        fd = _mount(settings)
    except (_Failed, OSError) as exc:
        with contextlib.suppress(OSError):
            link.send(f'failed {exc}'.encode())
        _tidy(settings)
        return
    # Whoever wanted it may be gone already.
    try:
        socket.send_fds(link, [b'ok'], [fd])
        os.close(fd)
        while link.recv(16):
            link.send(_state(settings['path']))
    except OSError:
        pass    # the other end is gone
    finally:
        _unmount(settings)
        _tidy(settings)


def _mount(settings):
    """Mount it.

    :returns: int, a descriptor of its root.
    """
    path = settings['path']
    # What is mounted in the system later is still to be seen here, but
    # nothing from here there.
    _call('make a mount namespace', _libc.unshare(_CLONE_NEWNS))
    _call('make the mount namespace private', _libc.mount(
        None, b'/', None, ctypes.c_ulong(_MS_REC | _MS_SLAVE), None))
    before = _mount_id(path)
    with _secret(settings['secret_file'], settings['secret']):
        _run(settings['mount'], settings['mount_timeout'])
    if _mount_id(path) == before:
        raise _Failed(f'{settings["mount"][0]} succeeded, but nothing is '
                      f'mounted on {path}')
    try:
        _restrict(path, settings['flags'])
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except (_Failed, OSError):
        _unmount(settings)
        raise


@contextlib.contextmanager
def _secret(path, text):
    """Have a file in memory with what is secret, which can't outlive the
    namespace."""
    if path is None:
        yield
        return
    folder = os.fsencode(os.path.dirname(path))
    _call('make room for a file in memory', _libc.mount(
        b'tmpfs', folder, b'tmpfs',
        ctypes.c_ulong(_MS_NOSUID | _MS_NODEV | _MS_NOEXEC), b'mode=0700'))
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, 'w') as file:
            file.write(text)
        yield
    finally:
        _libc.umount2(folder, _MNT_DETACH)


def _restrict(path, flags):
    if flags:
        _call('restrict the mount', _libc.mount(
            None, os.fsencode(path), None,
            ctypes.c_ulong(_MS_REMOUNT | _MS_BIND | flags), None))


def _tidy(settings):
    if settings['passing']:
        with contextlib.suppress(OSError):
            os.rmdir(settings['path'])


def _unmount(settings):
    try:
        _run(settings['unmount'], settings['unmount_timeout'])
    except (_Failed, OSError):
        # Busy, or stale: out of sight, at least, and gone once nobody uses
        # it any more.
        _libc.umount2(os.fsencode(settings['path']), _MNT_DETACH)


def _state(path):
    try:
        os.statvfs(path)
        os.stat(path)
        return b'ok'
    except OSError as exc:
        return exc.strerror.encode()


def _call(what, result):
    if result:
        code = ctypes.get_errno()
        raise _Failed(f'could not {what}: {os.strerror(code)}')


def _mount_id(path):
    """Return the id of a mount, which differs even for mounts of one file
    system.
    """
    fd = os.open(path, os.O_PATH)
    try:
        with open(f'/proc/self/fdinfo/{fd}') as info:
            return next(line for line in info if line.startswith('mnt_id:'))
    finally:
        os.close(fd)


def _run(command, timeout):
    # Not a pipe: what stays behind as a daemon could keep it open.
    output = os.memfd_create('output')
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise _Failed(f'{command[0]} did not end within {timeout:.0f} '
                          f's') from None
        if status:
            said = os.pread(output, 65536, 0).decode(errors='replace')
            raise _Failed(' '.join(said.split())[-_SHOWN:].rstrip('.') or
                          f'{command[0]} ended with status {status}')
    finally:
        os.close(output)


if __name__ == '__main__':
    main(int(sys.argv[1]))
