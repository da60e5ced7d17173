# SPDX-License-Identifier: Apache-2.0
"""Directories as they were at one instant: snapshots of btrfs for the time
that a backup is copied from them.

Where they are
==============

A snapshot can only be on the share's own filesystem, and users must not see
it: so never in the share. It is kept below the directory of all shares, as
``.held/<share>/<backup>.<attempt>``. For an adopted share on another
filesystem it is in a directory ``.manila-backup-held`` beside the share, and
the name in ``.held`` is a symbolic link that says where, which is there, and
on the disk, before the snapshot is made. So whatever a crash leaves can be
found from ``.held``, without the database.

Of a share that is no subvolume itself, the snapshot is one of the subvolume
that it is in: that takes no longer, and only the share's part is read.
"""

import contextlib
import errno
import os
import re
import stat

from manila_backup.drivers.posix import beneath
from manila_backup.shares import base
from manila_backup.shares import btrfs

HELD = '.held'
BESIDE = '.manila-backup-held'

_NO_BTRFS = 'it is not on btrfs'

_NAME = re.compile(r'([^.].*)\.(\d+)')
_RETRIES = 20

# What says that a directory is not on the share's btrfs.
_ELSEWHERE = (errno.EXDEV, errno.ENOTTY, errno.EOPNOTSUPP)


class _Impossible(Exception):
    """There can be no snapshot; the text says why, and could follow a
    colon."""


class Instants:
    """The snapshots of all shares.

    :param path: str, the directory that holds the shares.
    :param mode: str, as in ``[local_shares] point_in_time``.
    """

    def __init__(self, path, mode):
        self._path = path
        self._mode = mode

    def hold(self, share_id, directory, backup_id, attempt, progress):
        """Give what a backup is copied from.

        :returns: a :class:`.base.View`.
        """
        with contextlib.suppress(base.ShareError):
            # What stays is there for the end of the operation, or a sweep.
            self.release(share_id, backup_id, attempt - 1, progress)
        if self._mode == base.LIVE:
            return base.View(directory)
        try:
            return base.View(
                self._snapshot(share_id, directory,
                               f'{backup_id}.{attempt}', progress),
                base.SNAPSHOT)
        except _Impossible as exc:
            why = str(exc)
        except OSError as exc:
            why = exc.strerror
        with contextlib.suppress(base.ShareError):
            self.release(share_id, backup_id, attempt, progress)
        reason = f'No snapshot could be made of {directory}: {why}.'
        if self._mode == base.SNAPSHOT:
            raise base.ShareError(reason)
        return base.View(directory, base.LIVE,
                         None if why == _NO_BTRFS else reason)

    def release(self, share_id, backup_id, attempt, progress=None):
        """As :meth:`.base.ShareSource.release`, of a backup's id and an
        attempt."""
        folder = os.path.join(self._path, HELD, share_id)
        for name in names(folder):
            match = _NAME.fullmatch(name)
            if match and match[1] == backup_id and int(match[2]) <= attempt:
                try:
                    _remove(folder, name, progress and progress.check)
                except OSError as exc:
                    raise base.ShareError(
                        f'The snapshot {os.path.join(folder, name)} could '
                        f'not be removed: {exc.strerror}.') from exc
        _tidy(folder)
        _tidy(os.path.dirname(folder))

    def held(self):
        """As :meth:`.base.ShareSource.held`."""
        top = os.path.join(self._path, HELD)
        for share_id in names(top):
            for name in names(os.path.join(top, share_id)):
                match = _NAME.fullmatch(name)
                if match:
                    yield share_id, match[1], int(match[2])

    def _snapshot(self, share_id, directory, name, progress):
        """Make a snapshot; whatever is raised, it may be there.

        :returns: str, where the share's content is in it.
        """
        real = os.path.realpath(directory)
        inode = os.stat(real).st_ino
        top, below = _subvolume(real)
        _check_mounts(real)
        folder = os.path.join(self._path, HELD, share_id)
        with _opened(top) as source:
            progress.check()
            where = (_make_in(folder, name, source)
                     or _make_beside(real, folder, name, source))
            _check_subvolumes(source, below)
        found = os.path.join(where, below) if below else where
        if os.stat(found, follow_symlinks=False).st_ino != inode:
            raise _Impossible('it was moved just then')
        return found


