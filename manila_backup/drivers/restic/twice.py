# SPDX-License-Identifier: Apache-2.0
"""Directories whose listing names an entry twice, as those of some network and
stacked file systems do: restic makes no backup of one. It is given what is in
them by name instead, each once.
"""

import os

from manila_backup.drivers.restic import sidecar_scan
from manila_backup.fs import handles


class Search(sidecar_scan.SidecarScan):
    """A look for them.

    :ivar found: set of their paths, as bytes.
    """

    def __init__(self, root, ignore, *args):
        super().__init__(root, ignore, 0, *args)
        self.found = set()
        self._at, self._names = None, set()

    def _entry(self, fd, entry, path, here):
        name = os.fsencode(entry.name)
        if path != self._at:
            self._at, self._names = path, set()
        if path == handles.ROOT and name in self._ignore:
            return
        if name in self._names:
            self.found.add(path)
            return
        self._names.add(name)
        if entry.is_dir(follow_symlinks=False):
            here.put(name)


def targets(root, directories, without=frozenset()):
    """List the paths to give to restic so that it lists none of some
    directories itself.

    :param root: int, descriptor of the share's directory.
    :param directories: set of paths, as bytes.
    :param without: set of paths, as bytes, that restic must not read.
    :returns: iterator over paths as bytes: all that is in those, and in the
        directories on the way there.
    """
    listed = {handles.ROOT}
    for path in directories:
        while path and path != handles.ROOT:
            listed.add(path)
            path = path.rpartition(b'/')[0]
    descent = handles.Descent(root)
    try:
        for path in sorted(listed):
            with handles.entries(descent.enter(path)) as found:
                names = {os.fsencode(entry.name) for entry in found}
            for name in sorted(names):
                below = handles.join(path, name)
                if below not in listed and below not in without:
                    yield below
    finally:
        descent.close()
