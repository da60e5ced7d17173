# SPDX-License-Identifier: Apache-2.0
"""Trees of anything that a filesystem can hold, and changes to them, as
hypothesis makes them up.

Both are plain data, so that what fails is shrunk and printed. Everything is
done relative to directory descriptors: paths may be longer than PATH_MAX.
"""

import array
import contextlib
import errno
import fcntl
import os
import random
import stat
import struct
import typing

from hypothesis import strategies as st

from manila_backup.drivers.conformance import trees

_GETFLAGS, _SETFLAGS = 0x80086601, 0x40086602
APPEND, IMMUTABLE = 0x20, 0x10

_CAPABILITY = struct.pack('<IIIII', 0x02000001, 1 << 10, 0, 0, 0)

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK

_UNIT = 1 << 16


class Node(typing.NamedTuple):
    """One thing to make.

    :ivar parent: int, which of the directories there are by then.
    :ivar more: what its kind needs: seed and size, target, device, number of
        the thing to link to.
    :ivar xattrs: tuple of (namespace, rest of the name, value).
    :ivar flags: of the inode, as chattr sets them.
    """

    parent: int
    name: bytes
    kind: str
    more: typing.Any
    mode: int
    owner: tuple
    mtime: int
    xattrs: tuple
    acl: bool
    flags: int


def _legal(name):
    name = name.replace(b'\0', b'0').replace(b'/', b'|')
    return b'.x' if name in (b'.', b'..') else name


_NAMES = st.one_of(
    st.sampled_from((b'a', b'b', b'c', b'\n', b'a\nb', b'\xff\xfe', b' ',
                     b'%41', b'-rf', b'a=b', b'\\', b'x:y', b'.a',
                     b'lost=node', b'lost=a,node,b')),
    st.binary(min_size=1, max_size=8).map(_legal),
    st.binary(min_size=1, max_size=1).map(lambda one: _legal(one) * 255)
    .filter(lambda name: len(name) == 255))

# Times that ext4, xfs and btrfs all can hold.
_TIMES = st.one_of(
    st.sampled_from((0, -1, 1, -(1 << 31) * 10 ** 9, (1 << 31) * 10 ** 9,
                     (1 << 32) * 10 ** 9 + 999_999_999)),
    st.integers(-(1 << 31) * 10 ** 9, (1 << 33) * 10 ** 9))

_MODES = st.sampled_from((0o644, 0o600, 0o755, 0o4755, 0o2755, 0o1777,
                          0o6711, 0o7777, 0o444, 0o200, 0))
_OWNERS = st.sampled_from(((0, 0), (0, 0), (1001, 1002), (0, 7), (8, 0)))

_XATTRS = st.lists(st.tuples(
    st.sampled_from(('user.', 'trusted.', 'security.')),
    st.sampled_from((b'a', b'b', b'=,\n\xff', b'lost=node', b'n' * 200)),
    st.binary(max_size=300)), max_size=3,
    unique_by=lambda one: one[:2]).map(tuple)

_CONTENT = st.tuples(
    st.integers(0, 9), st.sampled_from((0, 1, 100, 4096, 65535, 65536, 65537,
                                        200_000, (1 << 20) + 1)))

# Apparent size, and which blocks of 64 KiB have data.
_SPARSE = st.tuples(
    st.sampled_from((_UNIT, 300_000, 1 << 20, 5_000_000, 1 << 40)),
    st.lists(st.integers(0, 80), max_size=4, unique=True))

_TARGETS = st.one_of(
    st.sampled_from((b'nowhere', b'/etc/passwd', b'..', b'../' * 40 + b'etc',
                     b'odd\n\xff %', b'lost=node', b't' * 1023)),
    st.binary(min_size=1, max_size=20).map(lambda b: b.replace(b'\0', b'0')))

_DEVICES = st.sampled_from((os.makedev(1, 3), os.makedev(7, 300),
                            os.makedev(511, 262143)))

_KINDS = {
    'file': _CONTENT, 'sparse': _SPARSE, 'directory': st.none(),
    'chain': st.integers(1, 20), 'symlink': _TARGETS, 'fifo': st.none(),
    'socket': st.none(), 'char': _DEVICES, 'block': _DEVICES,
    'link': st.integers(0, 30), 'compressed': st.none()}

_SPECIAL = {'fifo': stat.S_IFIFO, 'socket': stat.S_IFSOCK,
            'char': stat.S_IFCHR, 'block': stat.S_IFBLK}


def _nodes(kind):
    return st.builds(
        Node, parent=st.integers(0, 8), name=_NAMES, kind=st.just(kind),
        more=_KINDS[kind], mode=_MODES, owner=_OWNERS, mtime=_TIMES,
        xattrs=_XATTRS, acl=st.booleans(),
        flags=st.sampled_from((0,) * 12 + (APPEND, IMMUTABLE)))


#: What a tree is made of.
TREES = st.lists(st.sampled_from(
    ['file', 'directory', 'sparse', 'link'] + list(_KINDS)).flatmap(_nodes),
    min_size=1, max_size=24)

