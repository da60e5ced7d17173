# SPDX-License-Identifier: Apache-2.0
"""Backups that continue the one before, after changes by chance, with all that
a user has to hide them."""

import contextlib
import os
import random
import shutil
import stat
import subprocess

from tests.functional.drivers import continued


class RandomTest(continued.Continued):
    ROUNDS = 12

    def setUp(self):
        super().setUp()
        self.chance = random.Random(self.id())

    def test_some(self):
        self._rounds()

    def test_others(self):
        self._rounds()

    def _rounds(self):
        for _ in range(60):
            self._change()
        self.back_up(False)
        continued_ = 0
        for _ in range(self.ROUNDS):
            for _ in range(self.chance.choice((1, 3, 10, 30))):
                self._change()
            place, _ = self.back_up()
            continued_ += self.continues(place)
        self.assertGreater(continued_, 3)
        for place in self.taken:
            self.assertSound(place)

    def _change(self):
        files, directories = [], [self.at()]
        for path, below, names in os.walk(self.at()):
            directories += [os.path.join(path, name) for name in below]
            files += [os.path.join(path, name) for name in names]
        new = os.path.join(self.chance.choice(directories),
                           f'{self.chance.randrange(12)}')
        change = self.chance.choice((
            self._make, self._make, self._directory, self._write,
            self._write, self._attributes, self._rename, self._remove,
            self._special, self._clone, self._holes, self._hard_link))
        with contextlib.suppress(OSError, IndexError):
            change(new, files, directories)

    def _make(self, new, files, directories):
        with open(new, 'xb') as file:
            file.write(os.urandom(self.chance.choice((0, 5, 5000, 300000))))

    def _directory(self, new, files, directories):
        os.mkdir(new)

    def _write(self, new, files, directories):
        path = self.chance.choice(files)
        st = os.stat(path, follow_symlinks=False)
        with open(os.open(path, os.O_WRONLY | os.O_NOFOLLOW
                          | os.O_NONBLOCK), 'wb') as file:
            if self.chance.random() < 0.5:
                file.seek(self.chance.randrange(st.st_size + 1))
            file.write(os.urandom(max(st.st_size - file.tell(), 1)))
        # As if nothing had happened.
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))

    def _attributes(self, new, files, directories):
        path = self.chance.choice(files + directories)
        self.chance.choice((
            lambda: os.chmod(path, self.chance.choice((0o700, 0o2775, 0))),
            lambda: os.chown(path, 5, 6, follow_symlinks=False),
            lambda: os.setxattr(path, f'user.{self.chance.randrange(3)}',
                                os.urandom(5), follow_symlinks=False),
            lambda: os.removexattr(path, 'user.1', follow_symlinks=False),
            lambda: os.utime(path, ns=(7, self.chance.randrange(10 ** 18)),
                             follow_symlinks=False)))()

    def _rename(self, new, files, directories):
        os.rename(self.chance.choice(files + directories[1:]), new)

    def _remove(self, new, files, directories):
        if self.chance.random() < 0.2:
            shutil.rmtree(self.chance.choice(directories[1:]))
        else:
            os.unlink(self.chance.choice(files))

    def _special(self, new, files, directories):
        self.chance.choice((
            lambda: os.symlink(f'{self.chance.randrange(99)}', new),
            lambda: os.mkfifo(new),
            lambda: os.mknod(new, 0o600 | stat.S_IFCHR, 5)))()

    def _clone(self, new, files, directories):
        path = self.chance.choice(files)
        # A FIFO would wait for somebody to open its other end.
        if stat.S_ISREG(os.lstat(path).st_mode) and not os.path.lexists(new):
            subprocess.run(['cp', '--reflink=always', '-p', path, new],
                           stderr=subprocess.DEVNULL)

    def _holes(self, new, files, directories):
        path = self.chance.choice(files)
        how = self.chance.choice(('-p', '-z', '-x'))
        if stat.S_ISREG(os.lstat(path).st_mode):
            subprocess.run(['fallocate', how, '-o', '4096', '-l', '65536',
                            path], stderr=subprocess.DEVNULL)

    def _hard_link(self, new, files, directories):
        if self.chance.random() < 0.1:
            os.link(self.chance.choice(files), new, follow_symlinks=False)


class ElsewhereTest(RandomTest, continued.Elsewhere):

    pass
