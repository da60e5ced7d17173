# SPDX-License-Identifier: Apache-2.0
"""Taking over files that are stored already: what those of an interrupted
attempt and those of the parent backup have in common.

A file is the same if its name, inode, size, mtime and ctime in the share are
what they were when it was stored: the ctime changes with every change of
content or attributes and nobody can set it back.
"""

import copy
import os

from manila_backup.copying import journal
from manila_backup.copying import manifest
from manila_backup.fs import clones
from manila_backup.fs import dirent
from manila_backup.fs import handles


class StoredFiles:
    """Files to be taken over. Made before the fork; what each lane uses after
    it is a copy of its own.

    :param directory: int, descriptor of where they and what lists them are;
        kept.
    :cvar has_flags: bool, whether it has inode flags and project ids.
    """

    has_flags = False

    def __init__(self, directory):
        self.directory = directory
        self.data = os.open(journal.DATA, handles.DIRECTORY,
                            dir_fd=directory)
        self.descent = handles.Descent(self.data)
        self.indexes = []       # of what lists them: manifest_index.Index

    def close(self):
        """Let go of all of it."""
        self.descent.close()
        for fd in (*(index.fd for index in self.indexes), self.data,
                   self.directory):
            os.close(fd)

    def apart(self):
        """A copy for another thread, which shares all that takes room. Only
        the first one is ever closed."""
        found = copy.copy(self)
        found.descent = handles.Descent(self.data)
        found.indexes = [index.apart() for index in self.indexes]
        return found

    def take(self, path, file, target, setter, names, tick):
        """Store an unchanged file without its data.

        :param path: bytes, of the directory it is in.
        :param file: (name, inode, size, mtime, ctime), as it is now.
        :param target: int, descriptor of the new directory.
        :param setter: an :class:`~.attributes.Setter`.
        :param names: int, how many names it is going to have.
        :param tick: called with numbers of bytes as work goes on.
        :returns: (line for the manifest, what was lost), or None if it has
            to be copied; then there is nothing under its name.
        """
        name, inode, size, mtime, ctime = file
        same = b' %d %d %d %d ' % (mtime, ctime, inode, size)
        for index in self.indexes:
            for text in index.find(path, name):
                if same in text and not manifest.has_unread(text):
                    taken = self._take(index, text, path, file, target,
                                       setter, names, tick)
                    if taken:
                        return taken
        return None

    def _take(self, index, text, path, file, target, setter, names, tick):
        """Store one, as :meth:`take`, which was found.

        :param index: the one it was found in.
        :param text: bytes, its line, without the newline.
        """
        raise NotImplementedError


def clone(directory, entry, target, setter):
    """Make a new file with the same blocks as a stored one, and an entry's
    attributes.

    :param directory: int, descriptor of the directory that the one is in.
    :param target: int, of the one that the other is to be in.
    :returns: as :meth:`StoredFiles.take`.
    """
    source = os.open(entry.name, handles.READ, dir_fd=directory)
    try:
        if os.fstat(source).st_size != entry.size:
            return None
        out = os.open(entry.name, handles.CREATE, entry.mode & 0o777,
                      dir_fd=target)
        try:
            clones.clone(source, out)
            lost = setter.apply(out, entry, os.fstat(out))
        except OSError:
            os.unlink(entry.name, dir_fd=target)
            raise
        finally:
            os.close(out)
    finally:
        os.close(source)
    lost += [each for each in (b'flags', b'x:*room') if each in entry.lost]
    return dirent.line(entry._replace(lost=()), lost), lost
