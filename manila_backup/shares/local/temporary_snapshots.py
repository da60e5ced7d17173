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

For each share, a file in ``.marks`` beside ``.held`` tells later backups that
the file system was not put back to before a snapshot: see
:mod:`manila_backup.fs.lineages`. It stays as long as the share does.

Of a share that is no subvolume itself, the snapshot is one of the subvolume
that it is in: that takes no longer, and only the share's part is read.
"""

import contextlib
import errno
import os
import re
import stat

from manila_backup.fs import btrfs
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import lineages
from manila_backup.fs import mountpoints
from manila_backup.fs import syscalls
from manila_backup import private
from manila_backup.shares import base
from manila_backup.shares.local import directories

HELD = '.held'
MARKS = '.marks'
BESIDE = '.manila-backup-held'

_NO_BTRFS = 'it is not on btrfs'
_MOVED = 'it was moved just then'

_NAME = re.compile(r'([^.].*)\.(\d+)')
_RETRIES = 20

# What says that a directory is not on the share's btrfs.
_ELSEWHERE = (errno.EXDEV, errno.ENOTTY, errno.EOPNOTSUPP)


class _Impossible(Exception):
    """There can be no snapshot; the text says why, and could follow a
    colon."""


class TemporarySnapshots:
    """The snapshots of all shares.

    :param path: str, the directory that holds the shares.
    :param mode: str, as in ``[local_shares] point_in_time``.
    """

    def __init__(self, path, mode):
        self._path = path
        self._mode = mode

    def hold(self, share_id, directory, backup_id, attempt, progress, stack,
             unless=None, include_mounts=False):
        """Give what a backup is copied from.

        :param directory: the share's :class:`.directories.Directory`.
        :param stack: a ``contextlib.ExitStack``; what is open for the view
            is closed with it.
        :param unless: str, why there can be none, if that is known.
        :param include_mounts: bool, whether what is mounted in the share is
            part of it, and has to be in what is copied.
        :returns: a :class:`.base.View`.
        """
        with contextlib.suppress(base.ShareError):
            # What stays is there for the end of the operation, or a sweep.
            self.release(share_id, backup_id, attempt - 1, progress,
                         directory.fd)
        if self._mode == base.LIVE:
            return base.View(directory.view)
        try:
            if unless:
                raise _Impossible(unless)
            mounted = mountpoints.inside(directory.fd)
            if mounted and include_mounts:
                _check_btrfs(directory.fd)
                raise _Impossible('what is mounted in it is part of it, and '
                                  'would not be in a snapshot')
            found, known = self._snapshot(
                share_id, directory.fd, f'{backup_id}.{attempt}', progress)
            stack.callback(os.close, found)
            return base.View(
                directories.view_of(found), base.SNAPSHOT,
                left_out=tuple(mounted), lineage=known)
        except _Impossible as exc:
            why = str(exc)
        except OSError as exc:
            why = exc.strerror
        with contextlib.suppress(base.ShareError):
            self.release(share_id, backup_id, attempt, progress,
                         directory.fd)
        reason = f'No snapshot of {directory.path} could be made: {why}.'
        if self._mode == base.SNAPSHOT:
            raise base.ShareError(reason)
        return base.View(directory.view, base.LIVE,
                         None if why == _NO_BTRFS else reason)

    def release(self, share_id, backup_id, attempt, progress=None,
                share=None):
        """As :meth:`.base.ShareSource.release`, of a backup's id and an
        attempt.

        :param share: int, descriptor of the share's directory, where it can
            be had: what is beside it is found then, whatever the directory
            was called that both are in.
        """
        folder = os.path.join(self._path, HELD, share_id)
        for name in names(folder):
            match = _NAME.fullmatch(name)
            if match and match[1] == backup_id and int(match[2]) <= attempt:
                try:
                    _remove(folder, name, progress and progress.check, share)
                except OSError as exc:
                    raise base.ShareError(
                        f'The snapshot {os.path.join(folder, name)} could '
                        f'not be removed: {exc.strerror}.') from exc
        _tidy(folder)
        _tidy(os.path.dirname(folder))

    def forget(self, share_id):
        """Remove what is kept of a share that is removed."""
        folder = os.path.join(self._path, MARKS)
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, share_id))
        _tidy(folder)

    def held(self):
        """As :meth:`.base.ShareSource.held`."""
        top = os.path.join(self._path, HELD)
        for share_id in names(top):
            for name in names(os.path.join(top, share_id)):
                match = _NAME.fullmatch(name)
                if match:
                    yield share_id, match[1], int(match[2])

    def _snapshot(self, share_id, share, name, progress):
        """Make a snapshot; whatever is raised, it may be there.

        :param share: int, descriptor of the share's directory.
        :returns: (int, descriptor of the share's directory in it; its
            :class:`~manila_backup.fs.lineages.Lineage`, or None).
        """
        inode = os.fstat(share).st_ino
        with contextlib.ExitStack() as stack:
            top, below = _subvolume(share, stack)
            folder = os.path.join(self._path, HELD, share_id)
            progress.check()
            # What is written in the same generation as the snapshot is made in
            # counts as written since: let that be little.
            with contextlib.suppress(OSError):
                syscalls.syncfs(top)
            made = _make_in(folder, name, top)
            is_beside = made is None
            if is_beside:
                made = _make_beside(share, folder, name, top)
            stack.callback(os.close, made)
            _check_subvolumes(top, below)
            descent = handles.Descent(made)
            stack.callback(descent.close)
            try:
                found = descent.enter(below or handles.ROOT)
            except OSError as exc:
                if exc.errno not in errors.GONE:
                    raise
                raise _Impossible(_MOVED) from exc
            if os.fstat(found).st_ino != inode:
                raise _Impossible(_MOVED)
            return os.dup(found), (None if is_beside else
                                   self._lineage(share_id, made))

    def _lineage(self, share_id, made):
        """The lineage of a snapshot; None if that can't be told."""
        try:
            return _in_private(
                os.path.join(self._path, MARKS),
                lambda folder: lineages.leave_mark(made, folder, share_id))
        except OSError:
            return None


