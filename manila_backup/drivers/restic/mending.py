# SPDX-License-Identifier: Apache-2.0
"""Attributes of entries that restic could not restore in full, set one by one
to what its repository has of them.

restic goes on to the next entry after the first extended attribute that can't
be set, and tells only the first error that it has with the attributes of one.
"""

import base64
import os
import stat

from manila_backup.drivers import base
from manila_backup.drivers.restic import absent
from manila_backup.drivers.restic import listed
from manila_backup.drivers.restic import times
from manila_backup.drivers.restic import trees
from manila_backup.fs import attributes
from manila_backup.fs import dirent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles

# How many directories restic is asked for: each takes it a second.
_MOST = 100


class Mending:
    """Of one tree.

    :param restic: a :class:`~.command.Restic`.
    :param snapshot: str, the id of the content.
    :param root: int, descriptor of the tree.
    """

    def __init__(self, restic, snapshot, root):
        self._restic = restic
        self._snapshot = snapshot
        self._root = root
        self._setter = attributes.Setter()

    def mend(self, paths):
        """Set what can be set.

        :param paths: list of bytes.
        :returns: dict of path to what could not be kept of it, list of bytes
            as in the manifest's ``lost=``; without those of which nothing is
            known.
        :raises DriverError: the file system or the repository fails.
        """
        places = {}
        for path in paths:
            parent, _, name = path.rpartition(b'/')
            places.setdefault(parent, []).append(name)
        descent = handles.Descent(self._root)
        done = {}
        try:
            # What is above comes last: times of directories change.
            for parent in sorted(places, reverse=True)[:_MOST]:
                nodes = self._nodes(parent)
                for name in places[parent]:
                    path = handles.join(parent or handles.ROOT, name)
                    lost = name in nodes and self._set(
                        descent, parent, name, nodes[name])
                    if lost is not False:
                        done[path] = lost
        finally:
            descent.close()
        return done

    def _nodes(self, parent):
        """Read what the repository has of a directory: dict of names, as
        bytes, to nodes."""
        try:
            return trees.nodes(self._restic, self._snapshot,
                               parent or handles.ROOT)
        except base.RepositoryUnavailable:
            raise
        except (base.DriverError, ValueError, KeyError, TypeError):
            return {}

    def _set(self, descent, parent, name, node):
        try:
            directory = descent.enter(parent or handles.ROOT)
            st = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode):
                return self._opened(directory, name, node)
            target = attributes.special(directory, name)
            entry = _entry(name, st, node)
            lost = self._setter.apply(
                target, entry, st, follow=False,
                had=attributes.read_xattrs(target, follow=False))
            if entry.kind != b'L' and not self._setter.set_mode(
                    directory, name, entry, b'owner' not in lost) and (
                        b'mode' not in lost):
                lost.append(b'mode')
            return lost
        except OSError as exc:
            if exc.errno not in errors.GONE and not errnos.is_of_entry(
                    exc, self._root):
                raise errors.failed(
                    'set in the share the attributes of',
                    handles.join(parent or handles.ROOT, name), exc) from exc
        return False

    def _opened(self, directory, name, node):
        fd = os.open(name, handles.READ, dir_fd=directory)
        try:
            st = os.fstat(fd)
            return self._setter.apply(fd, _entry(name, st, node), st,
                                      had=attributes.read_xattrs(fd))
        finally:
            os.close(fd)


def _entry(name, st, node):
    """An entry with the attributes of a node, of what there is now."""
    return dirent.of_stat(
        dirent.KINDS.get(stat.S_IFMT(st.st_mode), b'F'), name, st)._replace(
        mode=listed.mode_of(node), uid=node.get('uid', 0),
        gid=node.get('gid', 0),
        # Those that restic can't restore are set last of all.
        mtime=times.restored(node['mtime'], st.st_mtime_ns),
        xattrs=tuple(sorted(
            (each['name'], base64.b64decode(each['value'] or ''))
            for each in node.get('extended_attributes') or ()
            # The rest is in the backup's mark.
            if not absent.is_vague(os.fsencode(each['name'])))))
