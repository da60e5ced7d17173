# SPDX-License-Identifier: Apache-2.0
"""Making single entries of a backup, anywhere, and comparing them with what a
share has."""

import errno
import os
import stat

from manila_backup.copying import room
from manila_backup.copying import stored_content
from manila_backup import exception
from manila_backup.fs import attributes
from manila_backup.fs import difference
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import inode_flags
from manila_backup.fs import special_files


class Maker:
    """Makes entries, regular files of content whose digest is right.

    :param data: int, descriptor of the backup's tree.
    :param progress: counts bytes.
    :ivar setter: :class:`~manila_backup.fs.attributes.Setter`.
    :ivar content: :class:`~manila_backup.copying.stored_content.
        StoredContent`.
    """

    def __init__(self, data, progress):
        self._progress = progress
        self.setter = attributes.Setter()
        self.content = stored_content.StoredContent(data, progress, damaged)

    def make(self, one, entry, directory, name, inherits=False):
        """Make an entry that is no directory.

        :param one: its item.
        :param directory: int, descriptor of where to.
        :param name: bytes, a name that nothing has there.
        :param inherits: bool, whether what is made there may get attributes by
            itself.
        :returns: list of bytes, what it lacks; ``node`` alone if it could not
            be made.
        :raises DamagedBackup: its content is not what was stored. Nothing is
            made then, nor where an OSError comes of it.
        """
        try:
            if entry.kind != b'F':
                return special_files.make(directory, entry, self.setter,
                                          name, inherits)
            return self._file(one, entry, directory, name, inherits)
        except FileExistsError:
            raise
        except BaseException:
            handles.unlink(name, directory)
            raise

    def over(self, one, entry, directory, name, place, temporary, inherits):
        """Make an entry of which there is no room beside what has its place:
        see :mod:`manila_backup.copying.room`.

        :param directory: int, descriptor of where its place is; ``name`` its
            name there.
        :param place: int, of where it would be made; ``temporary`` its name
            there. ``inherits`` is as for :meth:`make`.
        :returns: (what it lacks, as of that; bool, whether it has got its
            place).
        :raises OSError: there is no way, and what is there has stayed.
        """
        if entry.kind != b'F':
            # Not even room for one more entry. It would go anyway.
            handles.unlink(name, directory)
            return self.make(one, entry, place, temporary, inherits), False
        st = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISREG(st.st_mode):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        source = self._open(one, entry)
        try:
            # What follows may leave nothing of the old one.
            self.content.verify(source, one.directory, entry)
            target = room.clone_of(directory, name, place, temporary)
            if target is not None:
                lost = self._cloned(source, target, one, entry, place,
                                    temporary, inherits)
                if lost is not None:
                    return lost, False
            target = room.for_changes(directory, name, entry, source,
                                      lambda st: st.st_nlink > 1)
            if target is not None:
                return self._complete(source, target, one, entry,
                                      self.content.patch, True), True
            room.free(directory, name, source)
        finally:
            os.close(source)
        return self.make(one, entry, place, temporary, inherits), False

    def _cloned(self, source, target, one, entry, place, temporary,
                inherits):
        """Make a clone what it should be; None if there is no room for
        that."""
        try:
            return self._complete(source, target, one, entry,
                                  self.content.patch, inherits)
        except BaseException as exc:
            handles.unlink(temporary, place)
            if isinstance(exc, OSError) and errors.is_full(exc):
                return None
            raise

    def _file(self, one, entry, directory, name, inherits):
        source = self._open(one, entry)
        try:
            target = os.open(name, handles.CREATE, entry.mode & 0o700 | 0o200,
                             dir_fd=directory)
            return self._complete(source, target, one, entry, self._fill,
                                  inherits)
        finally:
            os.close(source)

    def _complete(self, source, target, one, entry, fill, inherits):
        """Give an open file its content and its attributes, and close it.

        :param fill: called with source, target, the path of the directory
            that it was in, and entry; returns the bytes counted as progress.
        :returns: list of bytes, what it lacks.
        """
        try:
            if entry.xattrs:
                inode_flags.prepare(target, entry.xattrs)
            counted = fill(source, target, one.directory, entry)
            if counted:
                # Whoever goes on to the next entry counts all of this one.
                self._progress.advance(0, -counted)
            return self.setter.apply(
                target, entry, os.fstat(target), had=(
                    attributes.read_like(target, entry) if inherits else ()))
        finally:
            # Of some file systems, this is where room is missing.
            os.close(target)

    def _open(self, one, entry):
        fd = self.content.open(one.directory, entry)
        st = os.fstat(fd)
        if not stat.S_ISREG(st.st_mode) or st.st_size != entry.size:
            os.close(fd)
            raise damaged(one.path)
        return fd

    def _fill(self, source, target, path, entry):
        if not stored_content.verifies_itself(entry):
            self.content.verify(source, path, entry)
        return self.content.fill(source, target, path, entry)


def damaged(path):
    """The error of a file whose content is not what was stored."""
    return exception.DamagedBackup(
        f'"{errors.printable(path)}" is damaged in the backup.')


class Comparer:
    """Compares entries with what a share has.

    :param tick: called with numbers of bytes read.
    :param attributes_too: bool, whether owners, modes, times and extended
        attributes count.
    """

    def __init__(self, tick, attributes_too=True):
        self._tick = tick
        self._attributes_too = attributes_too

    def same(self, entry, directory, name, st):
        """Tell whether something is what an entry was.

        :param directory: int, descriptor of where it is.
        :param st: os.stat_result of it.
        """
        try:
            if difference.in_shape(entry, directory, name, st):
                return False
            if entry.kind == b'F':
                return self._same_file(entry, directory, name, st)
            return self._same_node(entry, directory, name, st)
        except OSError as exc:
            if not errnos.is_of_entry(exc):
                raise
            return False

    def _same_file(self, entry, directory, name, st):
        if self._attributes_too and st.st_mtime_ns != entry.mtime:
            return False
        fd = os.open(name, handles.READ, dir_fd=directory)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode) or (
                    difference.in_content(entry, fd, self._tick)):
                return False
            return not self._attributes_too or not difference.in_attributes(
                entry, os.fstat(fd), attributes.read_like(fd, entry))
        finally:
            os.close(fd)

    def _same_node(self, entry, directory, name, st):
        return not self._attributes_too or not difference.in_attributes(
            entry, st, attributes.read_xattrs(
                attributes.special(directory, name), follow=False))
