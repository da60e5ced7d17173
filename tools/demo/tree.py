# SPDX-License-Identifier: Apache-2.0
"""Look at directory trees, compare and remove them.

On purpose this shares no code with the service: it is how the demo checks
what the service did.
"""

import errno
import hashlib
import os
import shutil
import stat

KINDS = {
    stat.S_IFREG: 'file',
    stat.S_IFDIR: 'directory',
    stat.S_IFLNK: 'symlink',
    stat.S_IFIFO: 'fifo',
    stat.S_IFSOCK: 'socket',
    stat.S_IFCHR: 'device',
    stat.S_IFBLK: 'device',
}


class Survey:
    """Contents of a tree, without reading its files."""

    def __init__(self, root, leave_out=()):
        self.files = self.directories = self.others = 0
        self.size = self.allocated = 0
        # Paths whose contents this user may not see.
        self.unreadable = []
        inodes = set()
        for path, info, problem in walk(root, leave_out):
            kind = stat.S_IFMT(info.st_mode)
            if kind == stat.S_IFDIR:
                self.directories += 1
                mode = os.R_OK | os.X_OK
            elif kind == stat.S_IFREG:
                self.files += 1
                mode = os.R_OK
            else:
                self.others += 1
                mode = None
            if problem or mode and not os.access(
                    os.path.join(os.fsencode(root), path), mode,
                    effective_ids=True):
                self.unreadable.append(path)
                continue
            if kind == stat.S_IFREG:
                if (info.st_dev, info.st_ino) not in inodes:
                    self.size += info.st_size
                    self.allocated += info.st_blocks * 512
                if info.st_nlink > 1:
                    inodes.add((info.st_dev, info.st_ino))

    @property
    def entries(self):
        return self.files + self.directories + self.others


def walk(root, leave_out=()):
    """Everything below ``root``, the root itself first, without following
    links.

    :param leave_out: names in the root that are passed over.
    :returns: iterator of (path relative to the root as bytes, os.stat_result,
        the OSError that kept a directory from being listed, or None).
    """
    root = os.fsencode(root)
    pending = [b'']
    while pending:
        path = pending.pop()
        full = os.path.join(root, path) if path else root
        names, problem = [], None
        try:
            names = sorted(os.listdir(full), reverse=True)
            if not path and leave_out:
                names = [name for name in names if name not in leave_out]
        except OSError as exc:
            problem = exc
        try:
            yield path, os.lstat(full), problem
        except OSError:
            continue
        for name in names:
            child = os.path.join(path, name)
            try:
                info = os.lstat(os.path.join(root, child))
            except OSError:
                continue
            if stat.S_ISDIR(info.st_mode):
                pending.append(child)
            else:
                yield child, info, None


def digest(path):
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), 'rb') as stream:
        checksum = hashlib.blake2b(digest_size=20)
        while block := stream.read(1 << 20):
            checksum.update(block)
        return checksum.hexdigest()


def xattrs(path):
    try:
        return {name: os.getxattr(path, name, follow_symlinks=False)
                for name in os.listxattr(path, follow_symlinks=False)}
    except OSError as exc:
        if exc.errno in (errno.ENOTSUP, errno.EPERM, errno.EACCES):
            return {}
        raise


def manifest(root, leave_out=()):
    """Describe every entry below ``root`` and the root itself.

    :param leave_out: names in the root that are passed over.
    :returns: dict of path (bytes) to a dict of what is to be compared.
    """
    found = {}
    groups = {}
    for path, info, problem in walk(root, leave_out):
        full = os.path.join(os.fsencode(root), path) if path \
            else os.fsencode(root)
        kind = KINDS[stat.S_IFMT(info.st_mode)]
        entry = {
            'type': kind,
            'owner': info.st_uid,
            'group': info.st_gid,
            'mtime': info.st_mtime_ns,
        }
        if kind == 'symlink':
            entry['target'] = os.readlink(full)
        else:
            entry['mode'] = oct(stat.S_IMODE(info.st_mode))
        if kind == 'device':
            entry['device'] = (stat.S_IFMT(info.st_mode), info.st_rdev)
        if kind == 'file':
            entry['size'] = info.st_size
            try:
                entry['content'] = digest(full)
            except PermissionError:
                entry['content'] = 'unreadable'
        if problem:
            entry['content'] = 'unreadable'
        if kind in ('file', 'directory'):
            entry['attributes'] = xattrs(full)
        if kind != 'directory' and info.st_nlink > 1:
            groups.setdefault((info.st_dev, info.st_ino), []).append(path)
        found[path] = entry
    # A hard link is described by the first name of its group: equal in two
    # trees if, and only if, the same names are one file in both.
    for names in groups.values():
        if len(names) > 1:
            first = min(names)
            for name in names:
                found[name]['link'] = first
    return found


def compare(expected, actual, ignore=()):
    """List the differences between two manifests.

    :param ignore: names of properties that are not compared.
    :returns: list of (path, what is different).
    """
    differences = []
    for path in sorted(expected.keys() | actual.keys()):
        if path not in actual:
            differences.append((path, 'missing'))
        elif path not in expected:
            differences.append((path, 'should not be there'))
        else:
            want, have = expected[path], actual[path]
            differing = [
                key for key in want.keys() | have.keys()
                if key not in ignore and want.get(key) != have.get(key)]
            if differing:
                differences.append((path, ', '.join(
                    f'{key} {want.get(key)!r} became {have.get(key)!r}'
                    for key in sorted(differing))))
    return differences


def readable(path):
    """A path for people: never a reason to fail, never a control code."""
    text = os.fsdecode(path) or '.'
    return text.encode('utf-8', 'backslashreplace').decode() \
        if text.isprintable() else repr(text)[1:-1]


def allocated(path):
    """Bytes of disk that a tree takes, what is linked counted once."""
    seen, size = set(), 0
    for parent, folders, files in os.walk(path):
        for name in folders + files:
            info = os.lstat(os.path.join(parent, name))
            if (info.st_dev, info.st_ino) not in seen:
                seen.add((info.st_dev, info.st_ino))
                size += 512 * info.st_blocks
    return size


def remove(path):
    """Remove a tree, also one with directories that forbid it."""
    if not os.path.lexists(path):
        return
    if os.geteuid() != 0:
        for parent, names, _files in os.walk(path):
            for name in names:
                item = os.path.join(parent, name)
                if not os.path.islink(item):
                    os.chmod(item, 0o700)
    shutil.rmtree(path)
