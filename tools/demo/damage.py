# SPDX-License-Identifier: Apache-2.0
"""Do to a share what users, mistakes and malice do."""

import os
import random
import shutil
import stat


class Damage:
    """Changes to the share at ``root``; ``outside`` is a directory that
    links are made to point at, and that nobody may touch through them."""

    def __init__(self, root, outside, seed=1):
        self.root = os.fsencode(root)
        self.outside = os.fsencode(outside)
        self.random = random.Random(seed)
        self.done = {}

    def run(self, paths):
        """Damage the share.

        :param paths: dict of path to its manifest entry.
        :returns: dict of what was done to how many entries.
        """
        files = sorted(p for p, entry in paths.items()
                       if entry['type'] == 'file' and entry['size'] > 1)
        directories = sorted(p for p, entry in paths.items()
                             if p and entry['type'] == 'directory')
        # About 3 % of the files in all, each hit by one thing; the same
        # ones each time for the same tree.
        each = max(1, min(len(files) // 250, 2000))
        self.random.shuffle(files)
        take = iter(files)

        for what, change in (
                ('overwritten, size and mtime kept', self.overwrite),
                ('changed and grown', self.append),
                ('truncated', self.truncate),
                ('deleted', self.delete),
                ('given another mode and mtime', self.touch),
                ('replaced by a symlink that leads outside', self.swap),
                ('replaced by a directory', self.to_directory),
                ('hard links added', self.link)):
            for _ in range(each):
                path = next(take, None)
                if path is None:
                    break
                self.count(what, change, path)
        self.directories(directories)
        for number in range(each):
            self.count('files added', self.add, b'added-%d.txt' % number)
        return self.done

    def count(self, what, change, path):
        try:
            self.unlock(path)
            change(self.full(path))
        except FileNotFoundError:
            # An earlier change took its directory away.
            return
        self.done[what] = self.done.get(what, 0) + 1

    def full(self, path):
        return os.path.join(self.root, path)

    def unlock(self, path):
        """Make it possible for an ordinary user to change ``path``."""
        if os.geteuid() == 0:
            return
        for item in (os.path.dirname(self.full(path)), self.full(path)):
            try:
                info = os.lstat(item)
            except FileNotFoundError:
                continue
            if not stat.S_ISLNK(info.st_mode):
                os.chmod(item, stat.S_IMODE(info.st_mode) | stat.S_IRWXU)

    @staticmethod
    def overwrite(path):
        info = os.lstat(path)
        with open(path, 'r+b') as stream:
            first = stream.read(1)[0]
            stream.seek(0)
            stream.write(bytes([255 - first]))
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))

    @staticmethod
    def append(path):
        with open(path, 'ab') as stream:
            stream.write(b'\nThis line was not in the backup.\n')

    @staticmethod
    def truncate(path):
        os.truncate(path, os.lstat(path).st_size // 2)

    @staticmethod
    def delete(path):
        os.unlink(path)

    @staticmethod
    def touch(path):
        os.chmod(path, stat.S_IMODE(os.lstat(path).st_mode) ^ 0o171)
        os.utime(path, ns=(0, 1_000_000_001))

    def swap(self, path):
        os.unlink(path)
        os.symlink(os.path.join(self.outside, b'precious.txt'), path)

    @staticmethod
    def to_directory(path):
        os.unlink(path)
        os.mkdir(path)
        with open(os.path.join(path, b'within'), 'wb') as stream:
            stream.write(b'A directory where a file was.\n')

    @staticmethod
    def link(path):
        os.link(path, path + b'.hard-link')

    @staticmethod
    def add(path):
        with open(path, 'wb') as stream:
            stream.write(b'This file was not in the backup.\n')

    def directories(self, directories):
        """Remove one directory with all that is in it, and put a symlink
        that leads outside in the place of another."""
        small = [path for path in directories if self.entries(path) < 500]
        if len(small) < 2:
            return
        chosen = self.random.sample(small, 2)
        for what, path in zip((
                'directories removed',
                'directories replaced by a symlink that leads outside'),
                chosen, strict=True):
            if not os.path.isdir(self.full(path)):
                continue
            self.unlock(path)
            for parent, _names, _files in os.walk(self.full(path)):
                os.chmod(parent, 0o700)
            shutil.rmtree(self.full(path))
            if 'symlink' in what:
                os.symlink(self.outside, self.full(path))
            self.done[what] = self.done.get(what, 0) + 1

    def entries(self, path):
        return sum(len(names) + len(files) for _parent, names, files
                   in os.walk(self.full(path)))


def empty(root):
    """Remove everything in ``root``, but not ``root`` itself."""
    for parent, _names, _files in os.walk(root):
        os.chmod(parent, 0o700)
    for entry in os.scandir(root):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