ACTIONS = ('remove', 'rename', 'content', 'truncate', 'append', 'mode',
           'owner', 'time', 'xattr', 'no xattrs', 'directory', 'symlink',
           'fifo', 'link', 'unlink', 'default acl', 'new', 'freeze')

#: What can happen to one: (what, to which, and with which other, a number).
CHANGES = st.lists(st.tuples(
    st.sampled_from((*ACTIONS, 'freeze')),
    st.integers(0, 40), st.integers(0, 40), st.integers(0, 1000)),
    max_size=12)


@contextlib.contextmanager
def opened(root, path):
    """The directory that a path is in, and its last component.

    :param root: str, or an open directory.
    :param path: bytes, relative to it.
    """
    *above, name = path.split(b'/')
    fd = (os.dup(root) if isinstance(root, int)
          else os.open(root, _DIRECTORY))
    try:
        for component in above:
            below = os.open(component, _DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd, name
    finally:
        os.close(fd)


def _special(fd, name):
    return b'/proc/self/fd/%d/%b' % (fd, name)


def set_flags(fd, name, flags):
    """Set or take away what chattr does, of a file or directory.

    :returns: bool, whether that was possible.
    """
    try:
        one = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK,
                      dir_fd=fd)
    except OSError:
        return False
    try:
        have = array.array('L', [0])
        fcntl.ioctl(one, _GETFLAGS, have)
        have[0] = have[0] & ~(APPEND | IMMUTABLE) | flags
        fcntl.ioctl(one, _SETFLAGS, have)
        return True
    except OSError:
        return False
    finally:
        os.close(one)


