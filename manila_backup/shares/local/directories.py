# SPDX-License-Identifier: Apache-2.0
"""The one place where shares' directories are opened.

A path is what people know a share by, but no proof of anything: whoever can
write to one of the directories on the way can put something else in the place
of what was there. So a directory is opened without following a symbolic link,
then held against the identity that was noted of it (:mod:`.identity`), and all
that follows goes by its descriptor.
"""

import contextlib
import errno
import os
import stat

from manila_backup.fs import handles
from manila_backup.fs import identity
from manila_backup.fs import mount_table
from manila_backup.fs import syscalls
from manila_backup.shares import base

#: How an operator has another directory accepted for a share, or for all.
TRUST = 'manila-backup-manage share trust'

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Directory:
    """An open directory; a context manager, which closes it.

    :param fd: int, becomes its own.
    :param path: str, what it is called.
    :param reopen: function that opens the path anew and returns a
        descriptor.
    """

    def __init__(self, fd, path, reopen):
        self.fd = fd
        self.path = path
        self._reopen = reopen
        self._identity = None

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        os.close(self.fd)

    @property
    def view(self):
        """str, a path that leads to this very directory, whatever has its
        name by now: for this process, and those that it starts."""
        return view_of(self.fd)

    @property
    def identity(self):
        """dict, as of :func:`.identity.of`.

        :raises ShareError: it can't be told.
        """
        if self._identity is None:
            try:
                self._identity = identity.of(self.fd)
            except OSError as exc:
                raise base.ShareError(
                    f'The identity of the directory {self.path} can\'t be '
                    f'determined: {exc.strerror}.', retryable=True) from exc
        return self._identity

    def check(self, noted, who):
        """Make sure that it is the one that was noted.

        :param noted: dict as of :func:`.identity.of`; None for anything.
        :param who: str, the argument of ``share trust`` that would have
            this one accepted.
        :raises ShareError: it is another one.
        """
        if noted is None or noted == self.identity:
            return
        elsewhere = noted[identity.SYSTEM] != self.identity[identity.SYSTEM]
        raise base.ShareError(
            (f'{self.path} is not on the file system that it was on: that '
             f'is probably not mounted.' if elsewhere else
             f'{self.path} is another directory than before: that was '
             f'replaced.')
            + f' Nothing was done. To accept the present one, run "{TRUST} '
              f'{who}".', retryable=elsewhere)

    def check_still(self):
        """Make sure that its path leads to it.

        :raises ShareError: it was removed, replaced, or unmounted.
        """
        try:
            with Directory(self._reopen(), self.path, None) as now:
                if now.identity == self.identity:
                    return
        except OSError:
            pass
        raise base.ShareError(
            f'The directory {self.path} was removed, replaced or unmounted '
            f'while it was used.', retryable=True)


def view_of(fd):
    """str, a path that leads to an open directory of this process: for it,
    and those that it starts."""
    return f'/proc/{os.getpid()}/fd/{fd}'


def open_adopted(path):
    """Open a directory that is anywhere on this host.

    :param path: str, absolute.
    :returns: a :class:`Directory`.
    :raises ShareError: it can't be.
    """
    def reopen():
        return syscalls.open_plain(path, handles.DIRECTORY)

    return _opened(path, reopen)


def open_own(root, name):
    """Open a directory in the directory that holds the service's shares.

    :param root: the latter, a :class:`Directory`; it may be closed later.
    :param name: str.
    """
    path = os.path.join(root.path, name)
    fd = os.dup(root.fd)

    def reopen():
        # By way of the path of the root, as that may have been unmounted.
        again = _open_root(root.path)
        try:
            return os.open(name, handles.DIRECTORY, dir_fd=again)
        finally:
            os.close(again)

    try:
        return _opened(path, reopen, lambda: os.open(
            name, handles.DIRECTORY, dir_fd=fd))
    finally:
        os.close(fd)


