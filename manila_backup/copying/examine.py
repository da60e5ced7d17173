# SPDX-License-Identifier: Apache-2.0
"""Looking at a stored tree: is it what its manifest says?"""

import os
import stat

from manila_backup.copying import manifest
from manila_backup.fs import attributes
from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import spools
from manila_backup.fs import walk

DIRECTORIES, BLOCKS = 0, 1


def spans(found):
    """Batches of all of a manifest, for :func:`~.pool.run`."""
    for span in found.directories:
        yield (DIRECTORIES, *span)
    for span in found.blocks:
        yield (BLOCKS, *span)


def count(root, scratch, check, finder=None):
    """Count the entries below a directory.

    :param root: int, a descriptor.
    :param scratch: int, of a scratch file.
    :param check: called now and then.
    :param finder: an :class:`~.name_keys.Finder`, to see all names.
    """
    here = walk.Walk(root, spools.Spool(scratch))
    total, more = 0, True
    while more:
        with os.scandir(here.enter()) as entries:
            for entry in entries:
                total += 1
                if finder is not None:
                    finder.name(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    here.put(os.fsencode(entry.name))
        if finder is not None:
            finder.end(here.path)
        check()
        more = here.next()
    here.close()
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
        st = handles.look(directory, entry.name)
        if st is None:
            return 'missing'
        if stat.S_IFMT(st.st_mode) != dirent.TYPES[entry.kind]:
            return 'of another type'
        if entry.kind == b'F' and st.st_size != entry.size:
            return 'of another size'
        if entry.kind == b'L' and os.readlink(
                entry.name, dir_fd=directory) != entry.extra:
            return 'a link to something else'
        if entry.kind in b'CB' and st.st_rdev != entry.extra:
            return 'another device'
        return None

    def content(self, directory, entry):
        """A regular file's content."""
        try:
            fd = os.open(entry.name, handles.READ, dir_fd=directory)
        except OSError as exc:
            if exc.errno in errors.GONE:
                return 'missing'
            return errors.unreadable(exc)
        try:
            if content.digest(fd, entry.size, entry.extra,
                              self._tick) != entry.extra:
                return 'damaged: its digest is wrong'
        except content.Changed:
            return 'of another size'
        except OSError as exc:
            return errors.unreadable(exc)
        finally:
            os.close(fd)
        return None

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
        lost = set(entry.lost)
        wrong = []
        if b'owner' not in lost and (st.st_uid, st.st_gid) != (entry.uid,
                                                               entry.gid):
            wrong.append('owner')
        if b'mode' not in lost and entry.kind != b'L' and (
                stat.S_IMODE(st.st_mode) != entry.mode):
            wrong.append('mode')
        if b'time' not in lost and st.st_mtime_ns != entry.mtime:
            wrong.append('modification time')
        kept = tuple(item for item in entry.xattrs
                     if b'x:' + os.fsencode(item[0]) not in lost)
        # On btrfs, the repository's own properties are inherited by all in
        # it.
        if tuple(item for item in attributes.read_xattrs(target, follow)
                 if item in kept or not item[0].startswith('btrfs.')
                 ) != kept:
            wrong.append('extended attributes')
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
