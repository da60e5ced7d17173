# SPDX-License-Identifier: Apache-2.0
"""Directory in a share's root in which entries are made before they get their
own places by a rename. It is private, and goes in the end; what a killed
process has left of it goes when the operation is taken up again, or ends.

What changes in the share's root is not to show in its times, whatever kills
there were: an entry in the directory has them from the first of all attempts.
"""

import contextlib
import os

from manila_backup.fs import attributes
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import removal
from manila_backup.fs import syscalls

_TIMES = b'times'
_MADE = b'made'


class Workplace:
    """One of those; a context manager.

    :param root: int, descriptor of the share's root.
    :param name: bytes, what it is called there.
    :param tick: called now and then.
    :param cross: bool, whether what is mounted in the share is part of it.
    :ivar fd: int, descriptor of where entries are made.
    :ivar path: bytes, path of that.
    """

    def __init__(self, root, name, tick, cross=False):
        self._root = root
        self._name = name
        self._tick = tick
        self._cross = cross
        self._here = self._tidied = None
        self.path = handles.join(name, _MADE)
        self.fd = -1
        self._count = 0

    def __enter__(self):
        times = _times(self._root, self._name) or os.fstat(self._root)
        removal.remove(self._name, self._root, self._tick)
        try:
            os.mkdir(self._name, 0o700, dir_fd=self._root)
            self._make(times)
        except BaseException as exc:
            self._remove()
            if not (isinstance(exc, OSError) and errors.is_full(exc)):
                raise
            # Then each entry is made in its own directory, if there is room
            # at all: what is there may still be written over.
            with contextlib.suppress(OSError):
                os.utime(self._root, ns=(times.st_atime_ns,
                                         times.st_mtime_ns))
        return self

    def _make(self, times):
        top = handles.open_directory(self._name, self._root)
        try:
            # What it inherits would be inherited by all in it.
            os.fchmod(top, 0o700)
            if attributes.DEFAULT_ACL in dict(attributes.read_xattrs(top)):
                os.removexattr(top, attributes.DEFAULT_ACL)
            os.mkdir(_TIMES, 0o700, dir_fd=top)
            os.utime(_TIMES, ns=(times.st_atime_ns, times.st_mtime_ns),
                     dir_fd=top)
            os.mkdir(_MADE, 0o700, dir_fd=top)
            self.fd = handles.open_directory(_MADE, top)
            self._here = self._where(self.fd)
        finally:
            os.close(top)

    def __exit__(self, *exc_info):
        if self.fd >= 0:
            os.close(self.fd)
        self._remove()

    def _remove(self):
        # It was told already what is wrong with the share, if anything is.
        with contextlib.suppress(OSError):
            clean(self._root, self._name, self._tick)

    def place(self, directory, path):
        """Choose where to make what is renamed to a directory in the end: in
        the directory itself if nothing can be renamed there from here, as it
        is in another file system, or another subvolume or mount of it, or if
        there was no room for a place of its own.

        :param directory: int, descriptor of that directory.
        :param path: bytes, its path.
        :returns: (bytes, a name that nothing has there; int, descriptor;
            bytes, path of that).
        """
        self._count += 1
        if self._where(directory) == self._here:
            return b'%d' % self._count, self.fd, self.path
        self._tidy(directory)
        return b'%b-%d' % (self._name, self._count), directory, path

    def _where(self, directory):
        return (os.fstat(directory).st_dev,
                syscalls.mount_id(directory) if self._cross else None)

    def _tidy(self, directory):
        """Remove what killed processes have made in a directory itself."""
        st = os.fstat(directory)
        if self._tidied == (st.st_dev, st.st_ino):
            return
        self._tidied = st.st_dev, st.st_ino
        prefix = self._name + b'-'
        with handles.entries(directory) as found:
            names = [name for name in (os.fsencode(each.name)
                                       for each in found)
                     if name.startswith(prefix)]
        for name in names:
            removal.remove(name, directory, self._tick)


def clean(root, name, tick):
    """Remove what there is of one, and put back the times of the share's root.

    :raises OSError: it can't be.
    """
    times = _times(root, name)
    if handles.look(root, name) is None:
        return
    removal.remove(name, root, tick)
    if times:
        os.utime(root, ns=(times.st_atime_ns, times.st_mtime_ns))


def _times(root, name):
    """os.stat_result with the times of the share's root from before; None if
    nothing has them."""
    try:
        fd = handles.open_directory(name, root)
    except OSError:
        return None
    try:
        return handles.look(fd, _TIMES)
    finally:
        os.close(fd)
