# SPDX-License-Identifier: Apache-2.0
"""Mounts inside a share, which are no part of it: a backup leaves them out,
and a restore must not take them for removed."""

import os
import stat

from manila_backup.copying import warnings
from manila_backup.drivers import base
from manila_backup.fs import dirent
from manila_backup.fs import handles
from manila_backup.fs import mountpoints
from manila_backup import warning_codes

_MARK = 'mounts'


class Mounted:
    """The mounts inside a share that is being read.

    :param root: int, descriptor of its directory, opened by its path.
    :param ignore: list of str, names in the root that are left alone anyhow.
    :param cross: bool, whether what is mounted is part of the share: then
        there are none.
    :ivar paths: list of bytes, all of them.
    :ivar directories: list of bytes, those that are directories.
    :ivar files: list of bytes, the others.
    """

    def __init__(self, root, ignore, cross):
        ignore = frozenset(map(os.fsencode, ignore))
        self.paths = [] if cross else [
            path for path in mountpoints.inside(root)
            if path.split(b'/', 1)[0] not in ignore]
        self.directories, self.files = [], []
        descent = handles.Descent(root)
        for path in self.paths:
            (self.directories if _is_directory(descent, path)
             else self.files).append(path)
        descent.close()

    def about(self):
        """Return the mounts for the backup's mark, as dict: ``mounts`` is a
        list of [path, whether it is a directory]."""
        return {_MARK: [[dirent.quote(path).decode(),
                         path in self.directories] for path in self.paths]}

    def tell(self, problems):
        """Add a sentence for each.

        :param problems: :class:`~manila_backup.copying.reporting.Problems`.
        """
        for path in self.directories:
            problems.add(mountpoints.left_out(path), note=warnings.note(
                path, warning_codes.WarningCode.PARTIAL))
        for path in self.files:
            problems.add(mountpoints.left_out(path, False), note=warnings.note(
                path, warning_codes.WarningCode.MOUNTED))


def _is_directory(descent, path):
    parent, name = handles.split(path)
    try:
        return stat.S_ISDIR(os.stat(
            name, dir_fd=descent.enter(parent),
            follow_symlinks=False).st_mode)
    except OSError:
        return True     # unmounted or gone meanwhile


def restored(about):
    """Parse the mounts in a backup's mark, for a restore.

    :param about: dict, the backup's mark, perhaps from before there was
        anything of it in there.
    :returns: (set of paths of directories of which the backup does not have
        all entries, list of paths of files that it does not have), as bytes.
    :raises DamagedBackup: the mark has something that makes no sense.
    """
    partial, files = set(), []
    try:
        for text, is_directory in about.get(_MARK, ()):
            path = dirent.checked_path(text.encode())
            if is_directory:
                partial.add(path)
            else:
                files.append(path)
                partial.add(handles.split(path)[0])
    except (ValueError, TypeError, AttributeError,
            dirent.Malformed) as exc:
        raise base.DamagedBackup(
            f'The backup\'s mark is damaged: {exc}.') from exc
    return frozenset(partial), files
