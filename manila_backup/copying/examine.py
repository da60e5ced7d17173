# SPDX-License-Identifier: Apache-2.0
"""Looking at a stored tree: is it what its manifest says?"""

import os

from manila_backup.copying import manifest
from manila_backup.fs import attributes
from manila_backup.fs import difference
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import walk

DIRECTORIES, BLOCKS = 0, 1


def spans(found):
    """Batches of all of a manifest, for :func:`~.pool.run`."""
    for span in found.directories:
        yield (DIRECTORIES, *span)
    for span in found.blocks:
        yield (BLOCKS, *span)


def count(root, check, finder=None):
    """Count the entries below a directory.

    :param root: int, a descriptor.
    :param check: called now and then.
    :param finder: an :class:`~.name_keys.Finder`, to see all names.
    """
    total = 0
    here = walk.Walk(root)
    for path in here:
        for entry in here.entries():
            total += 1
            if finder is not None:
                finder.name(entry.name)
        if finder is not None:
            finder.end(path)
        check()
    return total


class Examiner:
    """Looks at stored entries.

    Each method returns what is wrong, to go after "is", or None.

    :param data: int, descriptor of the backup's tree.
    :param tick: called with numbers of bytes read.
    """

    def __init__(self, data, tick):
        self._descent = handles.Descent(data)
        self._tick = tick

    def enter(self, path):
        """The stored directory, or None if it is not there."""
        try:
            return self._descent.enter(path)
        except OSError as exc:
            if exc.errno in errors.GONE:
                return None
            raise

    def shape(self, directory, entry):
        """Everything that can be told without reading content."""
        return difference.in_shape(entry, directory, entry.name,
                                   handles.look(directory, entry.name))

    def content(self, directory, entry):
        """A regular file's content."""
        try:
            fd = os.open(entry.name, handles.READ, dir_fd=directory)
        except OSError as exc:
            if exc.errno in errors.GONE:
                return 'missing'
            return errors.unreadable(exc)
        try:
            return difference.in_content(entry, fd, self._tick)
        except OSError as exc:
            return errors.unreadable(exc)
        finally:
            os.close(fd)

    def attributes(self, directory, entry):
        """Owner, mode, time and extended attributes, but for what could not
        be stored."""
        if entry.kind == b'D':
            target, follow = directory, True
            st = os.fstat(directory)
        else:
            st = os.stat(entry.name, dir_fd=directory, follow_symlinks=False)
            target = attributes.special(directory, entry.name)
            follow = False
        # On btrfs, the repository's own properties are inherited by all in
        # it.
        wrong = difference.in_attributes(
            entry, st, attributes.read_xattrs(target, follow), entry.lost,
            inherited=('btrfs.',))
        return f'not as stored: {", ".join(wrong)}' if wrong else None

    def links(self, directory, entry, others):
        """Check that all names of a group are names of one file.

        :param others: :class:`~.manifest.Links`.
        :returns: (path of the name that isn't, what is wrong) or None.
        """
        st = handles.look(directory, entry.name)
        for path, text in others:
            name, stored = manifest.link_name(text)
            if not stored:
                continue
            there = self.enter(path)
            other = None if there is None else handles.look(there, name)
            if other is None:
                return handles.join(path, name), 'missing'
            if st is None or not os.path.samestat(st, other):
                return handles.join(path, name), (
                    'not the hard link that it was')
        return None
