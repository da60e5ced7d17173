# SPDX-License-Identifier: Apache-2.0
"""Shares that this service keeps itself: a directory each."""

import contextlib
import os

from manila_backup.fs import btrfs
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import mount_table
from manila_backup import private
from manila_backup.shares import base
from manila_backup.shares.local import directories
from manila_backup.shares.local import removing
from manila_backup.shares.local import snapshots
from manila_backup.shares.local import temporary_snapshots

# What "share trust" calls the directory that holds the shares.
_ROOT = 'local_shares'

# The modes of what has to be reached by others.
_PASSABLE, _REACHABLE = 0o711, 0o755


class LocalShares(base.ShareSource):
    """Directories below ``[local_shares] path``, and adopted ones anywhere.

    :param path: str, the directory that holds the shares.
    :param point_in_time: str, as in ``[local_shares] point_in_time``.
    :param adopt_below: list of str, as in ``[local_shares] adopt_below``.
    :param exported: bool, as in ``[local_shares] exported``.
    """

    def __init__(self, path, point_in_time='auto', adopt_below=('/',),
                 exported=False):
        self.path = path
        self.point_in_time = point_in_time
        self.adopt_below = tuple(adopt_below)
        self.exported = exported
        self._temporary = temporary_snapshots.TemporarySnapshots(
            path, point_in_time)
        self._snapshots = snapshots.Snapshots(path)

    @classmethod
    def from_conf(cls, conf):
        group = conf.local_shares
        return cls(group.path, group.point_in_time, group.adopt_below,
                   group.exported)

    def directory(self, share):
        """The path of a share's directory: its own if it was adopted with
        one. Only to be shown: what is there is for :meth:`opened`."""
        return share.path or os.path.join(self.path, share.id)

    @contextlib.contextmanager
    def opened(self, share):
        """A share's directory, made sure to be the one that was noted.

        :param share: a :class:`.base.ShareRef`.
        :returns: context manager of a :class:`.directories.Directory`.
        :raises ShareError: it can't be opened, or is another one.
        """
        with self._opened(share) as directory:
            directory.check(share.identity, share.id)
            yield directory

    def _opened(self, share):
        if share.path:
            return directories.open_adopted(share.path)
        with self._root(share) as root:
            return directories.open_own(root, share.id)

    @contextlib.contextmanager
    def _root(self, share):
        """The directory that holds the shares, checked alike."""
        try:
            root = directories.open_root(self.path)
        except FileNotFoundError as exc:
            raise base.ShareError(
                f'The directory of the shares {self.path} is not there.',
                retryable=True) from exc
        with root:
            root.check(share.root, _ROOT)
            yield root

    # -- what is noted of them ---------------------------------------------

    def identify(self, share, progress=None):
        """The identity of a share's directory as it is now.

        :returns: dict, as of :func:`.identity.of`.
        """
        if share.path:
            directories.check_mounted(share.path)
        with self._opened(share) as directory:
            return directory.identity

    def identify_root(self, known, progress=None):
        """The identity of the directory that holds the shares. It is made if
        it is not there, unless it should hold something.

        :param known: list of str, ids of shares that should be in it.
        """
        directories.check_mounted(self.path)
        try:
            if not known:
                self._make_root()
            root = directories.open_root(self.path)
        except OSError as exc:
            raise base.ShareError(
                f'The directory of the shares {self.path} is not there, or '
                f'can\'t be made: {exc.strerror}.', retryable=True) from exc
        with root:
            if known and not any(_is_in(root, name) for name in known):
                raise base.ShareError(
                    f'{self.path} has none of the shares that should be in '
                    f'it: its file system is probably not mounted.',
                    retryable=True)
            return root.identity

    def _make_root(self):
        private.make_directories(
            self.path, _PASSABLE if self.exported else private.DIRECTORY)

    # -- making and removing ------------------------------------------------

    def create(self, share, progress=None):
        """Make the share's directory. One that is there already (made by an
        attempt that then died) is no error.

        :returns: dict, its identity.
        """
        try:
            if share.root is None:
                self._make_root()
            with self._root(share) as root:
                self._make(share.id, root.fd)
                with directories.open_own(root, share.id) as made:
                    return made.identity
        except OSError as exc:
            raise base.ShareError(
                f'The directory {self.directory(share)} can\'t be made: '
                f'{exc.strerror}.', code=errors.code(exc)) from exc

    def _make(self, name, parent):
        try:
            if self.point_in_time == base.LIVE:
                os.mkdir(name, private.DIRECTORY, dir_fd=parent)
            else:
                btrfs.make_directory(name, parent)
        except FileExistsError:
            return
        if self.exported:
            os.chmod(name, _REACHABLE, dir_fd=parent)

    def adopt(self, share, progress=None):
        """Check that an existing directory can be a share.

        :returns: dict, its identity.
        :raises ShareError: it is not there, not a directory, not below one
            that shares may be adopted in, or others could replace it; or it
            would put one share inside another or around all of them.
        """
        path = share.path
        real = os.path.realpath(path)
        if real != os.path.normpath(path):
            raise base.ShareError(f'{path} leads through a symbolic link: '
                                  f'adopt {real} instead.')
        if not directories.is_below(path, self.adopt_below):
            raise base.ShareError(
                f'{path} can\'t be adopted: it is not below any of the '
                f'directories in [local_shares] adopt_below.')
        directories.check_mounted(path)
        with directories.open_adopted(path) as directory:
            directories.check_above(path)
            shares = os.path.realpath(self.path)
            if os.path.commonpath([shares, real]) in (shares, real):
                raise base.ShareError(
                    f'{path} and the directory of this service\'s own shares '
                    f'{shares} can\'t lie in one another.')
            try:
                with handles.entries(directory.fd):
                    pass
            except OSError as exc:
                raise base.ShareError(f'{path} can\'t be read: '
                                      f'{exc.strerror}.') from exc
            return directory.identity

    def remove(self, share, progress):
        """Remove the share's directory with all it holds. An adopted
        directory is emptied but stays: this service did not make it."""
        self._temporary.forget(share.id)
        if share.path:
            if share.identity is None:
                # Nobody has seen yet what is there.
                self.adopt(share)
            with self.opened(share) as directory:
                _check_no_mounts(directory)
                removing.empty(directory, progress)
            return
        with self._root(share) as root:
            if not _is_in(root, share.id):
                return      # by an attempt that then died
            with self.opened(share) as directory:
                _check_no_mounts(directory)
                removing.remove(share.id, root, progress)

    def leave(self, share, progress=None):
        """Leave an adopted share's directory alone: it never became one."""

    # -- what backups are copied from -------------------------------------

    @contextlib.contextmanager
    def use(self, share, job, progress):
        with self.opened(share) as directory:
            if share.include_mounts:
                directories.check_mounted_inside(directory.path)
            if job.looks_only or not job.read_only:
                yield base.View(directory.view)
                directory.check_still()
                return
            try:
                with contextlib.ExitStack() as stack:
                    view = self.hold(share, directory, job, progress, stack)
                    yield view
                    if view.kind == base.LIVE:
                        directory.check_still()
            finally:
                # What stays is tried again, and told, at the operation's
                # end.
                with contextlib.suppress(base.ShareError):
                    self._release(share, job, progress, directory)

    def hold(self, share, directory, job, progress, stack):
        """Open the view that a backup is copied from: the first half of
        :meth:`use`.

        :param directory: the share's, open.
        :param stack: a ``contextlib.ExitStack`` to close in the end.
        """
        why = None
        if share.root is not None:
            # Of an adopted share it is no more than where the snapshot is.
            try:
                with self._root(share):
                    pass
            except base.ShareError as exc:
                why = str(exc).rstrip('.')
        return self._temporary.hold(share.id, directory, job.backup_id,
                                    job.attempt, progress, stack, why,
                                    share.include_mounts)

    def release(self, share, job, progress=None):
        with contextlib.ExitStack() as stack:
            directory = None
            if share.path:
                with contextlib.suppress(base.ShareError):
                    directory = stack.enter_context(self.opened(share))
            self._release(share, job, progress, directory)

    def _release(self, share, job, progress, directory):
        self._temporary.release(share.id, job.backup_id, job.attempt,
                                progress, directory and directory.fd)

    def held(self):
        return self._temporary.held()

    # -- snapshots -------------------------------------------------------

    def snapshot_directory(self, share, snapshot_id):
        """Return the path of a snapshot's content."""
        return self._snapshots.path(share.id, snapshot_id)

    def create_snapshot(self, share, snapshot_id, attempt, progress):
        """Copy the share, sharing the blocks with it where the filesystem
        can. Complete or not there: it is renamed into place.

        :returns: a :class:`~manila_backup.drivers.base.Result`.
        """
        with self._root(share), self.opened(share) as directory:
            return self._snapshots.create(directory, share.id, snapshot_id,
                                          attempt, progress)

    def remove_snapshot(self, share, snapshot_id, progress):
        """Remove a snapshot, and what unfinished attempts left of it."""
        self.discard_snapshot(share, snapshot_id, progress)
        with self._root(share):
            self._snapshots.remove(share.id, snapshot_id, progress)

    def discard_snapshot(self, share, snapshot_id, progress=None,
                         attempt=None):
        """Remove what unfinished attempts left of a snapshot.

        :param attempt: int, the last of them; None for all.
        """
        self._snapshots.discard(share.id, snapshot_id, progress, attempt)

    def snapshots(self):
        return self._snapshots.all()


def _check_no_mounts(directory):
    """Check that nothing is mounted in a share: it is no part of the share,
    and must not be emptied.
    """
    found = mount_table.below(directory.fd)
    if found:
        raise base.ShareError(
            f'Something is mounted at {found[0]}, in the share: unmount it '
            f'first. Nothing was removed.')


def _is_in(root, name):
    try:
        os.stat(name, dir_fd=root.fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
