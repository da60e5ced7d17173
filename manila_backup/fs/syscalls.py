# SPDX-License-Identifier: Apache-2.0
"""The few system calls that Python's ``os`` lacks."""

import ctypes
import errno
import os
import signal

_PR_SET_PDEATHSIG = 1
_SYNC_FILE_RANGE_WRITE = 2
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2

# The same on every architecture that this may run on.
_SYS_OPEN_TREE, _SYS_OPENAT2, _SYS_MOUNT_SETATTR = 428, 437, 442
# Clone, close on exec, of a descriptor, submounts too.
_OPEN_TREE = 0x1 | 0x80000 | 0x1000 | 0x8000
_AT_EMPTY_PATH, _AT_RECURSIVE = 0x1000, 0x8000
_AT_FORCE_SYNC, _BASIC_STATS = 0x2000, 0x7ff
_RDONLY, _NODEV = 0x1, 0x4
_AT_FDCWD = -100
_CLONE_NEWNS = 0x20000
_RESOLVE_NO_XDEV, _RESOLVE_NO_MAGICLINKS, _RESOLVE_NO_SYMLINKS = 1, 2, 4

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syncfs.argtypes = [ctypes.c_int]
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64,
                            ctypes.c_int64]
_libc.sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64,
                                  ctypes.c_int64, ctypes.c_uint]


def open_plain(path, flags):
    """Open by an absolute path in which nothing may be a symbolic link,
    whatever others do to its directories meanwhile.

    :param path: str.
    :param flags: int, as for ``os.open``; nothing is created.
    :returns: int, a descriptor.
    :raises OSError: ELOOP or ENOTDIR, if there is a symbolic link.
    """
    try:
        return _openat2(_AT_FDCWD, path, flags | os.O_CLOEXEC,
                        _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS)
    except OSError as exc:
        # Before Linux 5.6, or where a container's filter knows no such call.
        if exc.errno not in (errno.ENOSYS, errno.EPERM):
            raise
    return open_stepwise(path, flags)


def _openat2(parent, name, flags, resolve):
    """Call openat2(2).

    :returns: int, a descriptor.
    """
    # flags, mode, resolve
    how = (ctypes.c_uint64 * 3)(flags, 0, resolve)
    while True:
        fd = _libc.syscall(_SYS_OPENAT2, parent, os.fsencode(name), how,
                           ctypes.sizeof(how))
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code), name)


def open_stepwise(path, flags):
    """Open like :func:`open_plain`, one component after the other."""
    *above, last = [name for name in path.split('/') if name] or ['.']
    step = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    here = os.open('/', step)
    try:
        for name in above:
            below = os.open(name, step, dir_fd=here)
            os.close(here)
            here = below
        return os.open(last, flags | os.O_NOFOLLOW | os.O_CLOEXEC,
                       dir_fd=here)
    finally:
        os.close(here)


