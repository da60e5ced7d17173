# SPDX-License-Identifier: Apache-2.0
"""Hard links among the entries that are restored."""

import os

from manila_backup.copying import reporting
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.path_restore import selection

# Files of which the first name is remembered. Of others, each name becomes a
# file of its own.
_MOST = 100_000


class Links:
    """Files that were restored and may have more names.

    :param target: a :class:`~manila_backup.fs.handles.Descent` of the share.
    :param problems: :class:`~manila_backup.copying.reporting.Problems`, which
        get what becomes a file of its own; ``problems`` later on.
    :ivar aside: (path that a directory gets in the end, path that it has now)
        while one is made aside; else None.
    """

    def __init__(self, target, problems):
        self._target = target
        self.problems = problems
        self._known = {}
        self._is_full = False
        self.aside = None

    def remember(self, line, path, st):
        """Remember a name of a file, if there is none yet.

        :param line: int, what all its names have in common.
        :param path: bytes, that it gets in the end.
        :param st: os.stat_result.
        """
        if len(self._known) < _MOST:
            self._known.setdefault(line, (path, st.st_dev, st.st_ino))
        elif not self._is_full and line not in self._known:
            self._is_full = True
            self.problems.add(
                f'More than {_MOST} files have several names: those of '
                f'"{errors.printable(path)}" and of others after it are '
                'copies in the share, not hard links of one another.')

    def forget(self, path):
        """Forget the names that a directory has, which is removed.

        :param path: bytes, that it would have got.
        """
        self._known = {line: known for line, known in self._known.items()
                       if not selection.is_below(known[0], path)}

    def make(self, line, directory, name, final):
        """Make another name of a file, and tell if that is not possible.

        :param directory: int, descriptor of where to.
        :param name: bytes, what it is called there.
        :param final: bytes, the path that it gets in the end.
        :returns: bool, whether it was made.
        """
        first = self._known.get(line)
        if first is None:
            return False
        path, device, inode = first
        here = path
        if self.aside is not None:
            place, now = self.aside
            if selection.is_below(path, place):
                here = now + path[len(place):]
        where, other = handles.split(here)
        try:
            os.link(other, name, src_dir_fd=self._target.enter(where),
                    dst_dir_fd=directory, follow_symlinks=False)
        except FileExistsError:
            raise
        except OSError as exc:
            if not errnos.is_of_entry(exc):
                raise
            self.problems.add(reporting.parted(final, path, 'share',
                                               errors.reason(exc)))
            return False
        st = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if (st.st_dev, st.st_ino) == (device, inode):
            return True
        # Somebody has put something else there.
        handles.unlink(name, directory)
        self.problems.add(reporting.parted(
            final, path, 'share', 'that has become something else'))
        return False
