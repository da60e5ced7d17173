# SPDX-License-Identifier: Apache-2.0
"""Time the restic driver beside restic itself.

Both do the same work in turn, round by round, every other round in the
opposite order, with a warm page cache, each with a repository and a cache of
its own, made before. The driver runs as a worker has it run: in a child that
is started for it, and with the backup's publishing at the end. Each time
includes a ``syncfs`` of the filesystem after it. Medians are printed, and
what the driver's are of restic's, each beside its aim. Run as root, on a
filesystem with room for several copies that nothing else writes to meanwhile.
"""

import os
import sys

# As in copy.py, which has the name of a module of the standard library.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# A child imports once more the program that it is started by. A worker's is
# small, so this one must be for it.
if __name__ != '__mp_main__':
    import argparse
    import contextlib
    import json
    import shutil
    import statistics
    import tempfile
    import threading
    import time

    import psutil

    from benchmarks import copy as copying
    from manila_backup import conf as config
    from manila_backup.drivers import base
    from manila_backup.engine import child
    from manila_backup import plugins

RESTIC, OURS = 'restic', 'driver'

#: Work, and how much of restic's own time the driver may take for it.
AIMS = {
    'first backup, small files': 1.05,
    'backup again, small files, nothing changed': 1.05,
    'restore into an empty share, small files': 1.10,
    'first backup, large files': 1.05,
    'backup again, large files, nothing changed': 1.05,
    'restore into an empty share, large files': 1.10,
}

#: Of what the child's processes have that are not restic's.
MEMORY_AIM_MIB = 100


class Watch:
    """Sees how much memory the processes that are started meanwhile take.

    :ivar own: MiB that those which are not restic's had at most, together.
    :ivar restic: the same of those which are.
    """

    _PAUSE = 0.02

    def __init__(self):
        self.own = self.restic = 0
        # The one that children are forked from is no part of one.
        self._known = {each.pid for each in
                       psutil.Process().children(recursive=True)}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.wait(self._PAUSE):
            own = restic = 0
            for each in psutil.Process().children(recursive=True):
                if each.pid in self._known:
                    continue
                with contextlib.suppress(psutil.Error):
                    size = each.memory_info().rss / (1 << 20)
                    if each.name() == 'restic':
                        restic += size
                    else:
                        own += size
            self.own = max(self.own, own)
            self.restic = max(self.restic, restic)


class Bench:
    """One tree, and what is timed on it.

    :param kind: str, what the tree's files are.
    :ivar times: dict of the work to a dict of program to seconds, a list.
    :ivar memory: the same, to (MiB that are not restic's, MiB that are).
    """

    def __init__(self, scratch, kind, count, size):
        self.scratch = scratch
        self.kind = kind
        self.source = self.path('source')
        os.mkdir(self.source)
        copying.fill(self.source, count, lambda numbers: size)
        self.environment = {'RESTIC_PASSWORD': 'x',
                            'RESTIC_REPOSITORY': self.path('restic'),
                            'RESTIC_CACHE_DIR': self.path('cache')}
        self.times, self.memory = {}, {}
        self.rounds = 0

    def path(self, name):
        return os.path.join(self.scratch, name)

    def place(self, number):
        return base.BackupReference('project', 'share', f'backup-{number}')

    def prepare(self):
        """Repositories with nothing in them."""
        copying.run('restic', '-q', 'init', **self.environment)
        conf = config.load([], 'benchmark', default_config_files=[])
        conf.set_override('state_path', self.path('state'))
        conf.set_override('enabled_drivers', ['restic'], 'backup')
        conf.set_override('repository', self.path('ours'), 'restic')
        self.settings = conf.backup
        self.driver = plugins.drivers(conf)['restic']
        child.prepare([self.driver])
        self.driver.check(create=True)
        self.driver.prepare(self.place(0), contextlib.nullcontext, make=True)

    def race(self, work, restic, ours):
        """Time both, and see what memory they take."""
        order = [(RESTIC, restic), (OURS, ours)]
        for name, function in order[::-1 if self.rounds % 2 else 1]:
            with Watch() as watch:
                seconds = copying.Bench.timed(self, function)[0]
            self.times.setdefault(work, {}).setdefault(
                name, []).append(seconds)
            self.memory.setdefault(work, {}).setdefault(
                name, []).append((watch.own, watch.restic))

    def restic(self, *arguments):
        copying.run('env', '-C', self.source, 'restic', '-q', *arguments,
                    **self.environment)

    def copy(self, function, *args):
        """Run a driver's method as a worker does."""
        running = child.Child(function, args, self.settings)
        running.progress.extend(3600)
        running.start()
        while not running.wait(0.2):
            running.progress.extend(3600)
        running.result()
        running.kill()

    def backup(self, number):
        self.copy(self.driver.backup, self.place(number), 1, self.source, {},
                  None)
        self.driver.publish(self.place(number), 1)

    def round(self):
        """Time everything once."""
        self.prepare()
        for number, work in enumerate((
                f'first backup, {self.kind}',
                f'backup again, {self.kind}, nothing changed')):
            self.race(work, lambda: self.restic('backup', '.'),
                      lambda number=number: self.backup(number))
        os.mkdir(self.path('restored'))
        os.mkdir(self.path('target'))
        self.race(
            f'restore into an empty share, {self.kind}',
            lambda: self.restic('restore', 'latest', '--target',
                                self.path('restored')),
            lambda: self.copy(self.driver.restore, self.place(1), 1,
                              self.path('target')))
        copying.run('diff', '-rq', self.source, self.path('target'))
        copying.remove(*(self.path(name) for name in (
            'restic', 'cache', 'ours', 'state', 'restored', 'target')))
        self.rounds += 1