def names(folder):
    """List the names in a directory; none if it does not exist.

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

def _path_of(fd):
    """str, where an open directory is right now."""
    return os.readlink(f'/proc/self/fd/{fd}')


def _subvolume(share, stack):
    """The subvolume that a directory is in.

    :param share: int, its descriptor.
    :param stack: a ``contextlib.ExitStack`` that closes what is opened.
    :returns: (int, descriptor of its top; bytes, the way from there, which
        may be empty: just what it is called, and not to be relied on).
    """
    _check_btrfs(share)
    device = os.fstat(share).st_dev
    top, depth = share, 0
    names = os.fsencode(_path_of(share)).split(b'/')
    while True:
        found = os.fstat(top)
        if found.st_dev != device or depth >= len(names):
            raise _Impossible('the top of the subvolume that it is in can\'t '
                              'be reached')
        if found.st_ino == btrfs.TOP:
            return top, b'/'.join(names[len(names) - depth:])
        top = os.open('..', handles.DIRECTORY, dir_fd=top)
        stack.callback(os.close, top)
        depth += 1


def _check_btrfs(share):
    """Make sure that there are snapshots where a directory is.

    :param share: int, its descriptor.
    """
    try:
        next(btrfs.children(share), None)
    except OSError as exc:
        if exc.errno in _ELSEWHERE:
            raise _Impossible(_NO_BTRFS) from exc
        raise


def _check_subvolumes(top, below):
    """A snapshot would hold an empty directory for each subvolume in it."""
    inside = below + b'/' if below else b''
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

    :returns: int, its descriptor; None if that is on another filesystem.
    """
    try:
        return _in_private(folder, lambda parent: _make(source, name,
                                                        parent))
    except OSError as exc:
        if exc.errno in _ELSEWHERE:
            return None
        raise


