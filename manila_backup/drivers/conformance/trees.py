# SPDX-License-Identifier: Apache-2.0
"""Trees to back up, and a way to compare them that shares no code with what
is tested: it walks by changing the working directory."""

import hashlib
import os
import random
import socket
import stat
import struct

ROOT = os.geteuid() == 0

ACL_ACCESS = 'system.posix_acl_access'
ACL_DEFAULT = 'system.posix_acl_default'


def acl(*entries):
    """A POSIX ACL as its extended attribute: (tag, permissions, id)."""
    return struct.pack('<I', 2) + b''.join(
        struct.pack('<HHI', *entry) for entry in entries)


AN_ACL = acl((1, 6, 0xffffffff), (2, 5, 4711), (4, 4, 0xffffffff),
             (16, 5, 0xffffffff), (32, 4, 0xffffffff))


def snapshot(root, ignore=()):
    """Everything that a backup promises to keep.

    :param root: str or bytes, a directory.
    :param ignore: names in the root to leave out.
    :returns: dict of path (bytes) to a dict of what it is.
    """
    found, inodes = {}, {}
    start = os.open('.', os.O_RDONLY)
    try:
        os.chdir(root)
        found[b'.'] = _facts(b'.')
        _walk(b'', found, inodes, {os.fsencode(name) for name in ignore})
    finally:
        os.fchdir(start)
        os.close(start)
    for paths in inodes.values():
        for path in paths:
            found[path]['links'] = sorted(paths)
    return found


def _walk(prefix, found, inodes, ignore):
    # One level of a loop, not of recursion, per directory level.
    todo = [(iter(sorted(os.listdir(b'.'))), prefix)]
    while todo:
        names, prefix = todo[-1]
        name = next(names, None)
        if name is None:
            todo.pop()
            if todo:
                os.chdir(b'..')
            continue
        if len(todo) == 1 and name in ignore:
            continue
        path = prefix + name
        facts = found[path] = _facts(name)
        if facts['type'] == stat.S_IFDIR:
            os.chdir(name)
            todo.append((iter(sorted(os.listdir(b'.'))), path + b'/'))
        else:
            st = os.lstat(name)
            inodes.setdefault((st.st_dev, st.st_ino), []).append(path)


def _facts(name):
    st = os.lstat(name)
    type_ = stat.S_IFMT(st.st_mode)
    facts = {'type': type_, 'uid': st.st_uid, 'gid': st.st_gid,
             'mtime': st.st_mtime_ns}
    if type_ != stat.S_IFLNK:
        facts['mode'] = stat.S_IMODE(st.st_mode)
    if type_ == stat.S_IFREG:
        facts['size'] = st.st_size
        facts['content'] = _content(name, st.st_size)
        facts['holes'] = _holes(name, st.st_size)
    elif type_ == stat.S_IFLNK:
        facts['target'] = os.readlink(name)
    elif type_ in (stat.S_IFCHR, stat.S_IFBLK):
        facts['rdev'] = st.st_rdev
    facts['xattrs'] = {
        attribute: os.getxattr(name, attribute, follow_symlinks=False)
        for attribute in os.listxattr(name, follow_symlinks=False)}
    return facts


def _content(name, size):
    """A digest that skips over whole megabytes of zeros."""
    digest = hashlib.md5(usedforsecurity=False)
    zeros = bytes(1 << 20)
    # Unbuffered: a buffer of some megabytes, as large as CephFS has blocks,
    # would not take notice of the other position.
    with open(name, 'rb', buffering=0) as source:
        position = 0
        while position < size:
            try:
                data = os.lseek(source.fileno(), position, os.SEEK_DATA)
            except OSError:
                break
            position = data >> 20 << 20
            chunk = os.pread(source.fileno(), 1 << 20, position)
            if chunk != zeros[:len(chunk)]:
                digest.update(b'%d:' % position + chunk)
            position += 1 << 20
    return digest.hexdigest()


