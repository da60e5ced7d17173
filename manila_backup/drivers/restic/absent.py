# SPDX-License-Identifier: Apache-2.0
"""Entries that a backup lacks because they could not be read: a restore must
not take them for absent from the share, and remove them."""

from manila_backup.drivers import base
from manila_backup.fs import dirent

# How many of them a mark holds.
_MOST = 20_000

#: What restic says in place of each byte that is not UTF-8.
_UNKNOWN = '\ufffd'


class Absent:
    """Paths of entries that are in a share and not in its backup.

    :param quoted: list of them, as :attr:`quoted` was.
    :param most: int, how many there may be.
    """

    def __init__(self, quoted=(), most=_MOST):
        self._most = most
        self._names = {}
        self._count = 0
        for each in quoted:
            self.add(dirent.unquote(each.encode()))

    def add(self, path):
        """Note one.

        :param path: bytes, in the share; restic's way of showing it will do.
        :returns: bool, whether it is none that was noted before, so far as
            that can be known.
        :raises DriverError: they are too many.
        """
        parent, _, name = _shown(path).rpartition('/')
        names = self._names.setdefault(parent, set())
        if name in names:
            return _UNKNOWN in parent + name
        names.add(name)
        self._count += 1
        if self._count > self._most:
            raise base.DriverError(
                f'More than {self._most} entries of the share could not be '
                f'read: its file system is probably faulty.')
        return True

    def __contains__(self, path):
        """Tell whether a path is one of them, as restic shows it."""
        parent, _, name = _shown(path).rpartition('/')
        return name in self._names.get(parent, ())

    @property
    def quoted(self):
        """All of them as list of str, for a mark."""
        return sorted(
            dirent.quote('/'.join(filter(None, (parent, name))).encode())
            .decode() for parent, names in self._names.items()
            for name in names)

    def of(self, path):
        """List the names that the backup lacks in a directory.

        :param path: bytes, ``b''`` or ``b'.'`` for the root.
        :returns: list of names, as bytes, and whether that is all: not where
            a name is not known for certain.
        """
        names = self._names.get('' if path == b'.' else _shown(path), ())
        sure = [name.encode() for name in names if _UNKNOWN not in name]
        return sorted(sure), len(sure) == len(names)


def shown(path):
    """Return a path as restic shows it, as bytes.

    :param path: bytes.
    """
    return path if path.isascii() else _shown(path).encode()


def is_alike(path, shown):
    """Tell whether restic shows a path in a certain way.

    :param path: bytes.
    :param shown: bytes, that way.
    """
    return _shown(path) == _shown(shown)


def is_vague(path):
    """Tell whether restic may have printed a path otherwise than it is.

    :param path: bytes.
    """
    return _UNKNOWN in _shown(path)


def _shown(path):
    """A path as restic shows it."""
    return ''.join(_UNKNOWN if '\udc80' <= char <= '\udcff' else char
                   for char in path.decode('utf-8', 'surrogateescape'))