def report(times, memory):
    """Print it.

    :returns: bool, whether all aims are met.
    """
    met = True
    for work, said in times.items():
        print(f'\n{work}')
        for name, each in said.items():
            own, restic = (max(pair[kind] for pair in memory[work][name])
                           for kind in (0, 1))
            print(f'  {name:8}{statistics.median(each):8.2f} s   '
                  f'({", ".join(f"{one:.2f}" for one in each)})   '
                  f'restic {restic:.0f} MiB'
                  + (f', the rest {own:.0f} MiB' if name == OURS else ''))
        ratio = statistics.median(said[OURS]) / statistics.median(said[RESTIC])
        for what, found, aim in (
                (f'{ratio:.3f} of restic', ratio, AIMS[work]),
                (f'{own:.0f} MiB beside restic', own, MEMORY_AIM_MIB)):
            print(f'  {what}, aim {aim}: '
                  f'{"met" if found <= aim else "MISSED"}')
            met = met and found <= aim
    sys.stdout.flush()
    return met


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--files', type=int, default=20_000,
                        help='small files (default: %(default)s; 0: none)')
    parser.add_argument('--size', type=int, default=4096,
                        help='bytes of a small file (default: %(default)s)')
    parser.add_argument('--large', type=int, default=4,
                        help='large files (default: %(default)s; 0: none)')
    parser.add_argument('--large-size', type=int, default=256,
                        help='MiB of a large file (default: %(default)s)')
    parser.add_argument('--directory', help='where to work')
    parser.add_argument('--json', metavar='FILE',
                        help='write all figures there')
    args = parser.parse_args()
    if not shutil.which('restic'):
        sys.exit('restic is not installed.')
    found = {'machine': copying.machine(
        args.directory or tempfile.gettempdir()), 'rounds': args.rounds,
        'began': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
        'times': {}, 'memory': {}}
    print(json.dumps(found['machine'], indent=1))
    for kind, count, size in (
            ('small files', args.files, args.size),
            ('large files', args.large, args.large_size << 20)):
        if not count:
            continue
        with tempfile.TemporaryDirectory(dir=args.directory) as scratch:
            bench = Bench(scratch, kind, count, size)
            for _ in range(args.rounds):
                bench.round()
            found['times'].update(bench.times)
            found['memory'].update(bench.memory)
    met = report(found['times'], found['memory'])
    if args.json:
        with open(args.json, 'w', encoding='utf-8') as target:
            json.dump(found, target, indent=1)
    sys.exit(not met)


if __name__ == '__main__':
    main()