def names(folder):
    """What is in a directory; nothing if it isn't there.

    :raises ShareError: it can't be read.
    """
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        raise base.ShareError(f'{folder} can\'t be read: '
                              f'{exc.strerror}.') from exc


# -- whether there can be one -------------------------------------------------

def _subvolume(path):
    """The subvolume that a directory is in.

    :returns: (str, its top; str, the way from there, which may be empty).
    """
    with _opened(path) as fd:
        try:
            next(btrfs.children(fd), None)
        except OSError as exc:
            if exc.errno in _ELSEWHERE:
                raise _Impossible(_NO_BTRFS) from exc
            raise
        device = os.fstat(fd).st_dev
    top = path
    while True:
        found = os.stat(top)
        if found.st_dev == device and found.st_ino == btrfs.TOP:
            return top, '' if top == path else os.path.relpath(path, top)
        if found.st_dev != device or top == '/':
            raise _Impossible('the top of the subvolume that it is in can\'t '
                              'be reached')
        top = os.path.dirname(top)


def _check_mounts(path):
    """A snapshot would hold an empty directory for what is mounted below."""
    inside = os.fsencode(path).rstrip(b'/') + b'/'
    with open('/proc/self/mountinfo', 'rb') as mounts:
        for line in mounts:
            point = re.sub(rb'\\([0-7]{3})',
                           lambda octal: bytes([int(octal[1], 8)]),
                           line.split()[4])
            if point.startswith(inside):
                raise _Impossible('something is mounted in it')


def _check_subvolumes(top, below):
    """The same for the subvolumes in it."""
    inside = os.fsencode(below) + b'/' if below else b''
    for _, directory in btrfs.children(top):
        try:
            path = btrfs.path_of(top, directory) if below else b''
        except FileNotFoundError:
            continue    # removed just now
        except PermissionError as exc:
            raise _Impossible('only root can tell whether there are '
                              'subvolumes in it') from exc
        if path.startswith(inside):
            raise _Impossible('there are subvolumes in it')


# -- making and removing ------------------------------------------------------

def _make_in(folder, name, source):
    """Make it below the directory of all shares.

    :returns: str, its path; None if that is on another filesystem.
    """
    try:
        _in_private(folder,
                    lambda parent: btrfs.snapshot(source, name, parent))
    except OSError as exc:
        if exc.errno in _ELSEWHERE:
            return None
        raise
    return os.path.join(folder, name)


def _make_beside(share, folder, name, source):
    """Make it beside the share, and leave a note of it before.

    :returns: str, its path.
    """
    above = os.path.dirname(share)
    found = os.stat(above)
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
        raise _Impossible(f'others can write to {above}, where it would be '
                          f'kept')
    target = os.path.join(above, BESIDE)

    def note(parent):
        os.symlink(os.path.join(target, name), name, dir_fd=parent)
        os.fsync(parent)

    _in_private(folder, note)
    try:
        _in_private(target,
                    lambda parent: btrfs.snapshot(source, name, parent))
    except OSError as exc:
        if exc.errno in _ELSEWHERE:
            raise _Impossible(f'{above}, where it would be kept, is on '
                              f'another filesystem') from exc
        raise
    return os.path.join(target, name)


def _remove(folder, name, tick):
    """Remove a snapshot, and the note that says where it is."""
    try:
        with _opened(folder) as parent:
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISLNK(found.st_mode):
                btrfs.remove(name, parent, tick)
                return
            target = os.path.dirname(os.readlink(name, dir_fd=parent))
            if os.path.basename(target) == BESIDE:
                with contextlib.suppress(FileNotFoundError):
                    with _opened(target) as beside:
                        _check_ours(beside, target)
                        btrfs.remove(name, beside, tick)
                _tidy(target)
            beneath.unlink(name, parent)
    except FileNotFoundError:
        pass    # someone else was quicker


@contextlib.contextmanager
def _opened(path):
    fd = os.open(path, beneath.DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


def _in_private(path, function):
    """Call ``function(descriptor)`` for a directory that only we can look
    into, made if need be. Others may be removing it as empty meanwhile."""
    for _ in range(_RETRIES):
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700)
            with _opened(path) as fd:
                _check_ours(fd, path)
                function(fd)
                return
        except FileNotFoundError:
            pass
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)


def _check_ours(fd, path):
    found = os.fstat(fd)
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), path)


def _tidy(folder):
    """Remove a directory if it is empty."""
    with contextlib.suppress(OSError):
        os.rmdir(folder)
