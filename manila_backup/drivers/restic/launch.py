# SPDX-License-Identifier: Apache-2.0
"""Becomes restic, in surroundings where it can do no harm.

A process with threads can't safely do this between fork and exec: there, this
is a program of its own, with nothing but the standard library, whose first
argument is a JSON object, and then come restic and its arguments.
"""

import ctypes
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWPID = (0x20000, 0x4000000,
                                              0x20000000)
_MS_REC, _MS_SLAVE = 1 << 14, 1 << 19
# The same on every architecture that this may run on.
_SYS_OPEN_TREE, _SYS_MOVE_MOUNT, _SYS_MOUNT_SETATTR = 428, 429, 442
# Clone, of a descriptor, submounts too.
_OPEN_TREE = 0x1 | 0x1000 | 0x8000
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_RDONLY, _NOSUID, _NODEV, _NOSYMFOLLOW = 0x1, 0x2, 0x4, 0x200000

_libc = ctypes.CDLL(None, use_errno=True)


def surround(spec):
    """Prepare the process for restic.

    :param spec: dict: ``parent``, the process to die with; ``host``, what
        restic is to take for the host's name and write into its locks, or
        None; ``view``, false or what to show of a share: ``fd``, a
        descriptor of its directory, ``path``, where to, and ``writable``;
        ``alone``, whether restic is to see no other process; ``nice``.
    """
    _die_with(spec['parent'])
    if spec['host'] and not _unshare(_CLONE_NEWUTS):
        name = spec['host'].encode()
        _libc.sethostname(name, len(name))
    view = spec['view']
    if view:
        _show(**view)
    if spec['alone'] and not _unshare(_CLONE_NEWPID):
        me = os.getpid()
        pid = os.fork()
        if pid:
            os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
        # In there, its parent's number is 0.
        _die_with(0 if os.getpid() != me else me)


def _die_with(parent):
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _unshare(flag):
    """0, or -1 where that is not possible: without privileges."""
    return _libc.unshare(flag)


def _show(fd, path, writable):
    """Show a directory under a path, where no symbolic link is followed, no
    device node can be opened, and nothing written to unless it is to be; or,
    without privileges, just go there."""
    if not _mount(fd, path, writable):
        os.fchdir(fd)
        return
    os.close(fd)
    os.chdir(path)


def _mount(fd, path, writable):
    # Before the mounts become another set, of which the descriptor's is none.
    tree = _libc.syscall(_SYS_OPEN_TREE, fd, b'', _OPEN_TREE)
    if tree < 0:
        return False
    flags = _NOSUID | _NODEV | (0 if writable else _RDONLY)
    if not (_restrict(tree, flags | _NOSYMFOLLOW) or _restrict(tree, flags)):
        return False
    # What is unmounted on the host goes from here too.
    if (_unshare(_CLONE_NEWNS)
            or _libc.mount(b'none', b'/', None, _MS_REC | _MS_SLAVE, None)):
        return False
    done = _libc.syscall(_SYS_MOVE_MOUNT, tree, b'', _AT_FDCWD,
                         os.fsencode(path), _MOVE_MOUNT_F_EMPTY_PATH)
    os.close(tree)
    return not done


def _restrict(tree, flags):
    # attr_set, attr_clr, propagation, userns_fd
    attributes = (ctypes.c_uint64 * 4)(flags)
    return not _libc.syscall(_SYS_MOUNT_SETATTR, tree, b'',
                             _AT_EMPTY_PATH | _AT_RECURSIVE, attributes,
                             ctypes.sizeof(attributes))


if __name__ == '__main__':
    surround(json.loads(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])    # noqa: S606
