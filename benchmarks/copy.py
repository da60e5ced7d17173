# SPDX-License-Identifier: Apache-2.0
"""Time the posix driver beside ``cp -a``, ``rsync -a`` and restic.

Each program does the same work in turn, round by round, with a warm page
cache; each time includes a ``syncfs`` of the filesystem after it, though the
driver syncs by itself. Medians are printed, and what the driver's are of the
others', each beside its aim. Run as root, on a filesystem with room for
several copies that nothing else writes to meanwhile.
"""

import os
import sys

# Python puts this directory first, where this file has the name of a module
# of the standard library.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import argparse
import json
import multiprocessing
import platform
import random
import shutil
import statistics
import subprocess
import tempfile
import time

from manila_backup.copying import manifest
from manila_backup.drivers import base
from manila_backup.drivers.posix import driver
from manila_backup.drivers import progress
from manila_backup.fs import syscalls

CP, RSYNC, RESTIC, OURS = 'cp -a', 'rsync -a', 'restic', 'posix driver'

#: Work, and how much of the better of the usual programs' time the driver
#: may take for it, and of restic's; None: there is no aim.
AIMS = {
    'first backup, small files': (1.0, 0.6),
    'first backup, large files': (1.0, 0.5),
    'backup again, nothing changed': (0.4, 0.4),
    'backup again, 1% changed': (0.5, 0.5),
    'restore into an empty share, small files': (1.0, 0.6),
    'restore into an empty share, large files': (1.0, 0.6),
    'restore when 1% differs': (0.5, None),
}

MEMORY_AIM_MIB = 200
MILLION_AIM = 1.2
WIDE_AIM = 1.2


def fill(root, count, size, each=100):
    """Make files.

    :param size: called with random numbers; the bytes of a file.
    :param each: int, files in one directory.
    """
    numbers = random.Random(0)
    for number in range(count):
        directory = os.path.join(root, f'd{number // each}')
        if number % each == 0:
            os.makedirs(directory)
        with open(os.path.join(directory, f'f{number}'), 'wb') as target:
            left = size(numbers)
            while left:
                target.write(numbers.randbytes(min(left, 1 << 20)))
                left -= min(left, 1 << 20)


def change(root, count, seed):
    """Give every hundredth file other bytes."""
    numbers = random.Random(seed)
    for number in range(0, count, 100):
        path = os.path.join(root, f'd{number // 100}', f'f{number}')
        with open(path, 'r+b') as target:
            target.write(numbers.randbytes(os.path.getsize(path)))


def remove(*paths):
    for path in paths:
        subprocess.run(['rm', '-rf', path], check=True)


def run(*command, **env):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, **env})


