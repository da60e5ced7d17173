# SPDX-License-Identifier: Apache-2.0
"""Taking over what a killed attempt of this backup has stored: its files are
moved."""

import errno
import os

from manila_backup.copying import journal
from manila_backup.copying import manifest
from manila_backup.copying import manifest_index
from manila_backup.copying import stable_read
from manila_backup.copying import tree
from manila_backup.drivers.posix import reuse
from manila_backup.fs import difference
from manila_backup.fs import dirent
from manila_backup.fs import durable
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import syscalls

# How a part begins. In those of the first version, directories are called by
# their paths.
_HEADS = [b'part', b'1'], [b'part', b'2']


class InterruptedAttempt(reuse.StoredFiles):
    """The files of one interrupted attempt.

    :param directory: int, descriptor of the attempt's directory; kept.
    :param folds: bool, whether the repository takes some names for one
        another.
    :ivar began: float, when it did, in seconds since the epoch; 0 if that
        can't be told.
    """

    def __init__(self, directory, folds=False):
        super().__init__(directory)
        self._folds = folds
        self._listed, self._tree = _directories(directory)
        boot = syscalls.boot_id().encode()
        unsafe = durable.can_drop(directory)
        self._reread = set()    # the files of those that must be
        times = []
        for name, booted, began in _parts(directory):
            times.append(began)
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC,
                         dir_fd=directory)
            index = manifest_index.Index(
                fd, directories=self._tree if booted else None)
            self.indexes.append(index)
            if booted and (unsafe or booted != boot):
                self._reread.add(fd)
        self.began = min(times, default=0)

    @classmethod
    def open(cls, share, name, folds=False):
        """Open the work of an earlier attempt.

        :param share: int, descriptor of the share's directory.
        :param name: str, of the attempt's directory there.
        :returns: None if there is nothing to be taken.
        """
        try:
            directory = os.open(name, handles.DIRECTORY, dir_fd=share)
        except OSError:
            return None
        try:
            found = cls(directory, folds)
        except (OSError, dirent.Malformed):
            os.close(directory)
            return None
        if found.files:
            return found
        found.close()
        return None

    @property
    def files(self):
        """int, how many it has."""
        return sum(map(len, self.indexes))

    def close(self):
        super().close()
        if self._listed is not None:
            os.close(self._listed)

    def take(self, path, file, *args):
        """Move a file into the new attempt's directory: see
        :meth:`.StoredFiles.take`.

        :raises StorageFailed: it can't be done.
        """
        try:
            return super().take(path, file, *args)
        except OSError as exc:
            if exc.errno in stable_read.GONE:
                return None
            raise errors.failed('take over from an earlier attempt',
                                handles.join(path, file[0]), exc) from exc

    def _take(self, index, text, path, file, target, setter, names, tick):
        name = file[0]
        entry = dirent.parse(text)
        reread = index.fd in self._reread
        try:
            if not self._move(path, name, target):
                return None
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            # Each attempt's is a subvolume of its own.
            return self._clone(path, entry, target, setter, reread, tick)
        if self._is_sound(entry, target, reread, tick):
            return text + b'\n', entry.lost
        os.unlink(name, dir_fd=target)
        return None

    def _clone(self, path, entry, target, setter, reread, tick):
        """Take a file over as a clone, which what is still written to the
        older attempt does not reach either; None if there can't be one."""
        try:
            directory = self.descent.enter(path)
            if self._is_sound(entry, directory, reread, tick):
                return reuse.clone(directory, entry, target, setter)
        except OSError:
            pass    # it is copied anew, which says what is wrong
        return None

    def _move(self, path, name, target):
        if self._folds:
            # Nothing else may be lost by that.
            try:
                os.close(os.open(name, handles.CREATE, 0o600, dir_fd=target))
            except FileExistsError:
                return False
        try:
            os.rename(name, name, src_dir_fd=self.descent.enter(path),
                      dst_dir_fd=target)
            return True
        except OSError as exc:
            if self._folds:
                handles.unlink(name, target)
            # Moved on already by an attempt in between; or a directory.
            if exc.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR,
                             errno.EEXIST, errno.ENOTEMPTY):
                return False
            raise

    def _is_sound(self, entry, target, reread, tick):
        name = entry.name
        st = os.stat(name, dir_fd=target, follow_symlinks=False)
        if difference.in_shape(entry, target, name, st) or (
                st.st_mtime_ns != entry.mtime and not entry.lost):
            return False
        if not reread:
            return True
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC,
                     dir_fd=target)
        try:
            return not difference.in_content(entry, fd,
                                             lambda count: tick(0))
        finally:
            os.close(fd)


def _directories(directory):
    """The list of the directories of an attempt: (its descriptor or None, a
    :class:`~.tree.Tree`)."""
    try:
        fd = os.open(f'{journal.PARTS}/{journal.DIRECTORIES}',
                     os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC,
                     dir_fd=directory)
    except OSError:
        return None, tree.Tree(-1)
    return fd, tree.Tree.load(fd)


def _parts(directory):
    """(path, boot id or None, when it was begun) of what lists an attempt's
    finished files."""
    found = []
    try:
        os.stat(manifest.NAME, dir_fd=directory, follow_symlinks=False)
        found.append((os.fsencode(manifest.NAME), None, 0))
    except FileNotFoundError:
        pass
    try:
        fd = os.open(journal.PARTS, handles.DIRECTORY, dir_fd=directory)
    except OSError:
        return found
    try:
        for name in sorted(os.listdir(fd)):
            part = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
            with open(part, 'rb') as source:
                head = source.readline().split()
            if head[:2] in _HEADS and len(head) in (3, 4):
                found.append((os.fsencode(f'{journal.PARTS}/{name}'),
                              head[2], _number((*head, b'0')[3])))
    finally:
        os.close(fd)
    return found


def _number(text):
    try:
        return float(text)
    except ValueError:
        return 0
