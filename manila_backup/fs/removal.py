# SPDX-License-Identifier: Apache-2.0
"""Removing whole trees, whatever anybody does to them meanwhile."""

import errno
import os
import time

from manila_backup.fs import at_once
from manila_backup.fs import errnos
from manila_backup.fs import handles

# How deep below its top a tree is removed where it is. Paths of each level of
# a deeper one would take memory, and their walks time, by the square of it.
_DEEPEST = 64

# Subdirectories looked at in one pass when a tree is removed: bounds memory.
_PASS = 100

# Files that are unlinked together.
_TOGETHER = 256

_RETRIES = 20

# Bytes of the name of what is moved to the top.
_LIFTED = 17

# So many names that can't be removed are remembered, to be passed over.
_MOST_KEPT = 100_000


def remove(name, parent, tick=None, cross=False, kept=None,
           above=handles.ROOT):
    """Remove an entry, with all that is below it if it is a directory. What
    can't be removed does not keep the rest.

    :param name: bytes or str.
    :param parent: int, descriptor of the directory it is in.
    :param tick: called after each entry.
    :param cross: bool, whether to empty what is mounted below too.
    :param kept: called with the path, as bytes from ``name`` on, and the
        OSError, of whatever stays for a reason of its own; None to raise the
        first of these errors in the end.
    :param above: bytes, the path of ``parent``.
    :raises OSError: its ``filename`` is the path that stayed, as bytes from
        ``name`` on, and its ``path`` the same below ``above``.
    """
    removal = _Removal(os.fsencode(name), parent, tick, cross, kept, above)
    try:
        removal.run()
        if removal.first and not kept:
            raise removal.first
    except _Ended as exc:
        raise exc.args[0] from exc
    finally:
        # Or the error had this frame, and that the error, and what its
        # traceback has stayed open.
        del removal


class _Ended(Exception):
    """The OSError that it has is of all, not of one entry."""


class _TooLong(Exception):
    """The OSError that it has is of the path of an entry, whose name it has
    too."""


