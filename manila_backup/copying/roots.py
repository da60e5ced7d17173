# SPDX-License-Identifier: Apache-2.0
"""The root of a share, opened to be copied from or to."""

import contextlib
import os

from manila_backup import exception
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import syscalls

_TRIES = 3


def open_root(path, repository, shown):
    """Open a share's directory.

    :param repository: int, descriptor of the repository's directory; None if
        that is nowhere on this host.
    :param shown: str, what the repository is called.
    :raises StorageFailed: it can't be, or it and the repository are within
        one another.
    """
    try:
        root = os.open(path, handles.DIRECTORY & ~os.O_NOFOLLOW)
    except OSError as exc:
        raise errors.failed('open the share\'s directory', path,
                            exc) from exc
    # It may have been named by a descriptor.
    path = os.readlink(f'/proc/self/fd/{root}')
    if repository is not None and (
            handles.is_within(root, os.fstat(repository))
            or handles.is_within(repository, os.fstat(root))):
        os.close(root)
        raise exception.StorageFailed(
            f'The share\'s directory "{path}" and the repository '
            f'"{shown}" lie within one another.')
    return root


def is_reachable(root):
    """Tell whether the path of an open directory leads to it.

    Of a directory of CephFS that was a snapshot and is removed, nothing else
    tells: it goes on being there, and is empty.
    """
    for _ in range(_TRIES):     # it may be renamed in between
        try:
            path = os.readlink(f'/proc/self/fd/{root}')
            if os.path.samestat(os.stat(path), os.fstat(root)):
                return True
        except OSError:
            continue
    return False


@contextlib.contextmanager
def staying(root):
    """Copy a share, which must not be removed meanwhile: what is gone by then
    would be missing in the copy.

    :raises StorageFailed: it was removed.
    """
    was_reachable = is_reachable(root)
    yield
    if was_reachable and not is_reachable(root):
        raise exception.StorageFailed(
            'The share\'s directory, or the snapshot that was copied, was '
            'removed meanwhile.', retryable=True)


def apart(root, writable=False):
    """Open the same directory so that its device nodes can't be opened.

    :param writable: bool, whether it will be written to.
    """
    found = syscalls.mounted_apart(root, writable)
    return os.dup(root) if found is None else found
