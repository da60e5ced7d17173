# SPDX-License-Identifier: Apache-2.0
"""Content of shares: making it, changing it, and looking at it.

The walker shares no code with the service, and goes by descriptors, so that
several threads can walk at once.
"""

import contextlib
import hashlib
import os
import stat

#: Modes that files get; some of them only root can live with.
_MODES = (0o644, 0o600, 0o755) + (
    (0o4755, 0o2711, 0o444, 0) if os.geteuid() == 0 else ())


def walk(root):
    """Everything that a backup promises to keep.

    :param root: str, a directory.
    :returns: dict of path below it (str, '.' for itself) to a tuple of facts.
    """
    found, links = {}, {}
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found['.'] = _facts(os.stat(fd), fd)
        _walk(fd, '', found, links)
    finally:
        os.close(fd)
    for paths in links.values():
        if len(paths) > 1:
            for path in paths:
                found[path] += (tuple(sorted(paths)),)
    return found


def _walk(folder, prefix, found, links):
    for name in os.listdir(folder):
        st = os.lstat(name, dir_fd=folder)
        path = prefix + name
        if not stat.S_ISDIR(st.st_mode):
            links.setdefault(st.st_ino, []).append(path)
        if stat.S_ISLNK(st.st_mode):
            found[path] = (*_facts(st), os.readlink(name, dir_fd=folder))
        elif stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode):
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                found[path] = _facts(st, fd)
                if stat.S_ISDIR(st.st_mode):
                    _walk(fd, path + '/', found, links)
                else:
                    found[path] += (st.st_size, _digest(fd))
            finally:
                os.close(fd)
        else:
            found[path] = _facts(st)


def _facts(st, fd=None):
    facts = (oct(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns)
    if fd is not None:
        facts += (tuple(sorted((name, os.getxattr(fd, name))
                               for name in os.listxattr(fd))),)
    return facts


def _digest(fd):
    digest = hashlib.blake2b(digest_size=16)
    while chunk := os.read(fd, 1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def is_below(path, other):
    """Tell whether a path is another one, or in that."""
    return path == other or path.startswith(other + '/')


def moved(tree, name):
    """Return what a walk finds of a tree that is a directory in another one.

    :param name: str, the directory's.
    """
    def path_of(path):
        return name if path == '.' else f'{name}/{path}'

    def facts_of(facts):
        # What is linked to what comes last.
        if isinstance(facts[-1], tuple) and facts[-1] and isinstance(
                facts[-1][0], str):
            return (*facts[:-1], tuple(map(path_of, facts[-1])))
        return facts

    return {path_of(path): facts_of(facts) for path, facts in tree.items()}


def differences(expected, found):
    """Compare two trees: the difference as str; empty if there is none."""
    said = [f'{path!r}: {expected.get(path)} became {found.get(path)}'
            for path in sorted(expected.keys() | found.keys())
            if expected.get(path) != found.get(path)]
    more = [f'and {len(said) - 5} more'] if len(said) > 5 else []
    return '; '.join([*said[:5], *more])


class Gardener:
    """Makes and changes trees.

    :param random: a :class:`random.Random`.
    """

    def __init__(self, random):
        self._random = random

    def plant(self, root, files, large):
        """Fill an empty directory.

        :param files: int, how many small files.
        :param large: int, how many of some MiB.
        """
        for number in range(files):
            self._write(os.path.join(root, self._folder(root, number),
                                     f'f{number}'), 4000)
        for number in range(large):
            self._write(os.path.join(root, f'large{number}'), 4 << 20)
        os.mkfifo(os.path.join(root, 'fifo'), 0o640)
        os.symlink('nowhere', os.path.join(root, 'dangling'))
        os.link(os.path.join(root, 'd0', 'f0'), os.path.join(root, 'linked'))
        with open(os.path.join(root, 'sparse'), 'wb') as file:
            file.truncate(3 << 20)
            file.seek(2 << 20)
            file.write(b'in the middle')

    def _folder(self, root, number):
        name = f'd{number // 40}'
        os.makedirs(os.path.join(root, name), exist_ok=True)
        return name

    def _write(self, path, size):
        with open(path, 'wb') as file:
            file.write(self._random.randbytes(self._random.randrange(size)))
        if self._random.random() < 0.2:
            os.chmod(path, self._random.choice(_MODES))
        if self._random.random() < 0.1:
            value = self._random.randbytes(9)
            with contextlib.suppress(OSError):  # not on every filesystem
                os.setxattr(path, 'user.soak', value)
        if self._random.random() < 0.3:
            when = self._random.randrange(1 << 60)
            os.utime(path, ns=(when, when))

    def change(self, root):
        """Change some of a tree, in some of the ways there are."""
        files = self._files(root)
        for path in self._random.sample(files, len(files) // 5):
            self._write(path, 4000)
        for _ in range(self._random.randint(1, 12)):
            ways = (self._rewrite, self._behind_the_back, self._new,
                    self._new, self._remove, self._move, self._attributes,
                    self._link)
            self._random.choice(ways)(root)

    def _files(self, root):
        return sorted(
            os.path.join(folder, name)
            for folder, _, names in os.walk(root) for name in names
            if stat.S_ISREG(os.lstat(os.path.join(folder, name)).st_mode))

    def _one(self, root):
        # There are always some: what is removed is less than what is added.
        return self._random.choice(self._files(root) or [None])

    def _rewrite(self, root):
        path = self._one(root)
        if path:
            self._write(path, 6000)

    def _behind_the_back(self, root):
        """Other bytes, same size and same time."""
        path = self._one(root)
        if path:
            st = os.stat(path)
            with open(path, 'r+b') as file:
                file.write(self._random.randbytes(min(st.st_size, 100)))
            os.utime(path, ns=(st.st_mtime_ns, st.st_mtime_ns))

    def _new(self, root):
        folder = os.path.join(root, f'new{self._random.randrange(5)}')
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f'n{self._random.randrange(40)}')
        if not os.path.lexists(path):
            self._write(path, 4000)

    def _remove(self, root):
        path = self._one(root)
        if path:
            os.unlink(path)

    def _move(self, root):
        path = self._one(root)
        if path:
            os.rename(path, f'{path}-{self._random.randrange(10)}')

    def _attributes(self, root):
        path = self._one(root)
        if path:
            os.chmod(path, self._random.choice(_MODES))
            os.chown(path, *(2 * [self._random.choice((0, 1001, 1002))])
                     if os.geteuid() == 0 else (-1, -1))

    def _link(self, root):
        path = self._one(root)
        new = os.path.join(root, f'link{self._random.randrange(9)}')
        if path and not os.path.lexists(new):
            if self._random.random() < 0.5:
                os.link(path, new)
            else:
                os.symlink(os.path.relpath(path, root), new)
