# SPDX-License-Identifier: Apache-2.0
"""Shares that this service keeps itself: a directory each."""

import os
import shutil
import stat

from manila_backup.shares import base


class LocalShares(base.ShareSource):
    """Directories below ``[local_shares] path``, and adopted ones anywhere.

    :param path: str, the directory that holds the shares.
    """

    keeps_shares = True

    def __init__(self, path):
        self.path = path

    @classmethod
    def from_conf(cls, conf):
        return cls(conf.local_shares.path)

    def directory(self, share):
        """The share's directory: its own if it was adopted with one."""
        return share.path or os.path.join(self.path, share.id)

    def attach(self, share, operation_id, read_only):
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

    def detach(self, share, operation_id):
        pass

    def create(self, share):
        """Make the share's directory. One that is there already (made by an
        attempt that then died) is no error."""
        try:
            os.makedirs(self.path, exist_ok=True)
            os.mkdir(self.directory(share), 0o755)
        except FileExistsError:
            pass
        except OSError as exc:
            raise base.ShareError(
                f'The directory {self.directory(share)} can\'t be made: '
                f'{exc.strerror}.') from exc

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
        self.attach(share, None, True)
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
        failed = []
        progress.check()
        if share.path:
            for name in os.listdir(path) if os.path.isdir(path) else ():
                _remove(os.path.join(path, name), failed)
                progress.advance(1, 0)
        else:
            _remove(path, failed)
        if failed:
            raise base.ShareError(
                f'{failed[0]} could not be removed, and '
                f'{len(failed) - 1} more.')


def _remove(path, failed):
    def note(function, name, info):
        if not isinstance(info[1], FileNotFoundError):
            failed.append(f'{os.fsencode(name)!r}: {info[1]}')

    try:
        is_dir = stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return
    if is_dir:
        shutil.rmtree(path, onerror=note)
    else:
        os.unlink(path)
