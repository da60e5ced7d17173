# SPDX-License-Identifier: Apache-2.0
"""Time the posix driver beside ``cp -a``, ``rsync -a`` and restic.

Each program copies the same trees in turn, round by round, with a warm page
cache; each time includes a ``syncfs`` of the filesystem after it, though the
driver does one itself. Medians, and what they are of ``cp -a``'s, are
printed. Run as root, on a filesystem with room for several copies that
nothing else writes to meanwhile.
"""

import os
import sys

# Python puts this directory first, where this file has the name of a module
# of the standard library.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import argparse
import random
import shutil
import statistics
import subprocess
import tempfile
import time

from manila_backup.drivers import base
from manila_backup.drivers.posix import driver
from manila_backup.drivers.posix import system
from manila_backup.drivers import progress


def small(root, count, size):
    """Files of one size, a hundred to a directory."""
    numbers = random.Random(0)
    for number in range(count):
        directory = os.path.join(root, f'd{number // 100}')
        if number % 100 == 0:
            os.makedirs(directory)
        with open(os.path.join(directory, f'f{number}'), 'wb') as target:
            target.write(numbers.randbytes(size))


def large(root, count, size):
    """Files of one size, all in the root."""
    numbers = random.Random(0)
    for number in range(count):
        with open(os.path.join(root, f'f{number}'), 'wb') as target:
            for _ in range(size >> 20):
                target.write(numbers.randbytes(1 << 20))


def timed(function, directory):
    """Seconds that a function takes until all it wrote is on the disk."""
    fd = os.open(directory, os.O_RDONLY)
    system.syncfs(fd)
    start = time.monotonic()
    function()
    system.syncfs(fd)
    os.close(fd)
    return time.monotonic() - start


def run(*command, **env):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, **env})


class Bench:
    """One tree and everything that is timed on it."""

    def __init__(self, scratch, processes):
        self.scratch = scratch
        self.source = os.path.join(scratch, 'source')
        os.mkdir(self.source)
        repository = os.path.join(scratch, 'repository')
        self.driver = driver.PosixDriver(repository, processes)
        self.driver.check(create=True)
        self.times = {}
        self.number = 0

    def round(self, rsync, restic):
        """Time each program once."""
        self.number += 1
        place = base.Place('project', 'share', f'backup-{self.number}')
        self._time('cp -a', lambda to: run('cp', '-a', self.source, to))
        if rsync:
            self._time('rsync -a', lambda to: run(
                'rsync', '-a', f'{self.source}/', to))
        self._time('backup', lambda to: self._backup(place))
        self._time('restore', lambda to: self._restore(place, to), True)
        self._time('restore, equal', lambda to: self.driver.restore(
            place, 1, self.source, progress.Progress()))
        self._time('verify', lambda to: self.driver.verify(
            place, progress.Progress()))
        self._time('delete', lambda to: self.driver.delete(
            place, progress.Progress()))
        if restic:
            self._restic()

    def _time(self, name, function, make=False):
        to = os.path.join(self.scratch, 'copy')
        if make:
            os.mkdir(to)
        self.times.setdefault(name, []).append(
            timed(lambda: function(to), self.scratch))
        shutil.rmtree(to, ignore_errors=True)

    def _backup(self, place):
        self.driver.backup(place, 1, self.source, {}, None,
                           progress.Progress())
        self.driver.publish(place, 1)

    def _restore(self, place, target):
        self.driver.restore(place, 1, target, progress.Progress())

    def _restic(self):
        to = os.path.join(self.scratch, 'restic')
        env = {'RESTIC_PASSWORD': 'x', 'RESTIC_REPOSITORY': to}
        run('restic', 'init', **env)
        self._time('restic backup', lambda _: run(
            'restic', 'backup', '-q', self.source, **env))
        self._time('restic restore', lambda copy: run(
            'restic', 'restore', '-q', 'latest', '--target', copy, **env))
        shutil.rmtree(to)

    def report(self, title):
        """Print the medians of one tree."""
        print(f'\n{title}')
        first = statistics.median(self.times['cp -a'])
        for name, times in self.times.items():
            median = statistics.median(times)
            print(f'  {name:16} {median:8.2f} s  {median / first:6.2f} of '
                  f'cp -a   ({min(times):.2f} to {max(times):.2f})')
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--processes', type=int, default=2)
    parser.add_argument('--files', type=int, default=20_000,
                        help='small files (default: %(default)s; 0: none)')
    parser.add_argument('--size', type=int, default=4096,
                        help='bytes of a small file (default: %(default)s)')
    parser.add_argument('--large', type=int, default=4,
                        help='large files (default: %(default)s; 0: none)')
    parser.add_argument('--large-size', type=int, default=256,
                        help='MiB of a large file (default: %(default)s)')
    parser.add_argument('--directory', help='where to work')
    args = parser.parse_args()
    rsync, restic = (shutil.which(name) for name in ('rsync', 'restic'))
    for name, there in (('rsync', rsync), ('restic', restic)):
        if not there:
            print(f'{name} is not installed: left out.')
    for count, size, fill in (
            (args.files, args.size, small),
            (args.large, args.large_size << 20, large)):
        if not count:
            continue
        with tempfile.TemporaryDirectory(dir=args.directory) as scratch:
            bench = Bench(scratch, args.processes)
            fill(bench.source, count, size)
            for _ in range(args.rounds):
                bench.round(rsync, restic)
            bench.report(f'{count} files of {size} bytes, medians of '
                         f'{args.rounds}')


if __name__ == '__main__':
    main()
