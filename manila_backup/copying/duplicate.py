# SPDX-License-Identifier: Apache-2.0
"""A copy of a tree beside it, for snapshots of shares: as a backup is made,
but with no more than the tree itself in the end, and with files that share
their blocks with what they are copies of, where the filesystem can do that.
"""

import contextlib
import errno
import os
import time

from manila_backup.copying import journal
from manila_backup.copying import names
from manila_backup.copying import regular_files
from manila_backup.copying import roots
from manila_backup.copying import stable_read
from manila_backup.copying import store
from manila_backup.copying import tree_copy
from manila_backup.fs import attributes
from manila_backup.fs import clones
from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import inode_flags
from manila_backup.fs import removal
from manila_backup.fs import syscalls

#: Where the copy is.
DATA = journal.DATA

# Not here; and not of this file, such as one for swapping.
_NO_CLONES = frozenset((errno.EXDEV, errno.EOPNOTSUPP, errno.ENOTTY,
                        errno.ENOSYS))
_NO_CLONE = frozenset((errno.EINVAL, errno.EPERM, errno.ETXTBSY))

# In place of a digest, which nobody asks for.
_NONE = b'-'


def duplicate(source, directory, processes, progress):
    """Copy a tree.

    :param source: int, descriptor of its directory.
    :param directory: int, of one that is empty, private and outside of it;
        has :data:`DATA` in the end, synced to the disk, and whatever it has
        if that could not be made.
    :param processes: int, how many copy.
    :returns: a :class:`~.reporting.Result`.
    :raises StorageFailed: it can't be done.
    """
    try:
        root = roots.apart(source)
        try:
            return _copy(root, source, directory, processes, progress)
        finally:
            os.close(root)
    except OSError as exc:
        raise errors.failed('copy the tree to', DATA, exc) from exc


def _copy(root, aside, directory, processes, progress):
    surely = stable_read.surely_from(time.time_ns())
    # As for a backup: what is mapped into memory shows from here on.
    with contextlib.suppress(OSError):
        syscalls.syncfs(root)
    journal.prepare(directory)
    there = os.fstat(directory)
    with _Copy(directory, processes, progress) as copy:
        with names.Names(directory) as taken:
            copy.run(root, aside, surely, (there.st_dev, there.st_ino), taken)
        copy.add_up()
    removal.remove(journal.PARTS, directory, progress.check)
    progress.check()
    syscalls.syncfs(directory)
    return copy.report()


class _Clones(regular_files.RegularFiles):
    """Clones files where that is possible, of one instant each, and copies
    them where it is not."""

    _clones = True

    def store(self, source, name, cloned=None):
        if self._clones:
            try:
                return self._clone(source, name)
            except _Impossible:
                pass
        return super().store(source, name, cloned)

    def _clone(self, source, name):
        try:
            st = stable_read.settle(source)
            fixed, more = inode_flags.read(source, self._project)
            xattrs = tuple(sorted(more + attributes.read_xattrs(source)))
            gone = ([b'flags'] * fixed
                    + [b'x:*room'] * inode_flags.has_room(source, st))
        except OSError as exc:
            raise self.unreadable(name, exc) from exc
        target = self.create(name, st.st_mode)
        try:
            inode_flags.prepare(target, more)
            try:
                clones.clone(source, target)
            except OSError as exc:
                self._clones = exc.errno not in _NO_CLONES
                if exc.errno in _NO_CLONES | _NO_CLONE:
                    raise _Impossible from exc
                raise errors.failed('clone', self._at.path_of(name),
                                    exc) from exc
            # A clone is of one instant, whether it was removed since or not.
            if not content.may_be_same(os.fstat(source), st):
                raise content.Changed
            text = self.finish(target, dirent.of_stat(
                b'F', name, st, _NONE, xattrs, st.st_size), gone)
        except BaseException:
            handles.unlink(name, self._at.target)
            raise
        finally:
            os.close(target)
        return text, 0, st.st_size


class _Cloner(store.Storer):
    regular = _Clones
    noted = False


class _Copy(tree_copy.TreeCopy):
    storer = _Cloner


class _Impossible(Exception):
    """A file can't share its blocks with another."""
