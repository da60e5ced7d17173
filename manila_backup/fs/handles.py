# SPDX-License-Identifier: Apache-2.0
"""Moving about below a directory without ever leaving it.

Every step is one component, opened relative to the directory before it and
without following a symbolic link, so whatever a hostile process does to the
tree meanwhile, what is reached was beneath the root when the step was taken.
Paths are bytes, relative to the root, ``.`` for the root itself; they may be
longer than PATH_MAX.
"""

import errno
import os
import stat
import tempfile

from manila_backup.fs import errors
from manila_backup.fs import syscalls

DIRECTORY = (os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
             | os.O_NONBLOCK)

#: To open what may be anything with, and to make a file.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CREATE = (os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
          | os.O_CLOEXEC)
CREATE_AND_READ = CREATE & ~os.O_WRONLY | os.O_RDWR

ROOT = b'.'

_SLASH = ord('/')

# Directories held open on the way to the current one. A deeper way is
# walked again from the top when it is needed.
_HELD = 64

_RETRIES = 20


def split(path):
    """Split a path into that of its directory, which may be the root, and the
    name."""
    directory, slash, name = path.rpartition(b'/')
    return (directory, name) if slash else (ROOT, path)


def join(path, name):
    """The path of ``name`` in the directory ``path``."""
    return name if path == ROOT else path + b'/' + name


class Handle(int):
    """A descriptor that is closed when nobody refers to it any more: who has
    one has what it was opened for, however far others have gone on. It can be
    given to all that takes a descriptor, except for ``os.close``.
    """

    __slots__ = ()

    def __del__(self, close=os.close):
        try:
            close(self)
        except OSError:
            pass    # nothing was written through it


class Descent:
    """Open directories below a root, keeping the way there open.

    :param root: int, descriptor of the root; remains the caller's.
    :param cross: bool, whether to enter what is mounted below the root.
    """

    def __init__(self, root, cross=False):
        self.root = root
        self.cross = cross
        self._path = ROOT
        self._names = []
        self._ends = []     # of each name, in the path
        self._fds = []

    def enter(self, path):
        """Open a directory.

        :param path: bytes.
        :returns: a :class:`Handle`; for the root, what was given.
        :raises OSError: also if a part of the path is a symbolic link, or
            a mount point: EXDEV. Its ``path`` is the directory's that can't
            be entered, which may be one on the way.
        """
        if path == self._path:
            return self._fds[-1] if self._fds else self.root
        common, names = self._compare(path)
        self._leave(common)
        held = common
        while held and self._fds[held - 1] is None:
            held -= 1
        fd = self._fds[held - 1] if held else self.root
        for depth in range(held, common):
            try:
                fd = Handle(self._open(fd, self._names[depth]))
            except OSError as exc:
                exc.path = b'/'.join(self._names[:depth + 1])
                raise
            self._hold(depth, fd)
        for name in names:
            try:
                fd = Handle(self._open(fd, name))
            except OSError as exc:
                exc.path = b'/'.join((*self._names, name))
                raise
            self._names.append(name)
            self._ends.append(len(name) + (self._ends[-1] + 1
                                           if self._ends else 0))
            self._fds.append(None)
            self._hold(len(self._fds) - 1, fd)
        self._path = path
        return fd

    def close(self):
        """Let go of everything but the root."""
        self._leave(0)

    def _compare(self, path):
        """Compare the current path with a new one.

        :returns: (how many names, list of the names that are new).
        """
        if path == ROOT:
            return 0, []
        # Mostly the directory that the new one is in is among the current
        # ones: then nothing has to be done name by name.
        depth = path.count(b'/')
        if self._path and depth <= len(self._names):
            end = self._ends[depth - 1] if depth else 0
            if path[:end] == self._path[:end] and (
                    not depth or path[end] == _SLASH):
                name = path[end + 1:] if depth else path
                if depth < len(self._names) and self._names[depth] == name:
                    return depth + 1, []
                return depth, [name]
        names = path.split(b'/')
        common = 0
        for mine, new in zip(self._names, names):
            if mine != new:
                break
            common += 1
        return common, names[common:]

    def _hold(self, depth, fd):
        self._fds[depth] = fd
        if depth >= _HELD:
            self._fds[depth - _HELD] = None

    def _leave(self, common):
        """Keep only so many of the names."""
        self._path = None
        del self._fds[common:]
        del self._ends[common:]
        del self._names[common:]

    def _open(self, parent, name):
        return open_directory(name, parent, self.cross)


