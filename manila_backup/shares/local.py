# SPDX-License-Identifier: Apache-2.0
"""Shares that this service keeps itself: a directory each."""

import contextlib
import os
import stat
import subprocess

from manila_backup.drivers.posix import beneath
from manila_backup.shares import base
from manila_backup.shares import btrfs
from manila_backup.shares import instants


class LocalShares(base.ShareSource):
    """Directories below ``[local_shares] path``, and adopted ones anywhere.

    :param path: str, the directory that holds the shares.
    :param point_in_time: str, as in ``[local_shares] point_in_time``.
    """

    def __init__(self, path, point_in_time='auto'):
        self.path = path
        self.point_in_time = point_in_time
        self._instants = instants.Instants(path, point_in_time)

    @classmethod
    def from_conf(cls, conf):
        return cls(conf.local_shares.path, conf.local_shares.point_in_time)

    def directory(self, share):
        """The share's directory: its own if it was adopted with one."""
        return share.path or os.path.join(self.path, share.id)

    def attach(self, share):
        """Make sure that the share's directory is there.

        :returns: str, its path.
        """
        path = self.directory(share)
        try:
            mode = os.lstat(path).st_mode
        except OSError as exc:
            raise base.ShareError(
                f'The share\'s directory {path} can\'t be reached: '
                f'{exc.strerror}.', retryable=True) from exc
        if not stat.S_ISDIR(mode):
            raise base.ShareError(f'The share\'s path {path} is not a '
                                  f'directory.')
        return path

    def create(self, share):
        """Make the share's directory. One that is there already (made by an
        attempt that then died) is no error."""
        try:
            os.makedirs(self.path, exist_ok=True)
            self._make(share.id)
        except FileExistsError:
            pass
        except OSError as exc:
            raise base.ShareError(
                f'The directory {self.directory(share)} can\'t be made: '
                f'{exc.strerror}.') from exc

    def _make(self, name):
        parent = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if self.point_in_time == base.LIVE:
                os.mkdir(name, 0o755, dir_fd=parent)
            else:
                btrfs.make_directory(name, parent)
        finally:
            os.close(parent)

    def adopt(self, share):
        """Check that an existing directory can be a share.

        :raises ShareError: it is not there, not a directory, or would put
            one share inside another or around all of them.
        """
        path = share.path
        real = os.path.realpath(path)
        if real != os.path.normpath(path):
            raise base.ShareError(f'{path} leads through a symbolic link: '
                                  f'adopt {real} instead.')
        self.attach(share)
        shares = os.path.realpath(self.path)
        if os.path.commonpath([shares, real]) in (shares, real):
            raise base.ShareError(
                f'{path} and the directory of this service\'s own shares '
                f'{shares} can\'t lie in one another.')
        try:
            with os.scandir(path):
                pass
        except OSError as exc:
            raise base.ShareError(f'{path} can\'t be read: '
                                  f'{exc.strerror}.') from exc

    def remove(self, share, progress):
        """Remove the share's directory with all it holds. An adopted
        directory is emptied but stays: this service did not make it."""
        path = self.directory(share)
        if not share.path:
            _remove(path, progress)
            return
        try:
            names = os.listdir(path)
        except FileNotFoundError:
            return
        for name in names:
            _remove(os.path.join(path, name), progress)

    # -- what backups are copied from -------------------------------------

    @contextlib.contextmanager
    def use(self, share, job, progress):
        if not job.read_only:
            yield base.View(self.attach(share))
            return
        view = self.hold(share, job, progress)
        try:
            yield view
        finally:
            # What stays is tried again, and told, at the operation's end.
            with contextlib.suppress(base.ShareError):
                self.release(share, job, progress)

    def hold(self, share, job, progress):
        """What a backup is copied from: the first half of :meth:`use`."""
        return self._instants.hold(share.id, self.attach(share),
                                   job.backup_id, job.attempt, progress)

    def release(self, share, job, progress=None):
        self._instants.release(share.id, job.backup_id, job.attempt,
                               progress)

    def held(self):
        return self._instants.held()

    # -- snapshots -------------------------------------------------------

    def snapshot_directory(self, share, snapshot_id):
        """Where a snapshot's content is."""
        return os.path.join(self.path, '.snapshots', share.id, snapshot_id)

    def create_snapshot(self, share, snapshot_id, attempt, progress):
        """Copy the share, sharing the blocks with it where the filesystem
        can. Complete or not there: it is renamed into place."""
        path = self.snapshot_directory(share, snapshot_id)
        if os.path.isdir(path):
            return
        making = f'{path}.{attempt}'
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            subprocess.run(
                ['cp', '-a', '--reflink=auto', '--',
                 self.attach(share), making],
                check=True, capture_output=True, text=True,
                stdin=subprocess.DEVNULL)
            progress.check()
            os.rename(making, path)
        except subprocess.CalledProcessError as exc:
            _remove(making, progress)
            raise base.ShareError(
                f'The share could not be copied for a snapshot: '
                f'{exc.stderr.strip().splitlines()[-1]}') from exc
        except OSError as exc:
            raise base.ShareError(
                f'The snapshot {path} could not be made: '
                f'{exc.strerror}.') from exc

    def remove_snapshot(self, share, snapshot_id, progress):
        """Remove a snapshot, and what unfinished attempts left of it."""
        self.discard_snapshot(share, snapshot_id, progress)
        _remove(self.snapshot_directory(share, snapshot_id), progress)

    def discard_snapshot(self, share, snapshot_id, progress):
        """Remove what unfinished attempts left of a snapshot."""
        folder = os.path.dirname(self.snapshot_directory(share, snapshot_id))
        for name in instants.names(folder):
            if name.startswith(f'{snapshot_id}.'):
                _remove(os.path.join(folder, name), progress)

    def snapshots(self):
        folder = os.path.join(self.path, '.snapshots')
        for share_id in instants.names(folder):
            for name in instants.names(os.path.join(folder, share_id)):
                snapshot_id, dot, _attempt = name.partition('.')
                yield share_id, snapshot_id, bool(dot)


def _remove(path, progress):
    folder, name = os.path.split(path)
    try:
        parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        beneath.remove(name, parent, lambda: progress.advance(1, 0))
    except OSError as exc:
        where = os.fsencode(exc.filename or name)
        raise base.ShareError(
            f'{where.decode(errors="backslashreplace")} could not be '
            f'removed: {exc.strerror}.') from exc
    finally:
        os.close(parent)