def _holes(name, size):
    """List the holes as runs of whole blocks of 64 KiB, each [start, end)."""
    found, end = [], 0
    with open(name, 'rb') as source:
        while end < size:
            try:
                start = os.lseek(source.fileno(), end, os.SEEK_DATA)
            except OSError:
                start = size
            first, last = -(-end >> 16), start >> 16
            if start == size and size % (1 << 16):
                last += 1
            if first < last:
                found.append((first, last))
            if start < size:
                end = os.lseek(source.fileno(), start, os.SEEK_HOLE)
            else:
                end = size
    return found


def differences(one, other):
    """Human-readable; empty if two snapshots are equal."""
    said = []
    for path in sorted(one.keys() | other.keys()):
        if one.get(path) != other.get(path):
            said.append(f'{path!r}: {one.get(path)} / {other.get(path)}')
    return '\n'.join(said[:20])


def write(path, data, mtime=None):
    with open(path, 'wb') as target:
        target.write(data)
    if mtime is not None:
        os.utime(path, ns=(mtime, mtime))


def everything(root, huge=True):
    """Fill a directory with one of each thing that there is.

    :param huge: bool, whether one is a file of 1 TiB that is a hole: who
        reads what is in there takes an hour.
    """
    root = os.fsencode(root)
    at = root + b'/'
    for name in (b'empty', b'dir', b'dir/below', b'with space',
                 b'new\nline', b'\xff\xfe not utf-8', b'l' * 255, b'%41'):
        os.mkdir(at + name)
    for name in (b'dir/plain', b'dir/below/small', b'new\nline/a\nb',
                 b'\xff\xfe not utf-8/\x80\x81', b'f' * 255,
                 b'100%', b'a=b', b'-rf', b' ', b'*', b'\\', b'\t',
                 b'l' * 255 + b'/' + b'm' * 255):
        write(at + name, name * 3, 1_500_000_000_123_456_789)
    write(at + b'zero', b'')
    write(at + b'large', random.Random(1).randbytes(3_000_001))
    write(at + b'before-1970', b'old', -1_234_567_890_123_456_789)
    write(at + b'exactly', b'x' * 65536)
    write(at + b'one-more', b'x' * 65537)
    _sparse(at, 1 << 40 if huge else 1 << 24)
    os.symlink(b'nowhere', at + b'dangling')
    os.symlink(b'/etc/passwd', at + b'absolute')
    os.symlink(b'..', at + b'dir/up')
    os.symlink(b'odd\n\xff', at + b'dir/odd')
    os.utime(at + b'dangling', ns=(5, -7), follow_symlinks=False)
    write(at + b'linked', b'one of three', 77)
    os.link(at + b'linked', at + b'dir/linked')
    os.link(at + b'linked', at + b'dir/below/linked')
    os.link(at + b'dangling', at + b'dir/dangling too',
            follow_symlinks=False)
    os.mkfifo(at + b'fifo', 0o640)
    server = socket.socket(socket.AF_UNIX)
    here = os.open('.', os.O_RDONLY)
    os.chdir(root)
    server.bind('socket')
    os.fchdir(here)
    os.close(here)
    server.close()
    for number, mode in enumerate((0o4755, 0o2755, 0o1777, 0o6711, 0o444,
                                   0o400)):
        write(at + b'mode%d' % number, b'm%d' % number)
        os.chmod(at + b'mode%d' % number, mode)
    os.chmod(at + b'empty', 0o3755)
    os.setxattr(at + b'dir/plain', 'user.comment', b'\0\xff' * 50)
    os.setxattr(at + b'dir/plain', b'user.=\n\xff', b'')
    os.setxattr(at + b'dir', 'user.on-a-directory', b'yes')
    os.setxattr(at + b'dir/below/small', ACL_ACCESS, AN_ACL)
    os.setxattr(at + b'with space', ACL_DEFAULT, AN_ACL)
    if ROOT:
        _for_root(at)
    for name, when in ((b'with space', 12), (b'dir/below', 99),
                       (b'dir', 1_000_000_007), (b'.', -1_000_000_001)):
        os.utime(at + name, ns=(when, when))
    os.chmod(root, 0o751)


