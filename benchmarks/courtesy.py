# SPDX-License-Identifier: Apache-2.0
"""Time a user of a share while a backup of it runs: without one, beside one
all of whose lanes work whatever the share does, beside one without a limit,
some of whose lanes rest while the share is slow, and beside ones with limits
of operations and of bytes.

The share is a FUSE file system that sleeps in each call that would be a round
trip, and that answers so many calls at once, as a busy file server does: what
a backup takes of them, its users lack. The user opens and reads one file after
another, none of which is in a cache. Run as root, with gcc and FUSE.
"""

import os
import sys

# Python puts this directory first, where a file has the name of a module of
# the standard library.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import argparse
import json
import multiprocessing
import random
import shutil
import statistics
import tempfile
import time

from benchmarks import copy
from manila_backup.copying import restraint
from manila_backup.drivers import base
from manila_backup.drivers.posix import driver
from manila_backup.drivers import progress
from tests.functional.drivers import latfs

#: What is measured besides bytes and operations that the backup may have in a
#: second.
NONE, ALL, FREE = ('no backup', 'all lanes, always',
                   'a backup without a limit')
SIZE = 4096


class Backup:
    """One backup after another, in a process; a context manager.

    :param limits: (bytes, operations) in a second, 0 for no limit; ALL: none,
        and lanes that do not rest; None: there is no backup.
    :ivar done: float, files a second, once it is over.
    """

    def __init__(self, scratch, source, limits):
        self._scratch = scratch
        self._source = source
        self._limits = limits
        self.done = 0.0

    def __enter__(self):
        self._files = multiprocessing.Value('q')
        self._began = time.monotonic()
        self._process = None
        if self._limits is not None:
            self._process = multiprocessing.Process(target=self._work)
            self._process.start()
        return self

    def __exit__(self, *exc_info):
        if self._process:
            self.done = self._files.value / (time.monotonic() - self._began)
            self._process.kill()
            self._process.join()

    def _work(self):
        limits = self._limits
        if limits == ALL:
            limits = 0, 0
            restraint.FEWEST = sys.maxsize
        path = os.path.join(self._scratch, 'repository')
        made = driver.PosixDriver(path, incremental=False)
        made.check(create=True)
        for number in range(1 << 30):
            counted = _Counted(self._files)
            counted.limit(*limits)
            place = base.BackupReference('project', 'share', f'b{number}')
            made.backup(place, 1, self._source, {}, None, counted)
            shutil.rmtree(path, ignore_errors=True)
            made.check(create=True)


class _Counted(progress.Progress):
    """Progress that also counts for whoever waits for it."""

    def __init__(self, total):
        super().__init__()
        self._total = total

    def advance(self, files, size, calls=0):
        super().advance(files, size, calls)
        if files:
            with self._total.get_lock():
                self._total.value += files


def read(paths, seconds):
    """Read files for a while; list of the seconds that each took."""
    found = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        path = next(paths)
        start = time.monotonic()
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.read(fd, SIZE)
        os.close(fd)
        found.append(time.monotonic() - start)
    return found


def _paths(root, count):
    """Yield paths of files, in any order."""
    numbers = random.Random(0)
    while True:
        number = numbers.randrange(count)
        yield os.path.join(root, f'd{number // 100}', f'f{number}')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--files', type=int, default=5000)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=4.0,
                        help='of each measurement (default: %(default)s)')
    parser.add_argument('--latency', type=float, default=0.5, metavar='MS')
    parser.add_argument('--at-once', type=int, default=4,
                        help='calls that the file server answers at once '
                             '(default: %(default)s)')
    parser.add_argument('--operations', type=int, default=1000,
                        help='the limit (default: %(default)s)')
    parser.add_argument('--bytes', type=int, default=1 << 20,
                        help='the limit (default: %(default)s)')
    parser.add_argument('--directory', help='where to work')
    parser.add_argument('--json', metavar='FILE')
    args = parser.parse_args()
    limits = {NONE: None, ALL: ALL, FREE: (0, 0),
              f'{args.operations} operations/s': (0, args.operations),
              f'{args.bytes} bytes/s': (args.bytes, 0)}
    took, done = ({name: [] for name in limits} for _ in range(2))
    with (tempfile.TemporaryDirectory(dir=args.directory) as scratch,
          latfs.Storage(scratch, round(1000 * args.latency),
                        at_once=args.at_once) as slow):
        copy.fill(slow.backing, args.files, lambda numbers: SIZE)
        paths = _paths(slow.path, args.files)
        for _ in range(args.rounds):
            for name, limit in limits.items():
                with Backup(scratch, slow.path, limit) as backup:
                    # It is to have begun.
                    time.sleep(0.5)
                    took[name].extend(read(paths, args.seconds))
                done[name].append(backup.done)
                shutil.rmtree(os.path.join(scratch, 'repository'),
                              ignore_errors=True)
    print(f'{args.files} files of {SIZE} bytes, {args.latency:g} ms a call, '
          f'{args.at_once} at once; ms that a user takes to open and read one')
    for name, each in took.items():
        each.sort()
        print(f'  {name:26}median {statistics.median(each) * 1e3:6.2f}, '
              f'99 % {each[len(each) * 99 // 100] * 1e3:6.2f}, most '
              f'{each[-1] * 1e3:6.2f}; {len(each)} reads, the backup '
              f'{statistics.median(done[name]):.0f} files/s')
    if args.json:
        with open(args.json, 'w', encoding='utf-8') as target:
            json.dump({'took': took, 'files': done}, target)


if __name__ == '__main__':
    main()
