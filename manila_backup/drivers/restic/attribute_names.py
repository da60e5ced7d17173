# SPDX-License-Identifier: Apache-2.0
"""Extended attributes that the file system of a share does not have: restic
passes over them when it restores, and tells none. So a backup's mark has the
names of all that are in the share, with some of the entries that have each.
"""

import os

from manila_backup.fs import attributes
from manila_backup.fs import dirent
from manila_backup.fs import errors
from manila_backup.fs import handles

_MARK = 'attribute_names'

# How many names a mark has, and entries of each, and in all.
_NAMES, _OF_EACH, _ENTRIES = 500, 20, 2_000


class Names:
    """Names of the attributes in one share."""

    def __init__(self):
        self._found = {}
        self._entries = 0

    def add(self, path, names):
        """Note the names of the attributes of an entry, as str."""
        for name in names:
            if name not in self._found and len(self._found) >= _NAMES:
                continue
            found = self._found.setdefault(name, [0, []])
            found[0] += 1
            if len(found[1]) < _OF_EACH and (
                    self._entries < _ENTRIES or not found[1]):
                self._entries += 1
                found[1].append(dirent.quote(path).decode())

    def about(self):
        """Return them for the backup's mark, as dict: ``attribute_names`` is
        a list of [name, number of entries, paths of some]."""
        return {_MARK: [[dirent.quote(os.fsencode(name)).decode(), *found]
                        for name, found in sorted(self._found.items())]}


def check(about, root, told, problems):
    """Tell the attributes that no entry has got that should have it.

    :param about: dict, what the backup's mark says; of an earlier release,
        nothing of it.
    :param root: int, descriptor of the tree that restic has restored.
    :param told: predicate of paths, as bytes: whether it is known otherwise
        what an entry lacks.
    :param problems: :class:`~manila_backup.copying.reporting.Problems`.
    :raises ValueError, TypeError, Malformed: the mark makes no sense.
    """
    descent = handles.Descent(root)
    try:
        for name, count, paths in about.get(_MARK, ()):
            name = os.fsdecode(dirent.unquote(name.encode()))
            lacking = []
            for path in paths:
                path = dirent.checked_path(path.encode())
                if not told(path):
                    if _has(descent, path, name):
                        break
                    lacking.append(path)
            else:
                _tell(lacking, name, count - len(paths), problems)
    finally:
        descent.close()


def _tell(paths, name, more, problems):
    for path in paths:
        problems.lost(path, [b'x:' + os.fsencode(name)])
    if paths:
        problems.merge((), more)


def _has(descent, path, name):
    parent, last = handles.split(path)
    try:
        return name in os.listxattr(attributes.special(descent.enter(
            parent), last), follow_symlinks=False)
    except OSError as exc:
        # What is not there is told.
        return exc.errno in errors.GONE