def _make(source, name, parent):
    btrfs.snapshot(source, name, parent)
    return os.open(name, handles.DIRECTORY, dir_fd=parent)


def _make_beside(share, folder, name, source):
    """Make it beside the share, and leave a note of it before.

    :param share: int, descriptor of its directory.
    :returns: int, its descriptor.
    """
    with contextlib.ExitStack() as stack:
        above = os.open('..', handles.DIRECTORY, dir_fd=share)
        stack.callback(os.close, above)
        path = _path_of(above)
        found = os.fstat(above)
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
            raise _Impossible(f'others can write to {path}, where it would '
                              f'be kept')
        target = os.path.join(path, BESIDE, name)

        def note(parent):
            os.symlink(target, name, dir_fd=parent)
            os.fsync(parent)

        _in_private(folder, note)
        try:
            return _in_private(BESIDE, lambda parent: _make(source, name,
                                                            parent), above)
        except OSError as exc:
            if exc.errno in _ELSEWHERE:
                raise _Impossible(f'{path}, where it would be kept, is on '
                                  f'another filesystem') from exc
            raise


def _remove(folder, name, tick, share):
    """Remove a snapshot, and the note that says where it is.

    :param share: int, as for :meth:`TemporarySnapshots.release`.
    """
    try:
        with _opened(folder) as parent:
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISLNK(found.st_mode):
                btrfs.remove(name, parent, tick)
                return
            target = os.path.dirname(os.readlink(name, dir_fd=parent))
            if os.path.basename(target) == BESIDE and not (
                    share is not None and _is_removed_beside(share, name,
                                                             tick)):
                _remove_beside(os.path.dirname(target), name, tick)
            handles.unlink(name, parent)
    except FileNotFoundError:
        pass    # someone else was quicker


def _remove_beside(path, name, tick):
    """Remove one that is beside a share.

    :param path: str, of the directory that both are in.
    :raises OSError: that can't be reached now, or is no btrfs, as it isn't
        while that is not mounted: what was made may be there all the same.
    """
    try:
        above = syscalls.open_plain(path, handles.DIRECTORY)
    except FileNotFoundError as exc:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), path) from exc
    try:
        next(btrfs.children(above), None)
        _remove_in(above, path, name, tick)
    finally:
        os.close(above)


def _is_removed_beside(share, name, tick):
    """Remove one that is beside a share, where that is now.

    :returns: bool, whether there was one.
    """
    try:
        with _opened('..', share) as above:
            return _remove_in(above, _path_of(above), name, tick)
    except FileNotFoundError:
        return False        # the share is gone


def _remove_in(above, path, name, tick):
    """Remove one, and the directory that it is in if that is empty then.

    :param above: int, descriptor of where that directory is.
    :returns: bool, whether there was one.
    """
    try:
        with _opened(BESIDE, above) as beside:
            _check_ours(beside, path)
            btrfs.remove(name, beside, tick)
        return True
    except FileNotFoundError:
        return False
    finally:
        _tidy(BESIDE, above)


@contextlib.contextmanager
def _opened(path, parent=None):
    fd = os.open(path, handles.DIRECTORY, dir_fd=parent)
    try:
        yield fd
    finally:
        os.close(fd)


def _in_private(path, function, parent=None):
    """Call ``function(descriptor)`` for a directory that only we can look
    into, made if need be. Others may be removing it as empty meanwhile.

    :param parent: int, descriptor that the path is relative to; it is a
        single name then.
    :returns: what that returns.
    """
    for _ in range(_RETRIES):
        try:
            if parent is None:
                private.make_directories(os.path.dirname(path))
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, private.DIRECTORY, dir_fd=parent)
            with _opened(path, parent) as fd:
                _check_ours(fd, path)
                return function(fd)
        except FileNotFoundError:
            pass
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)


def _check_ours(fd, path):
    found = os.fstat(fd)
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), path)


def _tidy(folder, parent=None):
    """Remove a directory if it is empty."""
    with contextlib.suppress(OSError):
        os.rmdir(folder, dir_fd=parent)