class Gardener:
    """Makes a tree and changes it.

    :param root: str, an empty directory.
    :ivar frozen: set of the paths with a flag that :meth:`thaw` takes away.
    """

    def __init__(self, root):
        self.root = root
        self.frozen = set()

    # -- making it

    def plant(self, nodes):
        """Make what a list of :class:`Node` says; a name that there is
        already is passed over."""
        directories, others = [b'.'], []
        made = []
        for node in nodes:
            parent = directories[node.parent % len(directories)]
            path = (node.name if parent == b'.'
                    else parent + b'/' + node.name)
            try:
                with opened(self.root, path) as (fd, name):
                    below = self._make(fd, name, node, others)
            except OSError as exc:
                if exc.errno != errno.EEXIST:
                    raise
                continue
            made.append((path, node))
            if node.kind in ('directory', 'chain', 'compressed'):
                directories.append(path + below)
                # A name as long as the others, and nobody else's.
                directories = directories[-9:]
            else:
                others.append(path)
        for path, node in reversed(made):
            if node.kind != 'link':
                with opened(self.root, path) as (fd, name):
                    self._describe(fd, name, node)
        for path, node in made:
            if node.flags and node.kind in ('file', 'sparse', 'directory'):
                self._freeze(path, node.flags)

    def _make(self, fd, name, node, others):
        """Returns the path of what was made further down, or nothing."""
        if node.kind in _SPECIAL:
            os.mknod(name, _SPECIAL[node.kind] | 0o600, node.more or 0,
                     dir_fd=fd)
        elif node.kind == 'symlink':
            os.symlink(node.more, name, dir_fd=fd)
        elif node.kind == 'link' and others:
            with opened(self.root, others[node.more % len(others)]) as (
                    there, other):
                os.link(other, name, src_dir_fd=there, dst_dir_fd=fd,
                        follow_symlinks=False)
        elif node.kind in ('directory', 'compressed'):
            os.mkdir(name, dir_fd=fd)
            if node.kind == 'compressed':
                with contextlib.suppress(OSError):     # btrfs only
                    os.setxattr(_special(fd, name), 'btrfs.compression',
                                b'zlib')
            elif node.acl:
                os.setxattr(_special(fd, name), trees.ACL_DEFAULT,
                            trees.AN_ACL)
        elif node.kind == 'chain':
            os.mkdir(name, dir_fd=fd)
            component = b'/' + b'n' * 255
            for depth in range(node.more):
                with opened(fd, name + component * (depth + 1)) as (
                        there, last):
                    os.mkdir(last, dir_fd=there)
            return component * node.more
        else:
            self._write(fd, name, node)
        return b''

    def _write(self, fd, name, node):
        out = os.open(name, _FILE | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=fd)
        with open(out, 'wb') as target:
            if node.kind == 'sparse':
                size, blocks = node.more
                for block in blocks:
                    start = block * _UNIT
                    if start < size:
                        target.seek(start)
                        target.write(bytes([block + 1]) * min(_UNIT,
                                                              size - start))
                target.truncate(size)
            elif node.kind == 'file':
                seed, size = node.more
                target.write(random.Random(seed).randbytes(size))

    def _describe(self, fd, name, node):
        path = _special(fd, name)
        kind = node.kind
        plain = kind in ('file', 'sparse', 'directory', 'chain',
                         'compressed')
        os.chown(name, *node.owner, dir_fd=fd, follow_symlinks=False)
        for namespace, rest, value in node.xattrs:
            if namespace == 'user.' and not plain:
                continue    # the kernel allows none
            os.setxattr(path, os.fsencode(namespace) + rest, value,
                        follow_symlinks=False)
        if node.acl and kind != 'symlink':
            os.setxattr(path, trees.ACL_ACCESS, trees.AN_ACL,
                        follow_symlinks=False)
            if kind == 'file':
                os.setxattr(path, 'security.capability', _CAPABILITY)
        if kind != 'symlink':
            os.chmod(path, node.mode)
        os.utime(name, ns=(node.mtime, node.mtime), dir_fd=fd,
                 follow_symlinks=False)

    def _freeze(self, path, flags):
        with opened(self.root, path) as (fd, name):
            if set_flags(fd, name, flags):
                self.frozen.add(path)

    def thaw(self):
        """Take all flags away that keep things from being changed."""
        self._thaw(b'.')
        self.frozen.clear()

    def _thaw(self, path):
        todo = [path]
        while todo:
            path = todo.pop()
            with opened(self.root, path) as (fd, name):
                set_flags(fd, name, 0)
                try:
                    here = os.open(name, _DIRECTORY, dir_fd=fd)
                except OSError:
                    continue
                names = os.listdir(_special(fd, name))
                os.close(here)
            todo.extend(path + b'/' + os.fsencode(name) for name in names)

    # -- changing it

    def change(self, changes):
        """Do what a list of :data:`CHANGES` says; what can't be done is
        passed over."""
        for what, one, other, number in changes:
            paths = sorted(path for path in trees.snapshot(self.root)
                           if path != b'.')
            if not paths:
                return
            one, other = (paths[index % len(paths)]
                          for index in (one, other))
            with contextlib.suppress(OSError):
                self._change(what, one, other, number)

    def _change(self, what, path, other, number):
        if what == 'freeze':
            self._freeze(path, IMMUTABLE if number % 3 else APPEND)
            return
        with (opened(self.root, path) as (fd, name),
              opened(self.root, other) as (there, another)):
            self._act(what, fd, name, there, another, number)

    def _act(self, what, fd, name, there, another, number):
        path = _special(fd, name)
        before = os.lstat(name, dir_fd=fd)
        new = b'new%d' % (number % 5)
        if what == 'remove':
            _remove(fd, name)
        elif what == 'rename':
            os.rename(name, another if number % 2 else new, src_dir_fd=fd,
                      dst_dir_fd=there)
        elif what in ('content', 'truncate', 'append'):
            self._rewrite(what, fd, name, before, number)
        elif what == 'mode':
            if not stat.S_ISLNK(before.st_mode):
                os.chmod(path, number)
        elif what == 'owner':
            os.chown(name, number, number, dir_fd=fd, follow_symlinks=False)
        elif what == 'time':
            os.utime(name, ns=(number, number), dir_fd=fd,
                     follow_symlinks=False)
        elif what == 'xattr':
            os.setxattr(path, 'trusted.a', b'%d' % number,
                        follow_symlinks=False)
        elif what == 'no xattrs':
            for each in os.listxattr(path, follow_symlinks=False):
                os.removexattr(path, each, follow_symlinks=False)
        elif what == 'default acl':
            os.setxattr(path, trees.ACL_DEFAULT, trees.AN_ACL,
                        follow_symlinks=False)
        elif what == 'link':
            os.link(name, new, src_dir_fd=fd, dst_dir_fd=there,
                    follow_symlinks=False)
        elif what == 'new':
            os.close(os.open(new, _FILE | os.O_CREAT, 0o600, dir_fd=fd))
        else:
            _remove(fd, name)
            if what == 'directory':
                os.mkdir(name, dir_fd=fd)
                os.mkdir(b'%b/%b' % (name, new), dir_fd=fd)
            elif what == 'symlink':
                os.symlink(b'/etc', name, dir_fd=fd)
            elif what == 'fifo':
                os.mkfifo(name, dir_fd=fd)
            else:
                # The same again, but nobody's hard link.
                os.close(os.open(name, _FILE | os.O_CREAT, dir_fd=fd))

    def _rewrite(self, what, fd, name, before, number):
        if not stat.S_ISREG(before.st_mode):
            return
        one = os.open(name, _FILE, dir_fd=fd)
        try:
            if what == 'content':
                position = number * 100 % max(before.st_size, 1)
                size = min(before.st_size - position, 3)
                os.pwrite(one, b'new'[:size], position)
                os.utime(one, ns=(before.st_mtime_ns, before.st_mtime_ns))
            elif what == 'truncate':
                os.ftruncate(one, number)
            else:
                os.pwrite(one, b'more', before.st_size)
        finally:
            os.close(one)


def _remove(fd, name):
    """Remove whatever it is, with all below it."""
    try:
        os.unlink(name, dir_fd=fd)
        return
    except IsADirectoryError:
        pass
    here = os.open(name, _DIRECTORY, dir_fd=fd)
    try:
        for below in os.listdir(here):
            _remove(here, os.fsencode(below))
    finally:
        os.close(here)
    os.rmdir(name, dir_fd=fd)
