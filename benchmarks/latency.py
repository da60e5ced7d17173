# SPDX-License-Identifier: Apache-2.0
"""Time the posix driver on storage that answers as slowly as over a network,
beside other programs and beside the least that the work needs.

The share or the repository is a FUSE file system that sleeps in each call
that would be a round trip. ``floor.c`` makes the calls that the work needs and
no others, on 32 threads. Everything is done in turn, round by round, with
nothing in the caches of the slow side. Run as root, with gcc and FUSE; rsync,
rclone, fpsync and restic take part if they are installed.
"""

import os
import sys

# Python puts this directory first, where a file has the name of a module of
# the standard library.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import argparse
import functools
import json
import platform
import shutil
import statistics
import subprocess
import tempfile
import time

from benchmarks import copy
from manila_backup.drivers import base
from manila_backup.drivers.posix import driver
from manila_backup.drivers.posix import parent
from manila_backup.drivers import progress
from manila_backup.fs import syscalls
from tests.functional.drivers import fuse
from tests.functional.drivers import latfs

THREADS = 32
FLOOR, OURS = 'floor', 'posix driver'
RSYNC, RCLONE, FPSYNC, RESTIC = 'rsync -a', 'rclone', 'fpsync', 'restic'
COMMANDS = {RSYNC: 'rsync', RCLONE: 'rclone', FPSYNC: 'fpsync',
            RESTIC: 'restic'}

#: Work by the side that is slow, and how much of the floor's time the driver
#: may take for it; None: there is no aim.
AIMS = {
    ('share', 'first'): 1.3,
    ('share', 'again'): None,
    ('share', 'restore'): 1.3,
    ('share', 'restore, 1% differs'): 1.5,
    ('repository', 'first'): None,
    ('repository', 'again'): 1.5,
    ('repository', 'restore'): 1.3,
}


@functools.cache
def floor():
    """The compiled program."""
    return fuse.program(os.path.join(os.path.dirname(__file__), 'floor.c'),
                        '-lcrypto', '-lpthread')


