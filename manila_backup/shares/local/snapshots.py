# SPDX-License-Identifier: Apache-2.0
"""Snapshots of local shares, as users ask for them: copies of a share, as
``.snapshots/<share>/<snapshot>`` below the directory of all shares.

One is made as ``<snapshot>.<attempt>/data`` and renamed, so what has the
snapshot's name is complete, and what an attempt that died has left can be
told from it.
"""

import contextlib
import os
import types

from manila_backup.copying import duplicate
from manila_backup.copying import reporting
from manila_backup import exception
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup import private
from manila_backup.shares import base
from manila_backup.shares.local import removing
from manila_backup.shares.local import temporary_snapshots
from manila_backup import status_codes

FOLDER = '.snapshots'

_PROCESSES = 2

_NO_SPACE = status_codes.StatusCode.NO_SPACE


class Snapshots:
    """The snapshots of all shares.

    :param path: str, the directory that holds the shares.
    """

    def __init__(self, path):
        self._path = os.path.join(path, FOLDER)

    def path(self, share_id, snapshot_id):
        """str, where a snapshot's content is."""
        return os.path.join(self._path, share_id, snapshot_id)

    def create(self, share, share_id, snapshot_id, attempt, progress):
        """Make one, unless it is there.

        :param share: the share's :class:`.directories.Directory`.
        :param attempt: int.
        :returns: a
            :class:`~manila_backup.copying.reporting.Result`.
        :raises ShareError: it can't be made.
        """
        self.discard(share_id, snapshot_id, progress, attempt)
        name = f'{snapshot_id}.{int(attempt)}'
        with self._folder(share_id, snapshot_id, make=True) as folder:
            if _is_there(snapshot_id, folder.fd):
                return reporting.Result()
            os.mkdir(name, private.DIRECTORY, dir_fd=folder.fd)
            making = os.open(name, handles.DIRECTORY, dir_fd=folder.fd)
            try:
                report = duplicate.duplicate(share.fd, making, _PROCESSES,
                                             progress)
                share.check_still()
                progress.check()
                os.rename(duplicate.DATA, snapshot_id, src_dir_fd=making,
                          dst_dir_fd=folder.fd)
                os.fsync(folder.fd)
            except exception.StorageFailed as exc:
                raise base.ShareError(
                    f'The share could not be copied for a snapshot: {exc}',
                    retryable=exc.retryable,
                    code=_NO_SPACE if exc.code == _NO_SPACE else None
                    ) from exc
            finally:
                os.close(making)
            removing.remove(name, folder, progress)
        return report

    def remove(self, share_id, snapshot_id, progress=None):
        """Remove one; not being there is no error.

        :raises ShareError: something of it stays.
        """
        with self._folder(share_id, snapshot_id) as folder:
            if folder:
                removing.remove(snapshot_id, folder, progress)

    def discard(self, share_id, snapshot_id, progress=None, attempt=None):
        """Remove what unfinished attempts left of one.

        :param attempt: int, the last of them; None for all.
        """
        with self._folder(share_id, snapshot_id) as folder:
            for name in _names(folder):
                found, dot, number = name.partition('.')
                if dot and found == snapshot_id and (
                        attempt is None or number.isdigit()
                        and int(number) <= attempt):
                    removing.remove(name, folder, progress)

    def all(self):
        """As :meth:`.base.ShareSource.snapshots`."""
        for share_id in temporary_snapshots.names(self._path):
            for name in temporary_snapshots.names(
                    os.path.join(self._path, share_id)):
                snapshot_id, dot, _attempt = name.partition('.')
                yield share_id, snapshot_id, bool(dot)

    @contextlib.contextmanager
    def _folder(self, share_id, snapshot_id, make=False):
        """The directory that a share's snapshots are in, with ``fd`` and
        ``path``; None if it is not there."""
        path = os.path.dirname(self.path(share_id, snapshot_id))
        fd = None
        try:
            if make:
                private.make_directories(path)
            with contextlib.suppress(FileNotFoundError):
                fd = os.open(path, handles.DIRECTORY)
            yield fd and types.SimpleNamespace(fd=fd, path=path)
        except OSError as exc:
            raise base.ShareError(
                f'The directory of snapshots {path} can\'t be used: '
                f'{exc.strerror}.', code=errors.code(exc)) from exc
        finally:
            if fd is not None:
                os.close(fd)


def _names(folder):
    return sorted(os.listdir(folder.fd)) if folder else []


def _is_there(name, parent):
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
