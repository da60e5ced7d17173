# SPDX-License-Identifier: Apache-2.0
"""Real file systems on loop devices, made for each test."""

import os
import subprocess

import fixtures

from tests.functional import cloud

MIB = 1 << 20

_MKFS = {'ext4': ('-q', '-m', '0', '-E', 'root_owner=0:0'),
         'xfs': ('-q',),
         'btrfs': ('-q',)}


class Disk(fixtures.Fixture):
    """A file system of its own.

    :param size: int, bytes; btrfs needs about 110 MiB, xfs 300 MiB.
    :param kind: str, ext4, xfs or btrfs.
    :ivar path: str, where it is mounted.
    :ivar root: str, a directory beside it that goes with it.
    """

    def __init__(self, size, kind='ext4'):
        self._size = size
        self._kind = kind

    def _setUp(self):
        self.root = self.useFixture(
            fixtures.TempDir(rootdir=cloud.FOLDER)).path
        self.image = os.path.join(self._place(), 'image')
        self.path = os.path.join(self.root, 'mounted')
        os.mkdir(self.path)
        with open(self.image, 'wb') as file:
            file.truncate(self._size)
        self._run(f'mkfs.{self._kind}', *_MKFS[self._kind], self.image)
        self._mount('-o', 'loop', self.image, self.path)

    def _place(self):
        """The directory that its image is to be in."""
        return self.root

    def _mount(self, *how):
        self._run('mount', *how)
        self.addCleanup(subprocess.run, ['umount', '-l', how[-1]],
                        stderr=subprocess.DEVNULL)

    def remount(self, how):
        self._run('mount', '-o', f'remount,{how}', self.path)

    def vanish(self):
        """Unmount it under whatever is using it."""
        self._run('umount', '-l', self.path)

    def lock(self, path):
        """Let nobody write to a directory."""
        self._run('chattr', '+i', path)

    def unlock(self, path):
        self._run('chattr', '-i', path)

    def break_off(self, size):
        """Lose all behind the first ``size`` bytes: to read there is an I/O
        error from now on."""
        self._run('sync', '-f', self.path)
        os.truncate(self.image, size)
        with open('/proc/sys/vm/drop_caches', 'w') as file:
            file.write('3')

    def fill(self):
        """Use up what is free.

        :returns: str, the file to remove for that to end.
        """
        ballast = os.path.join(self.path, 'ballast')
        with open(ballast, 'wb', buffering=0) as file:
            for size in (MIB, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue
        return ballast

    @staticmethod
    def _run(*command):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class HollowDisk(Disk):
    """Promises more than there is: whatever is written is taken, and a part
    of it is an I/O error when it is to go to the device."""

    def _place(self):
        path = os.path.join(self.root, 'device')
        os.mkdir(path)
        self._mount('-t', 'tmpfs', '-o', f'size={self._size // 3}', 'tmpfs',
                    path)
        return path


class LimitedDisk(Disk):
    """A btrfs that has room, but a quota of 16 MiB."""

    def __init__(self, size):
        super().__init__(size, 'btrfs')

    def _setUp(self):
        super()._setUp()
        self._run('btrfs', 'quota', 'enable', self.path)
        self._run('btrfs', 'qgroup', 'limit', '16M', self.path)


def processes(program, word):
    """Processes of a program, with a word in their command lines."""
    found = []
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{name}/cmdline') as file:
                command = file.read().split('\0')
        except OSError:
            continue
        if any(each.endswith(program) for each in command[:5]) and any(
                word in each for each in command):
            found.append(int(name))
    return found
