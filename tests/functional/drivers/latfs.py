# SPDX-License-Identifier: Apache-2.0
"""A file system that answers as slowly as one over a network does, and counts
what it is asked: see ``latfs.c``."""

import contextlib
import mmap
import os
import struct
from unittest import mock

from manila_backup.fs import durable
from tests.functional.drivers import fuse

# In the order of its counters.
_CALLS = (
    'lookup', 'getattr', 'setattr', 'readlink', 'mknod', 'mkdir', 'unlink',
    'rmdir', 'symlink', 'rename', 'link', 'open', 'create', 'opendir',
    'readdir', 'getxattr', 'listxattr', 'setxattr', 'removexattr', 'statfs',
    'fsync', 'lseek', 'read', 'write')

# Words of the control file: what it sleeps, and where the counters begin.
_SLEEPS, _COUNTERS = struct.Struct('=3Q'), 8
_WORD = struct.calcsize('=Q')

#: Those that a client of a network file system answers by itself.
LOCAL = frozenset(('opendir', 'ioctl', 'release', 'forget'))


class Storage:
    """A directory of the host as such a file system; a context manager.

    :param folder: str, where there is room for its mount point and what it
        keeps.
    :param microseconds: int, what each call takes.
    :param xattrs: bool, whether those on extended attributes do too.
    :param nfs: bool, whether it stands for a client of NFS in the kernel,
        which syncfs(2) reaches: of what is in user space, each file is synced
        by itself.
    :param at_once: int, how many calls it answers at once; others wait.
    :ivar path: str, its root.
    :ivar backing: str, the directory that it shows.
    """

    def __init__(self, folder, microseconds=0, xattrs=True, nfs=True,
                 at_once=300):
        self._folder = folder
        self._microseconds = microseconds
        self._xattrs = xattrs
        self._nfs = nfs
        self._at_once = at_once
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self.backing, self.path, control = (
            os.path.join(self._folder, name)
            for name in ('backing', 'slow', 'control'))
        if self._nfs:
            self._stack.enter_context(mock.patch.object(
                durable, 'needs_each', return_value=False))
        os.makedirs(self.backing)
        os.mkdir(self.path)
        fuse.mount(self._stack.callback, self.path, 'latfs.c', self.backing,
                   self.path, control, '300', str(self._at_once))
        with open(control, 'r+b') as file:
            self._words = mmap.mmap(file.fileno(), 4096)
        self._stack.callback(self._words.close)
        self.sleep(self._microseconds)
        return self

    def __exit__(self, *exc_info):
        self._stack.close()

    def sleep(self, microseconds):
        """Have each call take so long from now on."""
        _SLEEPS.pack_into(self._words, 0, microseconds, microseconds,
                          self._xattrs)

    def calls(self):
        """Count the calls so far: dict of name to int."""
        numbers = struct.unpack_from(f'={len(_CALLS)}Q', self._words,
                                     _COUNTERS * _WORD)
        return dict(zip(_CALLS, numbers, strict=True))

    @contextlib.contextmanager
    def counted(self):
        """Context with a dict that holds, afterwards, how many calls there
        were in it; those of which there were none are not in it."""
        before, counted = self.calls(), {}
        yield counted
        counted.update({name: number - before[name]
                        for name, number in self.calls().items()
                        if number > before[name] and name not in LOCAL})
