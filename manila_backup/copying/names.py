# SPDX-License-Identifier: Apache-2.0
"""Names, and paths, that the file system of a repository can store."""

import os

from manila_backup.copying import journal
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import name_keys
from manila_backup.fs import removal

_PROBES = 'names'

# Where these can be made, any name can.
_HARDEST = (
    b'x' * 255, b'\xc3\xa9' * 127, bytes(range(1, 128)).replace(b'/', b''),
    b'not UTF-8: \xff\xfe', b'a dot at the end.', b'a space at the end ',
    b'CON')

# Some limit whole paths: no program names one of more than this at once, so
# none that answers for a file system in user space, or on a server, has to
# take it.
_LONGEST_PATH = 4096
# What any of them takes, with all that is above the share's directory.
_SHORT_PATH = 200
# What such a path is tried with: any file system has a name like that.
_STEP = b'x' * 80


class Names:
    """Asks by making directories in an empty one; a context manager.

    :param directory: int, descriptor of the attempt's directory.
    :ivar folds: bool, whether some names are taken for one another.
    :ivar reserved: set of bytes, names that it has for its snapshots.
    """

    def __init__(self, directory):
        self._directory = directory
        try:
            os.mkdir(_PROBES, 0o700, dir_fd=directory)
            self._fd = os.open(_PROBES, handles.DIRECTORY, dir_fd=directory)
            self.folds = name_keys.folds(self._fd)
            self.reserved = name_keys.reserved(self._fd)
        except OSError as exc:
            raise errors.failed('write to', 'the repository', exc) from exc
        self._takes_any = not any(map(self._try, _HARDEST))
        self._has_limit = None      # not known yet
        self._making = None

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        if self._making:
            self._making[0].close()
            os.close(self._making[1])
        os.close(self._fd)
        removal.remove(_PROBES, self._directory)

    def _find_limit(self):
        """Find out whether directories can be nested only so deeply; there
        are too many calls in it to be made for a share that needs none of it.
        """
        self._has_limit = self._limits_paths()
        if self._has_limit:
            data = os.open(journal.DATA, handles.DIRECTORY,
                           dir_fd=self._directory)
            self._making = handles.MakingDescent(data), data

    def _limits_paths(self):
        here = os.dup(self._fd)
        try:
            for _ in range(_LONGEST_PATH // len(_STEP) + 1):
                os.mkdir(_STEP, dir_fd=here)
                below = os.open(_STEP, handles.DIRECTORY, dir_fd=here)
                os.close(here)
                here = below
        except OSError as exc:
            return errnos.can_not_hold(exc)
        finally:
            os.close(here)
        return False

    def _try(self, name):
        """The OSError that there is; None if it can be made."""
        try:
            os.mkdir(name, dir_fd=self._fd)
            os.rmdir(name, dir_fd=self._fd)
        except OSError as exc:
            return exc
        return None

    def refusal(self, name):
        """Return the OSError if a directory can't have a name; None if it
        can, or if another cause than the name is to blame."""
        exc = None if self._takes_any else self._try(name)
        return exc if exc and errnos.can_not_hold(exc) else None

    def too_long(self, path):
        """Return the OSError if a directory can't be made because of its
        path; None if it can, or has been, or if another cause is to blame.

        :param path: bytes, in the share.
        """
        if len(path) <= _SHORT_PATH:
            return None
        if self._has_limit is None:
            self._find_limit()
        if not self._making:
            return None
        try:
            self._making[0].enter(path)
        except OSError as exc:
            return exc if errnos.can_not_hold(exc) else None
        return None

    def fallen(self, directory, ignore=frozenset()):
        """The names that a directory of the share can't have in the
        repository beside others.

        :param ignore: names not to look at.
        :returns: dict of each to the one that has its place; to None if that
            is what the repository's file system has snapshots in.
        """
        found = dict.fromkeys(self.reserved)
        if self.folds:
            found.update(name_keys.fallen(self._fd, name_keys.groups(
                directory, (), ignore)))
        return found
