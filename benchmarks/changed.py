# SPDX-License-Identifier: Apache-2.0
"""Time a backup of a share on btrfs in which little has changed: one that
continues the backup before, one that looks at everything, ``rsync`` and
``btrfs send``.

As many files change before each, round by round. Each time has all of it: the
snapshot, the copy, and that all is on the disk. Medians are printed. It makes
a file system in a file, mounts it, and needs root.
"""

import os
import sys

# Python puts this directory first, where another file has the name of a module
# of the standard library.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import argparse
import contextlib
import random
import shutil
import statistics
import subprocess
import tempfile
import time

from manila_backup.drivers import base as drivers
from manila_backup.drivers.posix import driver
from manila_backup.drivers import progress
from manila_backup.fs import syscalls
from manila_backup.shares import base
from manila_backup.shares import local

CONTINUED, WHOLE, RSYNC, SEND = (
    'what changed', 'everything', 'rsync --link-dest', 'btrfs send')

#: Seconds that a million files may take of which a hundred changed.
AIM = 2.0


def run(*command, **kwargs):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **kwargs)


@contextlib.contextmanager
def mounted(directory, size):
    """Make a btrfs in a file, and mount it while the context lasts."""
    with tempfile.TemporaryDirectory(dir=directory) as above:
        image, path = (os.path.join(above, name)
                       for name in ('image', 'mounted'))
        os.mkdir(path)
        with open(image, 'wb') as file:
            file.truncate(size)
        run('mkfs.btrfs', '-q', image, stderr=subprocess.DEVNULL)
        # What another program reads of the share would count as written.
        run('mount', '-o', 'loop,noatime', image, path)
        try:
            yield path
        finally:
            run('umount', path)


class Changed:
    """A share on a btrfs, and what each program makes of it beside it.

    :param path: str, where that is mounted.
    """

    def __init__(self, path, count, changed):
        self.path = path
        self.count = count
        self.changed = changed
        self.source = local.LocalShares(os.path.join(path, 'shares'),
                                        'snapshot')
        self.share = base.ShareRef('share', 'project')
        self.source.create(self.share)
        self.root = os.path.join(path, 'shares', 'share')
        self.numbers = random.Random(0)
        self.number = 0
        self.drivers = {}
        for name, every in (CONTINUED, 1000), (WHOLE, 1):
            self.drivers[name] = driver.PosixDriver(
                os.path.join(path, name.replace(' ', '-')),
                full_scan_every=every)
            self.drivers[name].check(create=True)
        for number in range(count):
            if number % 100 == 0:
                os.mkdir(os.path.join(self.root, f'd{number // 100}'))
            self.write(number)

    def write(self, number):
        path = os.path.join(self.root, f'd{number // 100}', f'f{number}')
        with open(path, 'wb') as file:
            file.write(self.numbers.randbytes(200))

    def change(self):
        """Write other bytes to some of the files."""
        for number in self.numbers.sample(range(self.count), self.changed):
            self.write(number)
        os.sync()

    def back_up(self, name):
        """Have the driver make the next backup."""
        self.number += 1
        place = drivers.BackupReference('project', 'share', str(self.number))
        job = base.Job('operation', place.backup_id, 1)
        own, told = self.drivers[name], progress.Progress()
        with self.source.use(self.share, job, told) as view:
            own.lineage = view.lineage
            result = own.backup(place, 1, view.path, {}, None, told)
            own.publish(place, 1)
        if result.problem_count:
            raise SystemExit(f'{result.problems[0]}')

    def rsync(self, name):
        """Have rsync do it, into a directory beside the one before."""
        above = os.path.join(self.path, 'rsync')
        os.makedirs(above, exist_ok=True)
        there = sorted(os.listdir(above), key=int)
        self.number += 1
        run('rsync', '-a', *(f'--link-dest={above}/{last}'
                             for last in there[-1:]),
            f'{self.root}/', f'{above}/{self.number}/')

    def send(self, name):
        """Have it done by snapshots and ``btrfs send``."""
        above = os.path.join(self.path, 'send')
        for side in 'sent', 'received':
            os.makedirs(os.path.join(above, side), exist_ok=True)
        there = sorted(os.listdir(f'{above}/sent'), key=int)
        self.number += 1
        run('btrfs', 'subvolume', 'snapshot', '-r', self.root,
            f'{above}/sent/{self.number}')
        with subprocess.Popen(
                ('btrfs', '-q', 'send', *(
                    argument for last in there[-1:]
                    for argument in ('-p', f'{above}/sent/{last}')),
                 f'{above}/sent/{self.number}'), stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL) as sent:
            run('btrfs', '-q', 'receive', f'{above}/received',
                stdin=sent.stdout)
        if sent.returncode:
            raise SystemExit('btrfs send failed')

    def timed(self, function, name):
        start = time.monotonic()
        function(name)
        fd = os.open(self.path, os.O_RDONLY)
        syscalls.syncfs(fd)
        os.close(fd)
        return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--files', type=int, default=200_000)
    parser.add_argument('--million', action='store_true',
                        help='1,000,000 files')
    parser.add_argument('--changed', type=int, default=100)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--gib', type=int, default=9,
                        help='size of the file system')
    parser.add_argument('--directory', help='where to make it')
    parser.add_argument('--without', action='append', default=[],
                        choices=[RSYNC.split()[0], SEND.split()[0]])
    args = parser.parse_args()
    count = 1_000_000 if args.million else args.files
    with mounted(args.directory, args.gib << 30) as path:
        there = Changed(path, count, args.changed)
        programs = {CONTINUED: there.back_up, WHOLE: there.back_up}
        for name, function in (RSYNC, there.rsync), (SEND, there.send):
            if name.split()[0] not in args.without and shutil.which(
                    name.split()[0]):
                programs[name] = function
        os.sync()
        for name, function in programs.items():
            print(f'first, {name}: {there.timed(function, name):.2f} s',
                  flush=True)
        times = {name: [] for name in programs}
        for round_ in range(args.rounds):
            order = list(programs.items())
            for name, function in order[::-1] if round_ % 2 else order:
                there.change()
                times[name].append(there.timed(function, name))
    print(f'{count} files of which {args.changed} changed; load average '
          f'{os.getloadavg()[0]:.1f}')
    ours = statistics.median(times[CONTINUED])
    for name, each in times.items():
        middle = statistics.median(each)
        print(f'  {name:18} {middle:7.2f} s  {ours / middle:5.2f}  '
              + ' '.join(f'{one:.2f}' for one in each))
    if args.million:
        print(f'  aim: {AIM} s; {"reached" if ours <= AIM else "missed"}')
        sys.exit(ours > AIM)


if __name__ == '__main__':
    main()
