# SPDX-License-Identifier: Apache-2.0
"""A tree that restic has restored, compared with its listing of the backup.

restic tells one error of an entry and no more, tells none where it writes the
other names of a file that it could not write, and does not notice what a file
system takes and does not keep.
"""

import json
import os
import stat

from manila_backup.drivers import base
from manila_backup.drivers.restic import absent
from manila_backup.drivers.restic import times
from manila_backup.fs import errors
from manila_backup.fs import handles

# How many entries that are not as they should be are kept.
_MOST = 20_000

#: Types of files, by restic's words for them.
TYPES = {'file': stat.S_IFREG, 'dir': stat.S_IFDIR, 'symlink': stat.S_IFLNK,
         'dev': stat.S_IFBLK, 'chardev': stat.S_IFCHR, 'fifo': stat.S_IFIFO}

# Bits of a mode as Go has them.
_BITS = ((1 << 23, stat.S_ISUID), (1 << 22, stat.S_ISGID),
         (1 << 20, stat.S_ISVTX))


def mode_of(node):
    """Return the permissions of a node of restic's, as ``chmod`` has them.

    :param node: dict.
    """
    # What is 0 is not said.
    mode = node.get('mode', 0)
    return (mode & 0o777) | sum(bit for go, bit in _BITS if mode & go)


class Comparison:
    """One.

    :param root: int, descriptor of the tree.
    :param skip: predicate of paths, as bytes: whether it is known already how
        that is.
    :ivar missing: list of the paths, as bytes, of what is not there, or is
        something else.
    :ivar wrong: list of the paths of what has another owner or mode.
    :ivar times: list of the paths of what has another modification time.
    """

    def __init__(self, root, skip):
        self._descent = handles.Descent(root)
        self._skip = skip
        self._vague = {}
        self._count = 0
        self.missing, self.wrong, self.times = [], [], []

    def take(self, line):
        """Take a line of ``ls --json``, as bytes."""
        try:
            node = json.loads(line)
            path = os.fsencode(node['path']).strip(b'/')
            kind = TYPES.get(node['type'])
        except (ValueError, KeyError, TypeError):
            return
        if kind is None or not path or self._skip(path):
            return
        if absent.is_vague(path):
            self._vague[path] = self._vague.get(path, 0) + 1
            self._note(self._vague, path)
        else:
            self._compare(path, kind | mode_of(node), node.get('size', 0), (
                node.get('uid', 0), node.get('gid', 0)),
                lambda mtime: times.is_same(node['mtime'], mtime))

    def take_item(self, one):
        """Take an entry of the backup's index, a
        :class:`~manila_backup.contents.item.Item`."""
        if one.is_stored and not self._skip(one.path):
            self._compare(one.path, one.mode, one.size, (one.uid, one.gid),
                          lambda mtime: mtime == one.mtime
                          or not times.is_restored(one.mtime))

    def finish(self):
        """Look for those whose names restic does not tell for certain."""
        for path, count in self._vague.items():
            lacking = count - len(resolved(self._descent, path))
            self.missing += [path] * max(0, lacking)
        self._descent.close()

    def _note(self, places, path):
        if places is not self._vague:
            places.append(path)
        self._count += 1
        if self._count > _MOST:
            raise base.DriverError(
                f'More than {_MOST} entries were not restored as the backup '
                f'has them, among them "{errors.printable(path)}": the file '
                'system is probably faulty, or can\'t hold them.')

    def _compare(self, path, mode, size, owner, is_time):
        parent, name = handles.split(path)
        try:
            st = os.stat(name, dir_fd=self._descent.enter(
                parent), follow_symlinks=False)
        except OSError:
            self._note(self.missing, path)
            return
        if stat.S_IFMT(st.st_mode) != stat.S_IFMT(mode) or (
                stat.S_ISREG(mode) and st.st_size != size):
            self._note(self.missing, path)
        elif (st.st_uid, st.st_gid) != owner or (
                not stat.S_ISLNK(mode)
                and stat.S_IMODE(st.st_mode) != stat.S_IMODE(mode)):
            self._note(self.wrong, path)
        elif not is_time(st.st_mtime_ns):
            # Of any number, since a whole file system may hold no better.
            self.times.append(path)


def resolved(descent, path):
    """List the paths that are there of those that restic shows alike.

    :param descent: a :class:`~manila_backup.fs.handles.Descent`.
    :param path: bytes, as restic shows it.
    :returns: list of bytes; of at most one where the name is certain.
    """
    found = [handles.ROOT]
    for part in path.split(b'/'):
        found = [handles.join(place, name) for place in found
                 for name in _names(descent, place, part)]
    return found


def _names(descent, place, part):
    try:
        directory = descent.enter(place)
        if absent.is_vague(part):
            with handles.entries(directory) as entries:
                names = [os.fsencode(entry.name) for entry in entries]
            return [name for name in names if absent.is_alike(name, part)]
        os.stat(part, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return []
    return [part]