class Bench:
    """One tree, with one slow side.

    :param side: str, 'share' or 'repository'.
    :param microseconds: int, what each call takes there.
    :ivar times: dict of work to a dict of program to seconds, a list.
    """

    def __init__(self, scratch, slow, side, files, microseconds):
        self.slow = slow
        self.microseconds = microseconds
        self.scratch = scratch
        self.files = files
        self.shares = slow.path if side == 'share' else scratch
        self.stored = slow.path if side == 'repository' else scratch
        self.side = side
        self.source = os.path.join(self.shares, 'source')
        fast = self.source.replace(slow.path, slow.backing)
        os.mkdir(fast)
        copy.fill(fast, files, lambda numbers: 4096)
        self.cache = os.path.join(scratch, 'cache')
        self.there = {FLOOR, OURS} | {
            name for name, command in COMMANDS.items()
            if shutil.which(command)}
        self.times = {}

    def share(self, name):
        return os.path.join(self.shares, name)

    def store(self, name):
        return os.path.join(self.stored, name)

    def race(self, work, **programs):
        said = self.times.setdefault((self.side, work), {})
        for name, function in programs.items():
            program = globals()[name]
            if program in self.there:
                said.setdefault(program, []).append(self.timed(function))

    def timed(self, function):
        """Seconds that a function takes until all that it wrote is on the
        disk, with nothing in the caches of the slow side."""
        fd = os.open(self.slow.backing, os.O_RDONLY)
        os.sync()
        with open('/proc/sys/vm/drop_caches', 'w') as file:
            file.write('2')
        start = time.monotonic()
        function()
        syscalls.syncfs(fd)
        seconds = time.monotonic() - start
        os.close(fd)
        return seconds

    def floor(self, mode, source, target, before='-'):
        copy.run(floor(), mode, source, target, before, str(THREADS))

    def rsync(self, source, target, *options):
        copy.run('rsync', '-a', *options, f'{source}/', target)

    def rclone(self, source, target):
        copy.run('rclone', 'sync', '--transfers', str(THREADS), '--checkers',
                 str(THREADS), '--metadata', '--config', '/dev/null', source,
                 target)

    def fpsync(self, source, target):
        os.makedirs(target, exist_ok=True)
        # It has something to say about not having a terminal, each time.
        subprocess.run(['fpsync', '-n', str(THREADS), '-f', '100', '-t',
                        self.cache, f'{source}/', f'{target}/'], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def restic(self, *arguments):
        copy.run('restic', '-q', *arguments, RESTIC_PASSWORD='x',
                 RESTIC_REPOSITORY=self.store('restic'),
                 RESTIC_CACHE_DIR=self.cache)

    def backup(self, number):
        place = base.BackupReference('project', 'share', f'backup-{number}')
        self.driver.backup(place, 1, self.source, {}, None,
                           progress.Progress())
        self.driver.publish(place, 1)

    def restore(self, target):
        self.driver.restore(
            base.BackupReference('project', 'share', 'backup-2'), 1,
            self.share(target), progress.Progress())

    def round(self):
        """Time everything once."""
        self.driver = driver.PosixDriver(self.store('ours'))
        self.driver.check(create=True)
        if RESTIC in self.there:
            self.restic('init')
        source = self.source
        self.race(
            'first',
            FLOOR=lambda: self.floor('backup', source, self.store('floor')),
            RSYNC=lambda: self.rsync(source, self.store('rsync')),
            RCLONE=lambda: self.rclone(source, self.store('rclone')),
            FPSYNC=lambda: self.fpsync(source, self.store('fpsync')),
            RESTIC=lambda: self.restic('backup', source),
            OURS=lambda: self.backup(1))
        self.race(
            'again',
            FLOOR=lambda: self.floor('link', source, self.store('floor-2'),
                                     self.store('floor')),
            RSYNC=lambda: self.rsync(source, self.store('rsync-2'),
                                     '--link-dest', self.store('rsync')),
            RCLONE=lambda: self.rclone(source, self.store('rclone')),
            FPSYNC=lambda: self.fpsync(source, self.store('fpsync')),
            RESTIC=lambda: self.restic('backup', source),
            OURS=lambda: self.backup(2))
        os.mkdir(self.share('to-ours'))
        self.race(
            'restore',
            FLOOR=lambda: self.floor('restore', self.store('floor'),
                                     self.share('to-floor')),
            RSYNC=lambda: self.rsync(self.store('rsync'),
                                     self.share('to-rsync')),
            RCLONE=lambda: self.rclone(self.store('rclone'),
                                       self.share('to-rclone')),
            FPSYNC=lambda: self.fpsync(self.store('fpsync'),
                                       self.share('to-fpsync')),
            RESTIC=lambda: self.restic('restore', 'latest', '--target',
                                       self.share('to-restic')),
            OURS=lambda: self.restore('to-ours'))
        if self.side == 'share':
            self._differing()
        self.slow.sleep(0)
        copy.remove(*(os.path.join(path, name)
                      for path in {self.shares, self.stored, self.scratch}
                      for name in os.listdir(path)
                      if name.startswith(('to-', 'floor', 'rsync', 'rclone',
                                          'fpsync', 'restic', 'ours',
                                          'cache'))))
        self.slow.sleep(self.microseconds)

    def _differing(self):
        for name in ('floor', 'rsync', 'rclone', 'fpsync', 'ours'):
            path = self.share(f'to-{name}').replace(self.slow.path,
                                                    self.slow.backing)
            if os.path.isdir(path):
                copy.change(path, self.files, 1)
        self.race(
            'restore, 1% differs',
            FLOOR=lambda: self.floor('compare', self.store('floor'),
                                     self.share('to-floor')),
            RSYNC=lambda: self.rsync(self.store('rsync'),
                                     self.share('to-rsync'), '--delete',
                                     '--checksum'),
            OURS=lambda: self.restore('to-ours'))


def conditions(args):
    """Print what the figures depend on, and who takes part."""
    print(f'{platform.machine()}, {os.cpu_count()} processors, Python '
          f'{platform.python_version()}, a load of {os.getloadavg()[0]:.1f}; '
          f'{args.files} files of 4 KiB, {args.rounds} rounds')
    for name, command in COMMANDS.items():
        if name in args.without:
            print(f'{name}: left out.')
        elif not shutil.which(command):
            print(f'{name}: MISSING, as "{command}" is not installed.')
    sys.stdout.flush()


def report(microseconds, times):
    """Print what was measured; True if every aim was met."""
    met = True
    for (side, work), said in times.items():
        print(f'\n{work}, {side} slow, {microseconds / 1000:g} ms a call')
        for name, each in said.items():
            print(f'  {name:14}{statistics.median(each):8.2f} s   '
                  f'({", ".join(f"{one:.2f}" for one in sorted(each))})')
        for how, function in (('median', statistics.median),
                              ('fastest', min)):
            ours = function(said[OURS])
            ratio = ours / function(said[FLOOR])
            others = [function(each) for name, each in said.items()
                      if name not in (FLOOR, OURS)]
            aim = AIMS[side, work]
            text = f'  {how}: {ratio:.2f} of the floor'
            if aim:
                text += f', aim {aim}: {"met" if ratio <= aim else "MISSED"}'
                met &= how == 'fastest' or ratio <= aim
            if others:
                text += f'; {ours / min(others):.2f} of the fastest other'
            print(text)
    sys.stdout.flush()
    return met


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--files', type=int, default=5000)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--latency', type=float, action='append',
                        metavar='MS', help='milliseconds; may be repeated')
    parser.add_argument('--without', action='append', default=[],
                        choices=sorted(COMMANDS), help='a program to leave '
                        'out; may be repeated')
    parser.add_argument('--directory', help='where to work')
    parser.add_argument('--json', metavar='FILE')
    args = parser.parse_args()
    # Files that have just been made may count as unchanged.
    parent._MARGIN = -3600 * 10 ** 9
    conditions(args)
    # Compiled before anything is timed.
    floor()
    found, met = {}, True
    for milliseconds in args.latency or (0.2, 0.5, 2):
        microseconds = round(1000 * milliseconds)
        times = {}
        for side in ('share', 'repository'):
            with (tempfile.TemporaryDirectory(dir=args.directory) as scratch,
                  latfs.Storage(scratch, microseconds) as slow):
                bench = Bench(scratch, slow, side, args.files, microseconds)
                bench.there -= set(args.without)
                for _ in range(args.rounds):
                    bench.round()
                times.update(bench.times)
        met &= report(microseconds, times)
        found[milliseconds] = {f'{work}, {side} slow': said
                               for (side, work), said in times.items()}
    if args.json:
        with open(args.json, 'w') as file:
            json.dump(found, file, indent=1)
    return 0 if met else 1


if __name__ == '__main__':
    sys.exit(main())