def die_with(parent):
    """Have the kernel kill this process when its parent dies.

    :param parent: int, the parent's process id as seen before the fork: it
        may be dead by now.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def enter_mounts(namespace):
    """Go to a mount namespace; this process must have one thread.

    :param namespace: int, its descriptor.
    :raises OSError: it can't be entered.
    """
    if _libc.setns(namespace, _CLONE_NEWNS):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def rename_new(name, final, source, target):
    """Rename to a name that nothing has.

    :param name: bytes.
    :param final: bytes, the new one.
    :param source: int, descriptor of the directory that it is in.
    :param target: int, of the one that it gets into.
    :raises OSError: EEXIST, if something has the name; EINVAL or ENOSYS, if
        the file system or the system can't tell.
    """
    _rename(name, final, source, target, _RENAME_NOREPLACE)


def exchange(name, other, source, target):
    """Have two entries change places, in one step.

    :param name: bytes, of the one.
    :param other: bytes, of the other.
    :param source: int, descriptor of the directory that the one is in.
    :param target: int, of the one that the other is in.
    :raises OSError: EINVAL or ENOSYS, if the file system or the system can't.
    """
    _rename(name, other, source, target, _RENAME_EXCHANGE)


def _rename(name, final, source, target, flags):
    call = getattr(_libc, 'renameat2', None)
    if call is None or call(source, name, target, final, flags):
        code = ctypes.get_errno() if call else errno.ENOSYS
        raise OSError(code, os.strerror(code))


def syncfs(fd):
    """Write all of a filesystem to stable storage.

    :param fd: any open file of it.
    :raises OSError: since the file was opened, something could not be.
    """
    if _libc.syncfs(fd):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def ask(fd):
    """Ask a file's server for its attributes, whatever of them is known.

    :param fd: int, an open file.
    :raises OSError: it does not answer; or ENOSYS, if the system can't ask.
    """
    call = getattr(_libc, 'statx', None)
    if call is None or call(fd, b'', _AT_EMPTY_PATH | _AT_FORCE_SYNC,
                            _BASIC_STATS, ctypes.create_string_buffer(256)):
        code = ctypes.get_errno() if call else errno.ENOSYS
        raise OSError(code, os.strerror(code))


def mounted_apart(fd, writable):
    """Open the same directory through a mount of its own, where device nodes
    can't be opened, and which is read-only unless it is to be written to.

    The mount is nowhere to be seen, and is gone with the last descriptor
    that was opened through it.

    :param fd: int, an open directory; stays the caller's.
    :param writable: bool.
    :returns: int, a descriptor; or None where that is not possible: without
        privileges, or before Linux 5.12.
    """
    tree = _libc.syscall(_SYS_OPEN_TREE, fd, b'', _OPEN_TREE)
    if tree < 0:
        return None
    try:
        # attr_set, attr_clr, propagation, userns_fd
        attributes = (ctypes.c_uint64 * 4)(
            _NODEV if writable else _NODEV | _RDONLY)
        if _libc.syscall(_SYS_MOUNT_SETATTR, tree, b'',
                         _AT_EMPTY_PATH | _AT_RECURSIVE, attributes,
                         ctypes.sizeof(attributes)):
            return None
        return os.open('.', os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC,
                       dir_fd=tree)
    except OSError:
        return None
    finally:
        os.close(tree)


# Without the call: before Linux 5.6, or where a container forbids it.
_openat2_refused = False


def open_unmounted(name, parent, flags):
    """Open an entry of a directory that is on the same mount as that.

    :param name: bytes or str, one component.
    :param parent: int, descriptor of the directory.
    :param flags: int, as for ``os.open``, with O_NOFOLLOW.
    :returns: int, a descriptor.
    :raises OSError: EXDEV, if something is mounted there.
    """
    global _openat2_refused
    name = os.fsencode(name)
    if not _openat2_refused:
        try:
            return _openat2(parent, name, flags, _RESOLVE_NO_XDEV)
        except OSError as exc:
            if exc.errno not in (errno.ENOSYS, errno.EPERM):
                raise
    fd = os.open(name, flags, dir_fd=parent)
    _openat2_refused = True
    if mount_id(fd) != mount_id(parent):
        os.close(fd)
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), name)
    return fd


def mount_id(fd):
    """The number of the mount that an open file was reached through."""
    with open(f'/proc/self/fdinfo/{fd}', 'rb') as source:
        for line in source:
            if line.startswith(b'mnt_id:'):
                return int(line.split()[1])
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def start_writing(fd, offset, size):
    """Have the kernel begin to write a range of a file to its disk. No
    promise is made, and errors show at the next sync."""
    _libc.sync_file_range(fd, offset, size, _SYNC_FILE_RANGE_WRITE)


def punch(fd, offset, size):
    """Make a hole in a file.

    :raises OSError: among others if its filesystem knows no holes.
    """
    _fallocate(fd, _KEEP_SIZE | _PUNCH_HOLE, offset, size)


def allocate(fd, offset, size):
    """Have blocks for a range of a file, whose content and size stay.

    :raises OSError: among others if there are not as many, or if the file
        system can't do that.
    """
    _fallocate(fd, _KEEP_SIZE, offset, size)


def _fallocate(fd, mode, offset, size):
    if _libc.fallocate(fd, mode, offset, size):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def system_type(fd):
    """int, the magic number of the file system that an open file is on, as
    statfs(2) has it."""
    found = (ctypes.c_long * 32)()      # more than any system's structure
    if _libc.fstatfs(fd, found):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return found[0] & 0xffffffff


def boot_id():
    """str, other after each boot of this machine."""
    with open('/proc/sys/kernel/random/boot_id') as source:
        return source.read().strip()