def open_root(path):
    """Open the directory that holds the service's shares. On the way to it
    symbolic links are followed, as it is the operator who has named it.

    :param path: str.
    :raises FileNotFoundError: it is not there.
    :raises ShareError: it can't be opened.
    """
    try:
        fd = _open_root(path)
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise base.ShareError(
            f'The directory of the shares {path} can\'t be opened: '
            f'{exc.strerror}.', retryable=True) from exc
    return Directory(fd, path, lambda: _open_root(path))


def _open_root(path):
    return os.open(path, handles.DIRECTORY & ~os.O_NOFOLLOW)


def _opened(path, reopen, open_first=None):
    try:
        return Directory((open_first or reopen)(), path, reopen)
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENOTDIR):
            raise base.ShareError(
                f'The share\'s path {path} is not a directory, or leads '
                f'through a symbolic link.') from exc
        raise base.ShareError(
            f'The share\'s directory {path} can\'t be reached: '
            f'{exc.strerror}. If it is on a file system of its own, that is '
            f'perhaps not mounted.', retryable=True) from exc


# -- what may be noted ----------------------------------------------------

def check_mounted(path):
    """Make sure that what this host is to have mounted on the way to a
    directory, or at it, is mounted: before there is a note of it, that is
    all there is to tell it from an empty mount point.

    :param path: str.
    :raises ShareError: something is not.
    """
    _check_mounted(path, lambda each: _is_at_or_in(path, each))


def check_mounted_inside(path):
    """Check that everything is mounted that should be in a directory, where
    mounts inside are part of the share: their identities are not recorded.
    """
    _check_mounted(path, lambda each: _is_at_or_in(each, path))


def _is_at_or_in(path, other):
    return os.path.join(path, '').startswith(os.path.join(other, ''))


def _check_mounted(path, matters):
    there = {each.path for each in mount_table.mounted()}
    for each in mount_table.to_be_mounted():
        if matters(each) and each != '/' and each not in there:
            raise base.ShareError(
                f'Nothing is mounted at {each}, although /etc/fstab has a '
                f'mount there: so {path} is not the intended directory '
                f'now.', retryable=True)


# -- what may be adopted --------------------------------------------------

def is_below(path, allowed):
    """Tell whether a path is below one of some directories.

    :param path: str, absolute and without ``..``.
    :param allowed: list of str.
    """
    return any(path.startswith(os.path.join(os.path.normpath(each), ''))
               for each in allowed)


def check_above(path):
    """Make sure that nobody can put something else in the place of a
    directory but root, and the user that we run as.

    Whoever can write to a directory can rename what is in it, unless that
    has the sticky bit, as /tmp has it: then only the owner of what is in it
    can, and the directory's own. A group counts as others whoever is in it;
    and so does whom an access list names, since the group's bits then tell
    the most that it gives to anyone.

    :param path: str.
    :raises ShareError: somebody can.
    """
    ours = 0, os.geteuid()
    above = '/'
    for name in path.strip('/').split('/'):
        below = os.path.join(above, name)
        try:
            with contextlib.ExitStack() as stack:
                st, entry = (
                    os.fstat(_looked_at(each, stack))
                    for each in (above, below))
        except OSError as exc:
            raise base.ShareError(f'{below} can\'t be reached: '
                                  f'{exc.strerror}.') from exc
        if st.st_uid not in ours:
            why = f'it belongs to the user {st.st_uid}'
        elif not st.st_mode & _OTHERS_WRITE or (
                st.st_mode & stat.S_ISVTX and entry.st_uid in ours):
            why = None
        elif st.st_mode & stat.S_ISVTX:
            why = f'{below} belongs to the user {entry.st_uid}'
        else:
            why = 'others can write to it'
        if why:
            raise base.ShareError(
                f'{path} can\'t be adopted, since users other than root could '
                f'replace it: {above} is above it, and {why}. Make root the '
                f'owner of each directory above it, and revoke the write '
                f'permission of all others (chown root {above}; chmod go-w '
                f'{above}), or mount or move what is to be the share below a '
                f'directory with such permissions.')
        above = below


def _looked_at(path, stack):
    fd = syscalls.open_plain(path, os.O_PATH | os.O_DIRECTORY)
    stack.callback(os.close, fd)
    return fd
