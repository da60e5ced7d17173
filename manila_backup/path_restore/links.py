# SPDX-License-Identifier: Apache-2.0
"""Hard links among the entries that are restored."""

import os

from manila_backup.fs import errnos
from manila_backup.fs import handles
from manila_backup.path_restore import selection

# Files of which the first name is remembered. Of others, each name becomes a
# file of its own.
_MOST = 100_000


class Links:
    """Files that were restored and may have more names.

    :param target: a :class:`~manila_backup.fs.handles.Descent` of the share.
    :ivar aside: (path that a directory gets in the end, path that it has now)
        while one is made aside; else None.
    """

    def __init__(self, target):
        self._target = target
        self._known = {}
        self.aside = None

    def remember(self, line, path, st):
        """Remember a name of a file, if there is none yet.

        :param line: int, what all its names have in common.
        :param path: bytes, that it gets in the end.
        :param st: os.stat_result.
        """
        if len(self._known) < _MOST:
            self._known.setdefault(line, (path, st.st_dev, st.st_ino))

    def make(self, line, directory, name):
        """Make another name of a file.

        :param directory: int, descriptor of where to.
        :returns: bool, whether that was possible.
        """
        first = self._known.get(line)
        if first is None:
            return False
        path, device, inode = first
        if self.aside is not None:
            final, now = self.aside
            if selection.is_below(path, final):
                path = now + path[len(final):]
        where, other = handles.split(path)
        try:
            os.link(other, name, src_dir_fd=self._target.enter(where),
                    dst_dir_fd=directory, follow_symlinks=False)
        except FileExistsError:
            raise
        except OSError as exc:
            if not errnos.is_of_entry(exc):
                raise
            return False
        st = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if (st.st_dev, st.st_ino) == (device, inode):
            return True
        # Somebody has put something else there.
        handles.unlink(name, directory)
        return False