class Bench:
    """One tree and everything that is timed on it.

    :param kind: str, what the tree's files are.
    :ivar times: dict of the work to a dict of program to seconds, a list.
    :ivar used: the same of processor time, of all that the program's
        processes used.
    """

    def __init__(self, scratch, kind, count, size, processes):
        self.scratch = scratch
        self.kind = kind
        self.count = count
        self.source = self.path('source')
        os.mkdir(self.source)
        fill(self.source, count, lambda numbers: size)
        self.driver = driver.PosixDriver(self.path('repository'), processes)
        self.driver.check(create=True)
        self.restic = {'RESTIC_PASSWORD': 'x',
                       'RESTIC_REPOSITORY': self.path('restic'),
                       'RESTIC_CACHE_DIR': self.path('cache')}
        self.there = {CP, OURS} | {
            name for name in (RSYNC, RESTIC) if shutil.which(name.split()[0])}
        self.times, self.used = {}, {}
        self.rounds = 0

    def path(self, name):
        return os.path.join(self.scratch, name)

    def place(self, number):
        return base.BackupReference('project', 'share', f'backup-{number}')

    def race(self, work, **programs):
        """Time programs that do the same; every other round in the opposite
        order.

        :param work: str, a key of :data:`AIMS`.
        :param programs: name of a program's constant to what it does.
        """
        said = self.times.setdefault(work, {})
        used = self.used.setdefault(work, {})
        order = list(programs.items())
        for name, function in order[::-1 if self.rounds % 2 else 1]:
            program = globals()[name]
            if program in self.there:
                seconds, processor = self.timed(function)
                said.setdefault(program, []).append(seconds)
                used.setdefault(program, []).append(processor)

    def timed(self, function):
        """Seconds that a function takes until all it wrote is on the disk,
        and seconds of processors that it uses."""
        fd = os.open(self.scratch, os.O_RDONLY)
        syscalls.syncfs(fd)
        used, start = sum(os.times()[:4]), time.monotonic()
        function()
        syscalls.syncfs(fd)
        seconds = time.monotonic() - start
        os.close(fd)
        return seconds, sum(os.times()[:4]) - used

    def backup(self, number):
        self.driver.backup(self.place(number), 1, self.source, {}, None,
                           progress.Progress())
        self.driver.publish(self.place(number), 1)

    def restore(self, number, target):
        self.driver.restore(self.place(number), 1, self.path(target),
                            progress.Progress())

    def rsync(self, target, *options):
        run('rsync', '-a', *options, f'{self.source}/', self.path(target))

    def run_restic(self, *arguments):
        run('restic', '-q', *arguments, **self.restic)

    def first(self):
        """From nothing to a first copy, and back to nothing."""
        if RESTIC in self.there:
            self.run_restic('init')
        self.race(
            f'first backup, {self.kind}',
            CP=lambda: run('cp', '-a', self.source, self.path('cp')),
            RSYNC=lambda: self.rsync('rsync'),
            RESTIC=lambda: self.run_restic('backup', self.source),
            OURS=lambda: self.backup(1))

    def empty(self, number):
        remove(self.path('cp'))
        os.mkdir(self.path('target'))
        self.race(
            f'restore into an empty share, {self.kind}',
            CP=lambda: run('cp', '-a', self.source, self.path('cp')),
            RESTIC=lambda: self.run_restic('restore', 'latest', '--target',
                                           self.path('restored')),
            OURS=lambda: self.restore(number, 'target'))
        remove(self.path('restored'))

    def again(self):
        """Backups after the first."""
        self.race(
            'backup again, nothing changed',
            RSYNC=lambda: self.rsync('rsync-2', '--link-dest',
                                     self.path('rsync')),
            RESTIC=lambda: self.run_restic('backup', self.source),
            OURS=lambda: self.backup(2))
        change(self.source, self.count, self.rounds)
        self.race(
            'backup again, 1% changed',
            RSYNC=lambda: self.rsync('rsync-3', '--link-dest',
                                     self.path('rsync-2')),
            RESTIC=lambda: self.run_restic('backup', self.source),
            OURS=lambda: self.backup(3))

    def differing(self, number):
        """A restore where little has to be done."""
        for target in ('target', 'cp'):
            change(self.path(target), self.count, -self.rounds - 1)
        self.race(
            'restore when 1% differs',
            RSYNC=lambda: self.rsync('cp', '--delete', '--checksum'),
            OURS=lambda: self.restore(number, 'target'))

    def round(self, small):
        """Time everything once."""
        self.first()
        number = 1
        if small:
            self.again()
            number = 3
        self.empty(number)
        if small:
            self.differing(number)
        for each in range(number):
            self.driver.delete(self.place(each + 1), progress.Progress())
        remove(*(self.path(name) for name in (
            'cp', 'rsync', 'rsync-2', 'rsync-3', 'restic', 'cache',
            'target')))
        self.rounds += 1