def _sparse(at, largest):
    with open(at + b'sparse', 'wb') as target:
        target.write(b'head')
        target.seek(5_000_000)
        target.write(b'middle')
        target.seek(9_999_999)
        target.write(b'end')
        target.truncate(20_000_000)
    with open(at + b'holes only', 'wb') as target:
        target.truncate(largest)


def _for_root(at):
    os.mknod(at + b'char', stat.S_IFCHR | 0o620, os.makedev(1, 3))
    os.mknod(at + b'dir/block', stat.S_IFBLK | 0o600, os.makedev(7, 300))
    os.setxattr(at + b'zero', 'trusted.secret', b'1')
    os.setxattr(at + b'zero', 'security.thing', b'2')
    os.setxattr(at + b'absolute', 'trusted.on-a-link', b'3',
                follow_symlinks=False)
    os.setxattr(at + b'fifo', 'trusted.on-a-fifo', b'4')
    for name, uid, gid in ((b'mode0', 1001, 1002), (b'dir/plain', 0, 5),
                           (b'absolute', 7, 8), (b'fifo', 9, 10),
                           (b'with space', 11, 12), (b'linked', 13, 14)):
        mode = stat.S_IMODE(os.lstat(at + name).st_mode)
        os.chown(at + name, uid, gid, follow_symlinks=False)
        if name == b'mode0':
            os.chmod(at + name, mode)
    write(at + b'unreadable', b'but not for root')
    os.chmod(at + b'unreadable', 0)


def many(root, directories, files, seed=0, size=6000):
    """A plain tree of small files."""
    numbers = random.Random(seed)
    for one in range(directories):
        path = os.path.join(root, f'd{one}')
        os.makedirs(path, exist_ok=True)
        for other in range(files):
            write(os.path.join(path, f'f{other}'),
                  numbers.randbytes(numbers.randrange(size)))


def deep(root, depth, name='n' * 250):
    """A chain of directories, longer than any path may be, with a file in
    each."""
    start = os.open('.', os.O_RDONLY)
    try:
        os.chdir(root)
        for level in range(depth):
            write('file', b'%d' % level)
            os.mkdir(name)
            os.chdir(name)
    finally:
        os.fchdir(start)
        os.close(start)


def mutate(root):
    """Change a tree made by :func:`everything` in every way there is."""
    at = os.fsencode(root) + b'/'
    write(at + b'extra', b'not in the backup')
    os.makedirs(at + b'extra dir/below')
    write(at + b'extra dir/below/file', b'x')
    os.chmod(at + b'extra dir/below', 0)
    os.unlink(at + b'zero')
    os.rmdir(at + b'empty')
    # Same size and time, other bytes.
    st = os.stat(at + b'large')
    with open(at + b'large', 'r+b') as target:
        target.seek(1_000_000)
        target.write(b'changed')
    os.utime(at + b'large', ns=(st.st_mtime_ns, st.st_mtime_ns))
    with open(at + b'sparse', 'r+b') as target:
        target.truncate(1000)
    # Other kinds of thing under the same names.
    os.unlink(at + b'dangling')
    os.mkdir(at + b'dangling')
    write(at + b'dangling/in the way', b'')
    os.rename(at + b'with space', at + b'was with space')
    write(at + b'with space', b'a file now')
    os.unlink(at + b'absolute')
    os.symlink(b'/etc/shadow', at + b'absolute')
    os.rename(at + b'new\nline', at + b'moved')
    os.symlink(b'/etc', at + b'new\nline')
    # Links broken, and made.
    os.unlink(at + b'dir/linked')
    write(at + b'dir/linked', b'one of three')
    os.link(at + b'before-1970', at + b'second name')
    os.unlink(at + b'exactly')
    os.link(at + b'linked', at + b'exactly')
    # Attributes.
    os.chmod(at + b'mode0', 0o600)
    os.setxattr(at + b'dir', 'user.more', b'more')
    os.setxattr(at + b'one-more', ACL_ACCESS, AN_ACL)
    os.removexattr(at + b'dir/plain', 'user.comment')
    os.setxattr(at + b'dir', ACL_DEFAULT, AN_ACL)
    os.utime(at + b'a=b', ns=(1, 1))
    os.chmod(root, 0o700)