class MakingDescent(Descent):
    """A descent that creates missing directories.

    :param replace: also remove whatever else has a directory's name.
    """

    def __init__(self, root, replace=False, cross=False):
        super().__init__(root, cross)
        self.replace = replace

    def _open(self, parent, name):
        for _ in range(_RETRIES):
            try:
                return open_directory(name, parent, self.cross)
            except OSError as exc:
                if exc.errno == errno.ENOENT:
                    make_directory(name, parent)
                elif exc.errno in errors.GONE and self.replace:
                    unlink(name, parent)
                elif exc.errno == errno.EACCES and self.replace:
                    unlock(name, parent)
                else:
                    raise
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def open_directory(name, parent, cross=False):
    """Open a directory in another one.

    :param cross: bool, whether to enter it if something is mounted there.
    :returns: int, a descriptor.
    """
    if cross:
        return os.open(name, DIRECTORY, dir_fd=parent)
    return syscalls.open_unmounted(name, parent, DIRECTORY)


def look(directory, name):
    """lstat, or None if nothing of that name is there."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError as exc:
        if exc.errno in errors.GONE:
            return None
        raise


def entries(directory):
    """``os.scandir`` of all that a directory has now: btrfs leaves out what
    came after it was opened, unless it is told to begin anew."""
    os.lseek(directory, 0, os.SEEK_SET)
    return os.scandir(directory)


def make_directory(name, parent):
    """mkdir, private to us until its attributes are set; already being there
    is no error."""
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        pass


def unlink(name, parent):
    """unlink; not being there, or being a directory, is no error."""
    try:
        os.unlink(name, dir_fd=parent)
    except (FileNotFoundError, IsADirectoryError):
        pass


def unlock(name, parent):
    """Give ourselves access to a directory of our own that denies it.

    :raises OSError: it is not ours.
    """
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY,
                 dir_fd=parent)
    try:
        mode = stat.S_IMODE(os.fstat(fd).st_mode)
        if mode & 0o700 == 0o700:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        os.chmod(f'/proc/self/fd/{fd}', mode | 0o700)
    finally:
        os.close(fd)


def scratch(directory=None):
    """An open file without a name, for what does not fit into memory.

    :param directory: int, descriptor of a directory to keep it in; where the
        system has temporary files if omitted, as for whoever only reads in
        the repository, which may be full or read-only then.
    :returns: int, a descriptor for reading and writing.
    """
    if directory is None:
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
    try:
        return os.open('.', os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600,
                       dir_fd=directory)
    except OSError as exc:
        if exc.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
    name = f'.scratch.{os.urandom(8).hex()}'
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC,
                 0o600, dir_fd=directory)
    os.unlink(name, dir_fd=directory)
    return fd


def space(fd):
    """Measure the file system of an open file or directory.

    :param fd: int, a descriptor.
    :returns: (bytes used, bytes that whoever is not root can still write).
    """
    found = os.fstatvfs(fd)
    return ((found.f_blocks - found.f_bfree) * found.f_frsize,
            found.f_bavail * found.f_frsize)


def is_within(fd, directory):
    """Tell whether a directory is another one, or is anywhere below it.

    :param fd: int, descriptor of the one.
    :param directory: os.stat_result of the other.
    """
    here = os.dup(fd)
    try:
        while True:
            mine = os.fstat(here)
            if os.path.samestat(mine, directory):
                return True
            above = os.open('..', DIRECTORY, dir_fd=here)
            os.close(here)
            here = above
            if os.path.samestat(os.fstat(here), mine):
                return False
    finally:
        os.close(here)
