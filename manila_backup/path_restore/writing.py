# SPDX-License-Identifier: Apache-2.0
"""Making single entries of a backup, anywhere, and comparing them with what a
share has."""

import hashlib
import os
import stat

from manila_backup.copying import reporting
from manila_backup import exception
from manila_backup.fs import attributes
from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import inode_flags
from manila_backup.fs import special_files

_HOLES = b'holes:'


class Maker:
    """Makes entries, regular files of content whose digest is right.

    :param data: int, descriptor of the backup's tree.
    :param progress: counts bytes.
    :ivar setter: :class:`~manila_backup.fs.attributes.Setter`.
    :ivar written: int, bytes of content.
    """

    def __init__(self, data, progress):
        self._stored = handles.Descent(data)
        self._progress = progress
        self.setter = attributes.Setter()
        self.written = 0

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

    def _file(self, one, entry, directory, name, inherits):
        source = self._open(one, entry)
        try:
            target = os.open(name, handles.CREATE, entry.mode & 0o700 | 0o200,
                             dir_fd=directory)
            try:
                if entry.xattrs:
                    inode_flags.prepare(target, entry.xattrs)
                self._fill(source, target, one, entry)
                return self.setter.apply(
                    target, entry, os.fstat(target), had=(
                        attributes.read_like(target, entry) if inherits
                        else ()))
            finally:
                # Of some file systems, this is where room is missing.
                os.close(target)
        finally:
            os.close(source)

    def _open(self, one, entry):
        try:
            fd = os.open(one.name, handles.READ,
                         dir_fd=self._stored.enter(one.directory))
        except OSError as exc:
            raise errors.failed('read in the repository', one.path, exc,
                                reporting.kind(exc)) from exc
        st = os.fstat(fd)
        if not stat.S_ISREG(st.st_mode) or st.st_size != entry.size:
            os.close(fd)
            raise damaged(one)
        return fd

    def _fill(self, source, target, one, entry):
        if entry.size <= content.SMALL and not entry.extra.startswith(
                _HOLES):
            data = _read(source, one, entry)
            if content.holed(os.fstat(source)):
                content.write_like(source, target, data)
            elif data:
                content.write_all(target, data)
            self.written += len(data)
            return
        counted = reporting.Counted(self._progress)
        try:
            found = content.digest(source, entry.size, entry.extra, counted)
            if found != entry.extra:
                raise damaged(one)
            self.written += content.clone(
                source, target, entry.size,
                lambda count: self._progress.check())
        except content.Changed:
            raise damaged(one) from None
        except content.WriteFailed:
            raise
        except OSError as exc:
            raise errors.failed('read in the repository', one.path, exc,
                                reporting.kind(exc)) from exc
        finally:
            # All of it is counted by whoever goes on to the next entry.
            counted.take_back()

    def close(self):
        """Let go of the backup's directories."""
        self._stored.close()


def _read(source, one, entry):
    try:
        data = os.pread(source, entry.size + 1, 0)
    except OSError as exc:
        raise errors.failed('read in the repository', one.path, exc,
                            reporting.kind(exc)) from exc
    if hashlib.sha256(data).hexdigest().encode() != entry.extra:
        raise damaged(one)
    return data


def damaged(one):
    """The error of a file whose content is not what was stored."""
    return exception.DamagedBackup(
        f'"{errors.printable(one.path)}" is damaged in the backup.')


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
        if stat.S_IFMT(st.st_mode) != dirent.TYPES[entry.kind]:
            return False
        try:
            if entry.kind == b'F':
                return self._same_file(entry, directory, name, st)
            return self._same_node(entry, directory, name, st)
        except OSError as exc:
            if not errnos.is_of_entry(exc):
                raise
            return False

    def _same_file(self, entry, directory, name, st):
        if st.st_size != entry.size or (
                self._attributes_too and st.st_mtime_ns != entry.mtime):
            return False
        fd = os.open(name, handles.READ, dir_fd=directory)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode) or content.digest(
                    fd, entry.size, entry.extra, self._tick) != entry.extra:
                return False
            return not self._attributes_too or not attributes.differ(
                entry, os.fstat(fd), attributes.read_like(fd, entry))
        except content.Changed:
            return False
        finally:
            os.close(fd)

    def _same_node(self, entry, directory, name, st):
        if entry.kind == b'L':
            if os.readlink(name, dir_fd=directory) != entry.extra:
                return False
        elif entry.kind in b'CB' and st.st_rdev != entry.extra:
            return False
        return not self._attributes_too or not attributes.differ(
            entry, st, attributes.read_xattrs(
                attributes.special(directory, name), follow=False))
