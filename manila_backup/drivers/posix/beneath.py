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
import time

from manila_backup.drivers.posix import errors

DIRECTORY = (os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
             | os.O_NONBLOCK)

ROOT = b'.'

_SLASH = ord('/')

# Directories held open on the way to the current one. A deeper way is
# walked again from the top when it is needed.
_HELD = 64

# How deep below its top a tree is removed where it is. Paths of each level of
# a deeper one would take memory, and their walks time, by the square of it.
_DEEPEST = _HELD

# Subdirectories looked at in one pass when a tree is removed: bounds memory.
_PASS = 100

_RETRIES = 20


def join(path, name):
    """The path of ``name`` in the directory ``path``."""
    return name if path == ROOT else path + b'/' + name


class Descent:
    """Open directories below a root, keeping the way there open.

    :param root: int, descriptor of the root; remains the caller's.
    """

    def __init__(self, root):
        self.root = root
        self._path = ROOT
        self._names = []
        self._ends = []     # of each name, in the path
        self._fds = []

    def enter(self, path):
        """Open a directory.

        :param path: bytes.
        :returns: int, a descriptor that is valid until the next call.
        :raises OSError: also if a part of the path is a symbolic link.
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
            fd = self._open(fd, self._names[depth])
            self._hold(depth, fd)
        for name in names:
            fd = self._open(fd, name)
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
        """What the current way and a new one share.

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
        if depth >= _HELD and self._fds[depth - _HELD] is not None:
            os.close(self._fds[depth - _HELD])
            self._fds[depth - _HELD] = None

    def _leave(self, common):
        """Keep only so many of the names."""
        self._path = None
        for fd in self._fds[common:]:
            if fd is not None:
                os.close(fd)
        del self._fds[common:]
        del self._ends[common:]
        del self._names[common:]

    def _open(self, parent, name):
        return os.open(name, DIRECTORY, dir_fd=parent)


class MakingDescent(Descent):
    """The same where directories are made when they are not there.

    :param replace: also remove whatever else has a directory's name.
    """

    def __init__(self, root, replace=False):
        super().__init__(root)
        self.replace = replace

    def _open(self, parent, name):
        for _ in range(_RETRIES):
            try:
                return os.open(name, DIRECTORY, dir_fd=parent)
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


def remove(name, parent, tick=None):
    """Remove an entry, with all that is below it if it is a directory.

    :param name: bytes or str.
    :param parent: int, descriptor of the directory it is in.
    :param tick: called after each entry.
    :raises OSError: its ``filename`` is the path that stayed, as bytes.
    """
    name = os.fsencode(name)
    for _ in range(_RETRIES):
        try:
            os.unlink(name, dir_fd=parent)
            return
        except FileNotFoundError:
            return
        except IsADirectoryError:
            pass
        if _remove_directory(name, parent, tick):
            return
    raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), name)


def _remove_directory(name, parent, tick):
    """One try at emptying and removing; False if something got in again."""
    try:
        fd = MakingDescent(parent, replace=True).enter(name)
    except OSError as exc:
        exc.filename = name
        raise
    try:
        _empty(fd, name, tick)
    except FileNotFoundError:
        # Someone else is removing it too, and was quicker just there.
        time.sleep(0.01)
        return False
    finally:
        os.close(fd)
    try:
        os.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        pass
    except OSError as exc:
        if exc.errno not in (errno.ENOTEMPTY, errno.ENOTDIR):
            raise
        time.sleep(0.01)
        return False
    return True


def _empty(root, shown, tick):
    """Remove everything below a directory, depth first.

    The stack holds, per level, a path and a bounded list of its
    subdirectories still to be done; a level that proves not to be empty yet
    is passed over again. What is very deep is moved to the top first, where
    it is found again.
    """
    descent = MakingDescent(root, replace=True)
    stack = [(ROOT, [])]
    futile = 0
    try:
        while stack:
            path, below = stack[-1]
            if below:
                name = below.pop()
                if len(stack) <= _DEEPEST or not _lift(
                        name, descent.enter(path), root):
                    stack.append((join(path, name), []))
                continue
            below.extend(_clear(descent.enter(path), tick))
            if below:
                continue
            stack.pop()
            if not stack:
                return
            parent, _, name = path.rpartition(b'/')
            try:
                os.rmdir(name, dir_fd=descent.enter(parent or ROOT))
            except FileNotFoundError:
                pass
            except OSError as exc:
                # Someone still writes there. Its parent finds it again.
                futile += 1
                if futile > _RETRIES or exc.errno not in (
                        errno.ENOTEMPTY, errno.ENOTDIR):
                    raise
                time.sleep(0.01)
            if tick:
                tick()
    except OSError as exc:
        at = join(shown, path) if path != ROOT else shown
        inner = exc.filename and os.fsencode(exc.filename)
        exc.filename = join(at, inner) if inner else at
        raise
    finally:
        descent.close()


def _lift(name, parent, top):
    """Move something to another directory, under a name of its own.

    :returns: bool, whether it is not there any more.
    """
    try:
        os.rename(name, b'.%b' % os.urandom(8).hex().encode(),
                  src_dir_fd=parent, dst_dir_fd=top)
    except FileNotFoundError:
        pass
    except OSError:
        # Not allowed, or it is another filesystem's.
        return False
    return True


def _clear(fd, tick):
    """Unlink a directory's files; return some of its subdirectories."""
    below = []
    with os.scandir(fd) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                below.append(os.fsencode(entry.name))
                if len(below) >= _PASS:
                    break
            else:
                unlink(entry.name, fd)
                if tick:
                    tick()
    return below


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


def is_within(fd, directory):
    """Whether a directory is, or is somewhere below, another one.

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
