#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A backup beside callers who look into another one: what it loses to them.

usage: python benchmarks/callers.py [--entries 100000] [--rounds 5]
                                    [--callers 64]

An API and a worker, as processes of their own on the functional tests'
database and message bus servers, back up a share of so many empty files:
alone, and beside callers in a process of theirs that page through a backup of
the same, in turn. Callers and API run at the lowest priority, since they would
be on other machines, and then as all else does. Told are the medians, and in
brackets the fastest and the slowest; how many pages a second were answered and
put off; and what the worker itself used of a processor. The exit status is 1
if an aim was missed. Run as root.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time

# Behind the standard library, of which this directory has names, too.
sys.path.append(sys.path.pop(0))

import files  # noqa: E402
import operations  # noqa: E402
from tests.functional import cloud  # noqa: E402

#: Of a fresh backup beside callers, how many times as long it may take.
AIM = 1.1

LOWEST = 19


def set_niceness(pid, niceness):
    """Set the niceness of all threads that a process has now."""
    for thread in os.listdir(f'/proc/{pid}/task'):
        with contextlib.suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, int(thread), niceness)


def processor_time(pid):
    """Seconds of processor time of a process, without its children."""
    with open(f'/proc/{pid}/stat') as file:
        fields = file.read().rpartition(')')[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf('SC_CLK_TCK')


@contextlib.contextmanager
def calling(port, backup_id, entries, callers, niceness):
    """Have callers at work for as long as the context lasts.

    :returns: context manager, of a list of status codes, as bytes, which has
        them in the end, and then the seconds.
    """
    codes = []
    process = subprocess.Popen(
        ['nice', f'-n{niceness}', sys.executable, '-c',
         'import sys, threading\n'
         'sys.path[0] = sys.argv[1]\n'
         'import files\n'
         'for seed in range(int(sys.argv[5])):\n'
         '    threading.Thread(target=files.call, args=('
         'int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), seed * 9)'
         ').start()\n',
         os.path.dirname(os.path.abspath(__file__)), str(port), backup_id,
         str(entries), str(callers)], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL)
    # They are at it once some are answered.
    for _ in range(callers):
        process.stdout.readline()
    began = time.perf_counter()
    try:
        yield codes
    finally:
        took = time.perf_counter() - began
        process.kill()
        codes += process.stdout.read().split()
        process.wait()
        codes.append(took)


def fresh_backup(client, share_id):
    """Make a backup that has nothing to take over; returns seconds."""
    began = time.perf_counter()
    backup_id = client.backup(share_id)
    client.wait(f'/share-backups/{backup_id}', 'share_backup')
    took = time.perf_counter() - began
    client.wait(f'/shares/{share_id}', 'share')
    client.ask('DELETE', f'/share-backups/{backup_id}')
    while client.ask('GET', f'/share-backups?share_id={share_id}')[
            'share_backups']:
        time.sleep(0.01)
    return took


def measure(made, niceness, args):
    """Print what a backup takes alone and beside callers.

    :param niceness: int, of the API and the callers.
    :returns: float, how many times as long it took.
    """
    worker = made.start_worker()
    api = made.start_api()
    set_niceness(api.pid, niceness)
    client = operations.Client(made.port)
    shares = [client.share() for _ in range(2)]
    for share_id in shares:
        client.wait(f'/shares/{share_id}', 'share')
        files.fill(made.share_path(share_id), args.entries)
    looked_into = client.backup(shares[0])
    client.wait(f'/share-backups/{looked_into}', 'share_backup')
    alone, beside, pages, refused, used = [], [], [], [], []
    for _ in range(args.rounds):
        alone.append(fresh_backup(client, shares[1]))
        before = processor_time(worker.pid)
        with calling(made.port, looked_into, args.entries, args.callers,
                     niceness) as codes:
            beside.append(fresh_backup(client, shares[1]))
        seconds = codes.pop()
        used.append((processor_time(worker.pid) - before) / seconds)
        pages.append(codes.count(b'200') / seconds)
        refused.append(codes.count(b'503') / seconds)
    ratio = statistics.median(beside) / statistics.median(alone)
    files.tell(f'a backup of {args.entries} files', alone)
    files.tell(f'the same beside {args.callers} callers', beside)
    print(f'{ratio:.2f} times as long; {statistics.median(pages):.1f} pages a '
          f'second were answered and {statistics.median(refused):.1f} put '
          f'off; the worker itself used {statistics.median(used):.2f} of a '
          'processor', flush=True)
    return ratio


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--entries', type=int, default=100000)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--callers', type=int, default=64)
    args = parser.parse_args()
    print(f'load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} '
          'processors', flush=True)
    for niceness, what in ((LOWEST, 'as on other machines'),
                           (0, 'on the same processors')):
        print(f'Callers and API {what} (niceness {niceness}):')
        with cloud.Cloud('mysql', api__question_timeout=600,
                         **operations.OPTIONS) as made:
            made.tolerate = '.'
            ratio = measure(made, niceness, args)
        if niceness:
            print(files.judge('a backup beside callers elsewhere', ratio, AIM,
                              'times'))
    print(f'load average {os.getloadavg()[0]:.1f}')
    if files.MISSED:
        sys.exit('Missed: ' + ', '.join(files.MISSED))


if __name__ == '__main__':
    main()