class Million:
    """Many tiny files: time per file, each process's memory, and the bytes of
    the manifest."""

    def __init__(self, scratch, processes):
        self.scratch = scratch
        self.driver = driver.PosixDriver(os.path.join(scratch, 'repository'),
                                         processes)
        self.driver.check(create=True)
        self.runs = 0

    def run(self, count, each=100):
        """Back up twice and restore.

        :param each: int, files in one directory.
        :returns: dict of the work to (microseconds per file, MiB of the
            largest process), and of ``manifest`` to its
            bytes for an entry.
        """
        self.runs += 1
        source, target = (os.path.join(self.scratch, f'{name}-{self.runs}')
                          for name in ('source', 'target'))
        os.mkdir(source)
        os.mkdir(target)
        fill(source, count, lambda numbers: numbers.randrange(1025), each)
        places = [base.BackupReference('project', f'share-{self.runs}',
                                       f'backup-{number}')
                  for number in (1, 2)]

        def backup(place):
            self.driver.backup(place, 1, source, {}, None,
                               progress.Progress())
            self.driver.publish(place, 1)

        found = {
            'first backup': watched(source, lambda: backup(places[0])),
            'backup again': watched(source, lambda: backup(places[1])),
            'restore': watched(source, lambda: self.driver.restore(
                places[1], 1, target, progress.Progress()))}
        stored = os.path.join(self.scratch, 'repository', 'project',
                              places[1].share_id)
        size = os.path.getsize(os.path.join(stored, places[1].backup_id,
                                            manifest.NAME))
        remove(source, target, stored)
        return {manifest.NAME: size / count,
                **{work: (seconds / count * 1e6, memory)
                   for work, (seconds, memory) in found.items()}}


def watched(folder, function):
    """Run something in a process of its own.

    :param folder: str, on the filesystem whose ``syncfs`` is part of it.
    :returns: (seconds, MiB that the largest of its processes had at most).
    """
    fd = os.open(folder, os.O_RDONLY)
    syscalls.syncfs(fd)
    process = multiprocessing.get_context('fork').Process(target=function)
    start = time.monotonic()
    process.start()
    most = 0
    while process.is_alive():
        most = max([most, *map(peak, family(process.pid))])
        process.join(0.1)
    syscalls.syncfs(fd)
    os.close(fd)
    if process.exitcode:
        raise SystemExit('it failed')
    return time.monotonic() - start, most / 1024


def family(pid):
    """A process and its children."""
    try:
        with open(f'/proc/{pid}/task/{pid}/children') as source:
            return [pid, *map(int, source.read().split())]
    except OSError:
        return [pid]


def peak(pid):
    """KiB that a process has had at most."""
    try:
        with open(f'/proc/{pid}/status') as source:
            for line in source:
                if line.startswith('VmHWM:'):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def ratios(times):
    """Ratio of the driver's median to the better of the usual programs', and
    to restic's; None where there is nothing to compare with."""
    medians = {name: statistics.median(each) for name, each in times.items()}
    usual = [medians[name] for name in (CP, RSYNC) if name in medians]
    return (medians[OURS] / min(usual) if usual else None,
            medians[OURS] / medians[RESTIC] if RESTIC in medians else None)


def report(times, used):
    for work, said in times.items():
        print(f'\n{work}')
        for name, each in said.items():
            print(f'  {name:14}{statistics.median(each):8.2f} s   '
                  f'({", ".join(f"{one:.2f}" for one in sorted(each))})   '
                  f'processors {statistics.median(used[work][name]):.2f} s')
        for against, ratio, aim in zip(('the better of cp and rsync',
                                        'restic'),
                                       ratios(said), AIMS[work]):
            if ratio and aim:
                print(f'  {ratio:5.2f} of {against}, aim {aim}: '
                      f'{"met" if ratio <= aim else "MISSED"}')
    sys.stdout.flush()