class _Removal:
    """One :func:`remove`."""

    def __init__(self, name, parent, tick, cross, kept, above):
        self._name = name
        self._parent = parent
        self._tick = tick
        self._cross = cross
        self._told = kept
        self._above = above
        self.first = None
        self._root = None
        self._kept = {}         # path of a directory: names that stay in it
        self._count = 0

    def run(self):
        name = self._name
        for _ in range(_RETRIES):
            try:
                os.unlink(name, dir_fd=self._parent)
                return
            except FileNotFoundError:
                return
            except IsADirectoryError:
                pass
            except OSError as exc:
                self._stays(None, exc)
                return
            if self._directory():
                return
        self._stays(None, OSError(errno.ENOTEMPTY,
                                  os.strerror(errno.ENOTEMPTY)))

    def _stays(self, path, exc, name=None):
        """Go on without what can't be removed.

        :param path: bytes, of the directory it is in, below the top one;
            None for that itself.
        """
        at = self._name if path is None else handles.join(
            self._name if path == handles.ROOT
            else handles.join(self._name, path), name)
        exc.filename = at
        exc.path = handles.join(self._above, at)
        self._count += 1
        if not errnos.is_of_entry(exc) or self._count > _MOST_KEPT:
            raise _Ended(exc)
        if path is not None:
            self._kept.setdefault(path, set()).add(name)
        self.first = self.first or exc
        if self._told:
            self._told(at, exc)

    def _directory(self):
        """One try at emptying and removing; False if something got in
        again."""
        descent = handles.MakingDescent(self._parent, replace=True,
                                        cross=self._cross)
        try:
            self._root = descent.enter(self._name)
        except OSError as exc:
            self._stays(None, exc)
            return True
        finally:
            descent.close()
        try:
            self._empty()
        except FileNotFoundError:
            # Someone else is removing it too, and was quicker just there.
            time.sleep(0.01)
            return False
        finally:
            self._root = None
        if self._kept.get(handles.ROOT):
            return True
        try:
            os.rmdir(self._name, dir_fd=self._parent)
        except FileNotFoundError:
            pass
        except OSError as exc:
            if exc.errno not in (errno.ENOTEMPTY, errno.ENOTDIR):
                self._stays(None, exc)
                return True
            time.sleep(0.01)
            return False
        return True

    def _empty(self):
        """Remove everything below the top directory, depth first.

        The stack holds, per level, a path and a bounded list of its
        subdirectories still to be done; a level that proves not to be empty
        yet is passed over again. What is very deep is moved to the top
        first, where it is found again.
        """
        descent = handles.MakingDescent(self._root, replace=True,
                                        cross=self._cross)
        stack = [(handles.ROOT, [])]
        futile = 0
        try:
            while stack:
                path, below = stack[-1]
                depth = len(stack) - 2      # of what can be entered
                try:
                    fd = descent.enter(path)
                    depth += 1
                    if below:
                        name = below.pop()
                        if len(stack) <= _DEEPEST or not _lift(
                                name, fd, self._root):
                            stack.append((handles.join(path, name), []))
                        continue
                    below.extend(self._clear(path, fd))
                    if below:
                        continue
                except _TooLong as exc:
                    if not self._shorten(descent, stack, depth):
                        self._stays(path, *exc.args)
                    continue
                except OSError as exc:
                    # It can't be entered or read.
                    if exc.errno == errno.ENOENT or path == handles.ROOT:
                        raise
                    if exc.errno == errno.ENAMETOOLONG and self._shorten(
                            descent, stack, depth):
                        continue
                    stack.pop()
                    self._stays(*_parted(path, exc))
                    continue
                stack.pop()
                if stack:
                    futile = self._remove_empty(descent, path, futile)
        finally:
            descent.close()

    def _shorten(self, descent, stack, depth):
        """Move a directory to the top, where the paths of what is in it are
        short enough for a file system that limits them.

        :param depth: int, its place in the stack.
        :returns: bool, whether that was possible.
        """
        if depth < 1:
            return False
        parent, _, name = _parted(stack[depth][0], None)
        if parent == handles.ROOT and len(name) <= _LIFTED:
            return False
        try:
            if not _lift(name, descent.enter(parent), self._root):
                return False
        except OSError:
            return False
        del stack[depth:]
        return True

    def _remove_empty(self, descent, path, futile):
        """Remove a directory with nothing in it but what stays.

        :param futile: int, how often that did not help.
        :returns: int, the same afterwards.
        """
        parent, _, name = _parted(path, None)
        if self._kept.get(path):
            # It was said what of it stays.
            self._kept.setdefault(parent, set()).add(name)
            return futile
        try:
            os.rmdir(name, dir_fd=descent.enter(parent))
        except FileNotFoundError:
            pass
        except OSError as exc:
            # Someone still writes there. Its parent finds it again.
            futile += 1
            if futile > _RETRIES or exc.errno not in (errno.ENOTEMPTY,
                                                      errno.ENOTDIR):
                self._stays(parent, exc, name)
                futile = 0
            else:
                time.sleep(0.01)
        if self._tick:
            self._tick()
        return futile

    def _clear(self, path, fd):
        """Unlink a directory's files; return some of its
        subdirectories."""
        kept = self._kept.get(path, ())
        below, files = [], []
        with handles.entries(fd) as found:
            for entry in found:
                name = os.fsencode(entry.name)
                if name in kept:
                    continue
                if not _is_directory(entry):
                    files.append(name)
                    if len(files) >= _TOGETHER:
                        self._unlink(path, fd, files)
                        files = []
                    continue
                below.append(name)
                if len(below) >= _PASS:
                    break
        self._unlink(path, fd, files)
        return below

    def _unlink(self, path, fd, names):
        """Unlink some of a directory's files."""
        failed = {}

        def unlink(name):
            try:
                handles.unlink(name, fd)
            except OSError as exc:
                failed[name] = exc

        at_once.each(unlink, names)
        for name in names:
            exc = failed.get(name)
            if exc:
                if exc.errno == errno.ENAMETOOLONG:
                    raise _TooLong(exc, name) from exc
                self._stays(path, exc, name)
            if self._tick:
                self._tick()


def _parted(path, exc):
    """A path below a root as the arguments of :meth:`_Removal._stays`."""
    parent, name = handles.split(path)
    return parent, exc, name


def _is_directory(entry):
    """False also for what can't be looked at: to unlink it says why."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


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
