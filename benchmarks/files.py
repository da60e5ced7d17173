#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looking into a backup: what its index costs, and what it answers how fast.

usage: python benchmarks/files.py [--entries 1000000] [--rounds 5]
                                  [--restic-entries 20000]

The index is made of entries that are only made up, so that no disk decides.
restic is asked the same of a backup of that many real files, which an index of
as many is compared with: "restic ls" of one directory, and "restic find". Each
figure is the median, and in brackets the fastest, of the rounds.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from manila_backup.contents import comparison  # noqa: E402
from manila_backup.contents import item  # noqa: E402
from manila_backup.contents import reader  # noqa: E402
from manila_backup.contents import writer  # noqa: E402

FILE, DIRECTORY = 0o100644, 0o40755
IN_DIRECTORY = 1000
MTIME = 1764000000_000000000


def entries(count):
    """Items of so many files, a thousand in each directory."""
    for number in range(0, count, IN_DIRECTORY):
        name = b'd%06d' % (number // IN_DIRECTORY)
        yield item.Item(item.ROOT, name, DIRECTORY, mtime=MTIME)
        for each in range(number, min(number + IN_DIRECTORY, count)):
            yield item.Item(name, b'file-%d.dat' % each, FILE, each % 99999,
                            MTIME + each * 1234567, 1000, 1000,
                            line=each * 180)


def later(count):
    """Items of the same files, of which each hundredth has changed."""
    for number, each in enumerate(entries(count)):
        yield each if number % 100 else each._replace(size=each.size + 1)


def make_index(path, count, make=entries):
    """Write an index.

    :param make: function that returns the items of so many files.
    :returns: float, seconds.
    """
    began = time.perf_counter()
    with writer.Writer(path) as index:
        index.add(make(count))
        index.finish({})
    return time.perf_counter() - began


def times(function, rounds):
    """Seconds of each of several calls, as a list."""
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        function()
        found.append(time.perf_counter() - began)
    return found


def tell(what, seconds, peer=None):
    """Print a line; with a peer's times, their ratio too."""
    middle = statistics.median(seconds)
    line = f'{what:44} {middle * 1e3:10.1f} ms ({min(seconds) * 1e3:.1f})'
    if peer:
        other = statistics.median(peer)
        line += f'  restic {other * 1e3:.1f} ms, ratio {middle / other:.4f}'
    print(line, flush=True)


def search_all(path, name):
    """Search an index to its end.

    :returns: int, how many it has found.
    """
    found, after = 0, None
    with reader.Reader(path) as index:
        while True:
            some, after = index.search(reader.Wanted(name=name), after)
            found += len(some)
            if after is None:
                return found


def look(path, entry):
    """Look an entry up."""
    with reader.Reader(path) as index:
        return index.entry(entry)


def page(path, directory):
    """Read a page of a directory."""
    with reader.Reader(path) as index:
        return index.page(directory, limit=IN_DIRECTORY)


def compare_two(old, new, path):
    """Compare two indexes."""
    if os.path.exists(path):
        os.unlink(path)
    with reader.Reader(old) as before, reader.Reader(new) as after:
        comparison.write(path, before, after)


def first_page(path):
    """Read a page of what changed, and the totals."""
    with comparison.Result(path) as result:
        return result.totals(), result.page(0, IN_DIRECTORY)


def measure(scratch, count, rounds):
    """Print what an index of so many entries takes."""
    path = os.path.join(scratch, 'index')
    seconds = make_index(path, count)
    names = sum(len(each.name) for each in entries(count))
    every = count + -(-count // IN_DIRECTORY)
    print(f'{count} files: index written in {seconds:.1f} s '
          f'({seconds / count * 1e6:.1f} us an entry), '
          f'{(os.path.getsize(path) - names) / every:.1f} bytes an entry '
          'more than the names')
    middle = b'd%06d' % (count // IN_DIRECTORY // 2)
    tell('a page of a directory of 1000',
         times(lambda: page(path, middle), rounds))
    tell('find by name, one match',
         times(lambda: search_all(path, f'file-{count // 2}.dat'), rounds))
    tell('find by pattern, 1 of 100 matches',
         times(lambda: search_all(path, '*77.dat'), rounds))
    tell('a path in 100 indexes',
         times(lambda: [look(path, middle + b'/file-%d.dat' % (count // 2))
                        for _ in range(100)], rounds))
    other, result = path + '.later', path + '.changes'
    make_index(other, count, later)
    tell('compare with another index, 1 of 100 changed',
         times(lambda: compare_two(path, other, result), 1))
    tell('a page of 1000 changes',
         times(lambda: first_page(result), rounds))


def compare(scratch, count, rounds):
    """Print what restic takes for the same of real files, and the index."""
    if not shutil.which('restic'):
        print('There is no restic to compare with.')
        return
    tree = os.path.join(scratch, 'tree')
    for each in entries(count):
        path = os.path.join(os.fsencode(tree), each.path)
        if each.is_directory:
            os.makedirs(path)
        else:
            with open(path, 'wb') as target:
                target.write(each.name)
    environment = dict(os.environ, RESTIC_PASSWORD='benchmark',
                       RESTIC_REPOSITORY=os.path.join(scratch, 'restic'),
                       RESTIC_CACHE_DIR=os.path.join(scratch, 'cache'))

    def restic(*args):
        subprocess.run(['restic', '-q', *args], check=True, env=environment,
                       stdout=subprocess.DEVNULL, cwd=tree)
    restic('init')
    restic('backup', '.')
    path = os.path.join(scratch, 'compared')
    make_index(path, count)
    middle = f'd{count // IN_DIRECTORY // 2:06}'
    tell(f'{count} files: a directory',
         times(lambda: page(path, middle.encode()), rounds),
         times(lambda: restic('ls', 'latest', f'/{middle}'), rounds))
    name = f'file-{count // 2}.dat'
    tell(f'{count} files: find by name',
         times(lambda: search_all(path, name), rounds),
         times(lambda: restic('find', name), rounds))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--entries', type=int, default=1000000)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--restic-entries', type=int, default=20000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        measure(scratch, args.entries, args.rounds)
        compare(scratch, args.restic_entries, args.rounds)


if __name__ == '__main__':
    main()
