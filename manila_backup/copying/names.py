# SPDX-License-Identifier: Apache-2.0
"""Names that the file system of a repository can store."""

import os

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


class Names:
    """Asks by making directories in an empty one; a context manager.

    :param directory: int, descriptor of the attempt's directory.
    :ivar folds: bool, whether some names are taken for one another.
    """

    def __init__(self, directory):
        self._directory = directory
        try:
            os.mkdir(_PROBES, 0o700, dir_fd=directory)
            self._fd = os.open(_PROBES, handles.DIRECTORY, dir_fd=directory)
            self.folds = name_keys.folds(self._fd)
        except OSError as exc:
            raise errors.failed('write to', 'the repository', exc) from exc
        self._takes_any = not any(map(self._try, _HARDEST))

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        os.close(self._fd)
        removal.remove(_PROBES, self._directory)

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

    def fallen(self, directory, ignore=frozenset()):
        """The names in a directory of the share that would fall together
        with others.

        :param ignore: names not to look at.
        :returns: dict of each to the one that has its place.
        """
        if not self.folds:
            return {}
        return dict(name_keys.fallen(self._fd, name_keys.groups(directory, (),
                                                                ignore)))
