# SPDX-License-Identifier: Apache-2.0
"""The few system calls that Python's ``os`` lacks."""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_SYNC_FILE_RANGE_WRITE = 2

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syncfs.argtypes = [ctypes.c_int]
_libc.sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64,
                                  ctypes.c_int64, ctypes.c_uint]


def die_with(parent):
    """Have the kernel kill this process when its parent dies.

    :param parent: int, the parent's process id as seen before the fork: it
        may be dead by now.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def syncfs(fd):
    """Write all of a filesystem to stable storage.

    :param fd: any open file of it.
    :raises OSError: since the file was opened, something could not be.
    """
    if _libc.syncfs(fd):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def start_writing(fd, offset, size):
    """Have the kernel begin to write a range of a file to its disk. No
    promise is made, and errors show at the next sync."""
    _libc.sync_file_range(fd, offset, size, _SYNC_FILE_RANGE_WRITE)


def boot_id():
    """str, other after each boot of this machine."""
    with open('/proc/sys/kernel/random/boot_id') as source:
        return source.read().strip()