def report_many(title, few, many, aim):
    """Print the figures of :meth:`Million.run` of many beside those of few.

    :param few: list of them, of which the median counts.
    """
    print(f'\n{title}, files of 0 to 1 KiB (a load of '
          f'{os.getloadavg()[0]:.1f}): µs a file; MiB of the largest process')
    for work, found in many.items():
        if work == manifest.NAME:
            print(f'  {work:14}{found:7.1f} bytes an entry')
            continue
        each, memory = found
        before = statistics.median(one[work][0] for one in few)
        ratio = each / before
        print(f'  {work:14}{before:7.1f} -> {each:7.1f} µs: '
              f'{ratio:.2f}, aim {aim}: '
              f'{"met" if ratio <= aim else "MISSED"}; {memory:.0f} '
              f'MiB, aim {MEMORY_AIM_MIB}: '
              f'{"met" if memory < MEMORY_AIM_MIB else "MISSED"}')
    sys.stdout.flush()


def machine(directory):
    """Conditions that the figures depend on, in general terms."""
    def first_line(*command):
        if not shutil.which(command[0]):
            return None
        return subprocess.run(command, capture_output=True, text=True,
                              check=True).stdout.splitlines()[0]

    kind = subprocess.run(
        ['stat', '-f', '-c', '%T', directory], capture_output=True,
        text=True, check=True).stdout.strip()
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    return {'processors': os.cpu_count(), 'gib': round(memory / (1 << 30)),
            'kernel': platform.release().split('-')[0], 'filesystem': kind,
            'python': platform.python_version(),
            'versions': [text for text in (
                first_line('cp', '--version'), first_line('rsync',
                                                          '--version'),
                first_line('restic', 'version')) if text]}


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
    parser.add_argument('--million', nargs='?', type=int, const=1_000_000,
                        metavar='FILES', help='also a million tiny files, or '
                        'so many')
    parser.add_argument('--wide', nargs='?', type=int, const=500_000,
                        metavar='FILES', help='also one directory of half a '
                        'million tiny files, or so many, beside 500')
    parser.add_argument('--directory', help='where to work')
    parser.add_argument('--json', metavar='FILE',
                        help='write all figures there, for plot.py')
    args = parser.parse_args()
    for name in ('rsync', 'restic'):
        if not shutil.which(name):
            print(f'{name} is not installed: left out.')
    found = {'machine': machine(args.directory or tempfile.gettempdir()),
             'rounds': args.rounds, 'times': {}, 'processors': {}}
    print(json.dumps(found['machine'], indent=1))
    for kind, count, size in (
            ('small files', args.files, args.size),
            ('large files', args.large, args.large_size << 20)):
        if not count:
            continue
        with tempfile.TemporaryDirectory(dir=args.directory) as scratch:
            bench = Bench(scratch, kind, count, size, args.processes)
            for _ in range(args.rounds):
                bench.round(kind == 'small files')
            found['times'].update(bench.times)
            found['processors'].update(bench.used)
    found['times'] = {work: found['times'][work] for work in AIMS
                      if work in found['times']}
    report(found['times'], found['processors'])
    if args.million:
        with tempfile.TemporaryDirectory(dir=args.directory) as scratch:
            many = Million(scratch, args.processes)
            found['few'] = [many.run(20_000) for _ in range(args.rounds)]
            found['many'] = many.run(args.million)
            report_many('Many files', found['few'], found['many'],
                        MILLION_AIM)
    if args.wide:
        with tempfile.TemporaryDirectory(dir=args.directory) as scratch:
            many = Million(scratch, args.processes)
            each = -(-args.wide // 500)
            # The first pays for memory that all after it find ready.
            found['narrow'] = [many.run(args.wide, each)]
            found['wide'] = many.run(args.wide, args.wide)
            found['narrow'].append(many.run(args.wide, each))
            report_many('One directory', found['narrow'][1:], found['wide'],
                        WIDE_AIM)
    if args.json:
        with open(args.json, 'w', encoding='utf-8') as target:
            json.dump(found, target, indent=1)


if __name__ == '__main__':
    main()
