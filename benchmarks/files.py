#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looking into a backup, and restoring one file of it: how fast it is, and
what the index costs.

usage: python benchmarks/files.py [--entries 1000000] [--backups 100]
                                  [--rounds 20] [--directory DIR]

A share of so many files, and one of 1 TiB that is a hole, is backed up by the
posix driver and by restic's, and asked about by HTTP, as users do, of a
service that is started for it. "restic ls" and "restic find" are asked the
same of the same repository. Files are empty: an index knows no content. How
long an index takes by itself is told of entries that are only made up, so that
no disk decides, and what part of a backup it takes of backups in which it is
timed: it is made while the disk writes, whose own times differ by much more.
Each figure is the median, and in brackets the fastest and the slowest, of the
rounds; beside an aim, it is told whether that is met. The exit status is 1 if
one is not. Run as root, with room for the files three times.
"""

import argparse
from concurrent import futures
import http.client
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import embedded

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from manila_backup import conf as config  # noqa: E402
from manila_backup.contents import comparison  # noqa: E402
from manila_backup.contents import item  # noqa: E402
from manila_backup.contents import reader  # noqa: E402
from manila_backup.contents import writer  # noqa: E402
from manila_backup.drivers import base  # noqa: E402
from manila_backup.drivers.posix import contents_index  # noqa: E402
from manila_backup.drivers.posix import driver as posix  # noqa: E402
from manila_backup.drivers import progress  # noqa: E402
from manila_backup import plugins  # noqa: E402

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


#: Names of the aims that were missed.
MISSED = []


def judge(what, found, aim, unit):
    """Print a figure and whether it meets an aim.

    :param aim: float, the most that it may be.
    """
    met = found <= aim
    if not met:
        MISSED.append(what)
    return f'aim {aim:g} {unit}: {"met" if met else "MISSED"}'


def tell(what, seconds, peer=None, aim=None):
    """Print a line.

    :param seconds: list of float.
    :param peer: the same of restic; None for none.
    :param aim: float, the most seconds that the median may be; or None.
    """
    middle = statistics.median(seconds)
    line = (f'{what:46}{middle * 1e3:9.1f} ms ({min(seconds) * 1e3:.1f} to '
            f'{max(seconds) * 1e3:.1f})')
    if aim:
        line += '  ' + judge(what, middle * 1e3, aim * 1e3, 'ms')
    if peer:
        other = statistics.median(peer)
        line += f'  restic {other * 1e3:.1f} ms, ratio {middle / other:.3f}'
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
          f'{(more := (os.path.getsize(path) - names) / every):.1f} bytes '
          'an entry more than the names: '
          + judge('bytes of the index', more, 60, 'bytes'))
    middle = b'd%06d' % (count // IN_DIRECTORY // 2)
    tell('a page of a directory of 1000',
         times(lambda: page(path, middle), rounds), aim=0.05)
    tell('find by name, one match',
         times(lambda: search_all(path, f'file-{count // 2}.dat'), rounds),
         aim=2)
    tell('find by pattern, 1 of 100 matches',
         times(lambda: search_all(path, '*77.dat'), rounds))
    tell('a path in 100 indexes',
         times(lambda: [look(path, middle + b'/file-%d.dat' % (count // 2))
                        for _ in range(100)], rounds), aim=1)
    other, result = path + '.later', path + '.changes'
    make_index(other, count, later)
    try:
        _measure_changes(path, other, result)
    finally:
        for each in (path, other, result):
            os.unlink(each)


def _measure_changes(path, other, result):
    tell('compare with another index, 1 of 100 changed',
         times(lambda: compare_two(path, other, result), 1))
    tell('a page of 1000 changes',
         times(lambda: first_page(result), 5))


def fill(path, count):
    """Fill a share with empty files, and one that is a hole."""
    for each in entries(count):
        where = os.path.join(os.fsencode(path), each.path)
        if each.is_directory:
            os.mkdir(where)
        else:
            os.close(os.open(where, os.O_CREAT | os.O_WRONLY, 0o644))
    with open(os.path.join(path, 'hole'), 'wb') as hole:
        hole.truncate(1 << 40)


def drive(place, share):
    """Back a share up by the posix driver, in a process of its own.

    :param place: str, the path of a new repository, which is removed again.
    :returns: (float, float), seconds of all of it, and of those what its index
        took.
    """
    with futures.ProcessPoolExecutor(
            1, multiprocessing.get_context('fork')) as child:
        found = child.submit(_driven, place, share).result()
    shutil.rmtree(place)
    os.sync()
    return found


def _driven(place, share):
    spent = [0]

    def timed(function):
        def call(*args):
            began = time.perf_counter()
            try:
                return function(*args)
            finally:
                spent.append(time.perf_counter() - began)
        return call

    contents_index.make = timed(contents_index.make)
    contents_index.add = timed(contents_index.add)
    began = time.perf_counter()
    made = posix.PosixDriver(place)
    made.check(create=True)
    where = base.BackupReference('p1', 'share', 'backup')
    made.backup(where, 1, share, {}, None, progress.Progress(made.processes))
    made.publish(where, 1)
    return time.perf_counter() - began, sum(spent)


def index_cost(scratch, share, rounds):
    """Print what part of a backup of the posix driver its index takes."""
    place = os.path.join(scratch, 'driven')
    both = [drive(place, share) for _ in range(rounds)]
    index = [seconds for _, seconds in both]
    other = [whole - seconds for whole, seconds in both]
    part = statistics.median(
        seconds / (whole - seconds) for whole, seconds in both)
    print(f'posix: a backup takes {statistics.median(other):.1f} s '
          f'({min(other):.1f} to {max(other):.1f}) without its index, and '
          f'that {statistics.median(index):.1f} s ({min(index):.1f} to '
          f'{max(index):.1f}), {part:.1%} of it: '
          + judge('time of the index', part * 100, 10, '%'), flush=True)


def restic_command(service, share_id):
    """A function that runs restic on the repository of the service."""
    conf = config.load(['--config-file', service.conf], 'benchmark')
    driver = plugins.drivers(conf)['restic']
    url, password = driver.export_key('p1')
    environment = dict(os.environ, RESTIC_PASSWORD=password,
                       RESTIC_REPOSITORY=url,
                       RESTIC_CACHE_DIR=os.path.join(service.folder, 'cache'))

    def run(*args):
        subprocess.run(['restic', '-q', *args], check=True, env=environment,
                       stdout=subprocess.DEVNULL)
    return run


def ask(service, driver, backup_id, where, rounds, peers):
    """Print how long requests about one backup take."""
    directory, name = where
    few = max(rounds // 4, 1)
    tell(f'{driver}: a page of 1000', times(lambda: service.files(
        backup_id, path=f'/{directory}', limit=1000), rounds),
        peers.get('ls'), aim=0.05)
    tell(f'{driver}: find by name', times(
        lambda: service.find(backup_id, name), few), peers.get('find'),
        aim=2)
    tell(f'{driver}: one file restored', times(lambda: service.restore(
        backup_id, f'/{directory}/{name}'), few), aim=2)


def call(port, backup_id, count, seed):
    """Page through a backup, directory by directory, until the process is
    ended, and wait where the service says so. A line says each answer."""
    connection = http.client.HTTPConnection('127.0.0.1', port)
    while True:
        seed += 1
        connection.request(
            'GET', f'/v2/share-backups/{backup_id}/files?limit=1000&path='
            f'/d{seed * 7919 % (count // IN_DIRECTORY):06}',
            headers=embedded.HEADERS)
        answer = connection.getresponse()
        answer.read()
        os.write(1, b'%d\n' % answer.status)
        if answer.status == 503:
            time.sleep(int(answer.getheader('Retry-After', 1)))


def serve(scratch, count, backups, rounds):
    """Print what users wait for."""
    middle = f'd{count // IN_DIRECTORY // 2:06}'
    name = f'file-{count // 2}.dat'
    with embedded.Service(scratch) as service:
        share_id, path = service.share()
        fill(path, count)
        index_cost(scratch, path, max(rounds // 7, 1))
        backup_id, seconds = service.backup(share_id, 'posix')
        print(f'posix: the backup took {seconds:.1f} s', flush=True)
        drivers = {'posix': backup_id}
        peers = {}
        if shutil.which('restic'):
            drivers['restic'], seconds = service.backup(share_id, 'restic')
            print(f'restic: the backup took {seconds:.1f} s')
            run = restic_command(service, share_id)
            peers = {
                'ls': lambda: run('ls', '--tag', 'content', 'latest',
                                  f'/{middle}'),
                'find': lambda: run('find', '--tag', 'content', name)}
            few = max(rounds // 4, 1)
            peers = {what: times(function, few)
                     for what, function in peers.items()}
            # Of a backup that nobody has asked for yet.
            tell('restic: one file restored, the first time', times(
                lambda: service.restore(drivers['restic'],
                                        f'/{middle}/{name}'), 1), aim=2)
            tell('restic: its index made', times(lambda: service.files(
                drivers['restic'], limit=1), 1))
        for driver, backup_id in drivers.items():
            ask(service, driver, backup_id, (middle, name), rounds,
                peers if driver == 'restic' else {})
        small, path = service.share()
        for number in range(backups):
            with open(os.path.join(path, 'file'), 'w') as file:
                file.write(f'{number // 2}')
            service.backup(small, 'posix')
        tell(f'posix: history of a path over {backups} backups', times(
            lambda: service.versions(small, '/file'), rounds), aim=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--entries', type=int, default=1000000)
    parser.add_argument('--backups', type=int, default=100)
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--directory')
    args = parser.parse_args()
    print(f'load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} '
          'processors', flush=True)
    with tempfile.TemporaryDirectory(dir=args.directory) as scratch:
        measure(scratch, args.entries, max(args.rounds // 4, 1))
        serve(scratch, args.entries, args.backups, args.rounds)
    print(f'load average {os.getloadavg()[0]:.1f}')
    if MISSED:
        sys.exit('Missed: ' + ', '.join(MISSED))


if __name__ == '__main__':
    main()
