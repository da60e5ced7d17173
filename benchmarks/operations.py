# SPDX-License-Identifier: Apache-2.0
"""Time what workers do: how soon an operation is done, how fast a queue
drains, how soon another worker carries on after one was killed, and what a
claim costs with a long queue; and the first three of Manila's own backups.

Starts an API and workers of its own, with the functional tests' fixtures
(see test-requirements.txt) on their database and message bus servers, and
ends them. Nothing is left.
"""

import os
import sys

# Python puts this directory first, where this file has the name of a module
# of the standard library.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import argparse
import concurrent.futures
import datetime
import http.client
import json
import platform
import shutil
import signal
import statistics
import time
import uuid

import sqlalchemy as sa

from benchmarks import real_manila
from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import queue
from tests.functional import cloud

FILES = 10
THREADS = 8
PEER_PATIENCE = 300

HEADERS = {'X-Auth-Token': 'demo:p1', 'Content-Type': 'application/json',
           'X-OpenStack-Manila-API-Version': '2.91'}

OPTIONS = {'backup__lease_ttl': 10, 'backup__progress_interval': 1,
           **{f'quota__{name}': -1 for name in (
               'backups', 'backup_gigabytes', 'shares', 'gigabytes')}}


class Client:
    """One kept connection to the API.

    :param port: int.
    :param headers: dict.
    """

    def __init__(self, port, headers=HEADERS):
        self._headers = headers
        self._connection = http.client.HTTPConnection('127.0.0.1', port)
        self._connection.connect()

    def ask(self, method, path, body=None):
        """Send a request and return the answer's decoded body."""
        self._connection.request(
            method, f'/v2{path}', body and json.dumps(body),
            self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f'{method} {path}: {answer.status} {text}')
        return json.loads(text) if text else None

    def share(self):
        """Ask for a share; its id."""
        return self.ask('POST', '/shares', {'share': {
            'size': 1, 'share_proto': 'NFS'}})['share']['id']

    def backup(self, share_id):
        """Ask for a backup; its id."""
        return self.ask('POST', '/share-backups', {'share_backup': {
            'share_id': share_id}})['share_backup']['id']

    def wait(self, path, key, status='available'):
        """Ask again and again until a resource has a status."""
        while True:
            found = self.ask('GET', path)[key]['status']
            if found == status:
                return
            if 'error' in found:
                raise SystemExit(f'{path}: {found}')
            time.sleep(0.002)


class PeerClient(Client):
    """A connection to Manila's API.

    It calls a backup ``error`` if it looks after it, every ten seconds, before
    anything is copied, and ``available`` once that is done all the same.

    :ivar errors: set of the paths of those.
    """

    def __init__(self, port):
        super().__init__(port, {
            'Content-Type': 'application/json',
            **dict(each.split(': ') for each in real_manila.HEADERS)})
        self.errors = set()

    def wait(self, path, key, status='available'):
        end = time.monotonic() + PEER_PATIENCE
        while (found := self.ask('GET', path)[key]['status']) != status:
            if 'error' in found:
                self.errors.add(path)
            if time.monotonic() > end:
                raise SystemExit(f'{path}: {found}')
            time.sleep(0.02)


def new_share(client):
    """Have a share made; its id."""
    share = client.share()
    client.wait(f'/shares/{share}', 'share')
    return share


def fill(path, files=FILES):
    """Put small files into a share."""
    for number in range(files):
        with open(os.path.join(path, f'f{number}'), 'wb') as file:
            file.write(os.urandom(4096))


def latency(client, rounds):
    """From the request to ``available``, of an empty share, one at a time.

    :returns: list of seconds.
    """
    share = new_share(client)
    found = []
    for _ in range(rounds):
        began = time.monotonic()
        backup = client.backup(share)
        client.wait(f'/share-backups/{backup}', 'share_backup')
        found.append(time.monotonic() - began)
    return found


def drain(made, count):
    """Have two workers find so many creates queued.

    :returns: (seconds to ask for them, seconds to do them).
    """
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        shares = list(pool.map(lambda _: Client(made.port).share(),
                               range(count)))
        busy(made, 'share_create')
        for share in shares:
            fill(made.share_path(share))
        for each in made.processes:
            if each.command == 'manila-backup-worker' and each.running():
                each.stop()
        began = time.monotonic()
        list(pool.map(lambda share: Client(made.port).backup(share), shares))
        asked = time.monotonic() - began
    began = time.monotonic()
    for _ in range(2):
        made.start_worker()
    busy(made, 'create')
    return asked, time.monotonic() - began


def busy(made, kind):
    """Wait until no operation of a kind is left to do."""
    while made.rows('SELECT 1 FROM operations WHERE kind = :kind AND '
                    "status IN ('queued', 'running') LIMIT 1", kind=kind):
        time.sleep(0.02)


def takeover(made):
    """From a worker's kill -9 to the next attempt by another.

    :returns: seconds.
    """
    client = Client(made.port)
    share = new_share(client)
    content = os.urandom(10000)
    for number in range(40000):
        folder = os.path.join(made.share_path(share), f'd{number % 100}')
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f'f{number}'), 'wb') as file:
            file.write(content)

    def attempt():
        return made.rows(
            'SELECT attempt, worker, files_done, status FROM operations '
            "WHERE backup_id = :id AND kind = 'create'", id=backup)[0]

    for _ in range(10):
        backup = client.backup(share)
        number, worker = caught(attempt)
        if number:
            break
    else:
        raise SystemExit('The backups were made before their worker could be '
                         'killed.')
    os.kill(int(worker.split(':')[1]), signal.SIGKILL)
    began = time.monotonic()
    while attempt()[0] == number:
        time.sleep(0.02)
    taken = time.monotonic() - began
    client.wait(f'/share-backups/{backup}', 'share_backup')
    return taken


def caught(attempt):
    """Freeze the worker that is in the middle of an operation.

    :param attempt: gives the operation's number of the attempt, worker, files
        done and status.
    :returns: (number of the attempt, worker), or (None, None) if it was done
        before.
    """
    number = done = 0
    while not (number and done):
        number, worker, done, status = attempt()
        if status == 'done':
            return None, None
        time.sleep(0.01)
    pid = int(worker.split(':')[1])
    os.kill(pid, signal.SIGSTOP)
    if attempt()[3] == 'running':
        return number, worker
    os.kill(pid, signal.SIGCONT)
    return None, None


def claims(made, count, rounds):
    """Claim from a queue of so many operations, of 20 projects.

    :returns: (list of seconds, list of EXPLAIN's rows for the search).
    """
    conf = config.load(['--config-file', made.config], 'bench')
    database = engine.Database(conf)
    start = datetime.datetime(2026, 1, 1)
    queued = [{'id': str(uuid.uuid4()), 'kind': 'create', 'status': 'queued',
               'live': True, 'project_id': f'p{number % 20}',
               'share_id': str(uuid.uuid4()),
               'backup_id': str(uuid.uuid4()), 'options': {},
               'created_at': start + datetime.timedelta(seconds=number)}
              for number in range(count)]
    for first in range(0, count, 1000):
        with database.writer() as conn:
            conn.execute(sa.insert(models.operations),
                         queued[first:first + 1000])
    with database.writer() as conn:
        conn.exec_driver_sql('ANALYZE TABLE operations')
    seen = []
    sa.event.listen(sa.Engine, 'before_cursor_execute',
                    lambda conn, cursor, statement, parameters, *rest:
                    seen.append((statement, parameters)))
    database.read(queue.search)
    searched = list(seen)
    with database.reader() as conn:
        plans = [(step['table'], step['key'], step['rows'], step['Extra'])
                 for statement, parameters in searched
                 for step in conn.exec_driver_sql(
                     f'EXPLAIN {statement}', parameters).mappings()]
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        id_ = database.read(queue.search)[0]
        if not database.write(queue.claim, id_, 'bench', 600):
            raise SystemExit('A claim failed.')
        found.append(time.perf_counter() - began)
    database.dispose()
    return found, plans


def high(values, part):
    """A percentile, ``part`` of 1."""
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


def report(args):
    """Measure and print everything."""
    with cloud.Cloud('mysql', **OPTIONS) as made:
        made.tolerate = '.'
        made.start()
        found = latency(Client(made.port), args.rounds)
        print(f'empty share, from the request to available, {args.rounds} '
              f'times: median {statistics.median(found) * 1e3:.0f} ms, p99 '
              f'{high(found, 0.99) * 1e3:.0f} ms (aims: 150, 400)',
              flush=True)
        asked, done = drain(made, args.queue)
        print(f'{args.queue} creates of {FILES}-file shares: asked for in '
              f'{asked:.1f} s, done by two workers, their start included, in '
              f'{done:.1f} s (aim: 60 for 1,000)', flush=True)
        taken = takeover(made)
        print(f'killed worker, lease_ttl = {OPTIONS["backup__lease_ttl"]}: '
              f'carried on by another after {taken:.1f} s (aim: 12)',
              flush=True)
    with cloud.Cloud('mysql', **OPTIONS) as made:
        found, plans = claims(made, args.queued, 200)
        print(f'{args.queued:,} queued: search and claim, 200 times: median '
              f'{statistics.median(found) * 1e3:.1f} ms, p99 '
              f'{high(found, 0.99) * 1e3:.1f} ms (aim: 5)')
        for plan in plans:
            print('  EXPLAIN: table {}, key {}, {} rows, {}'.format(*plan))
    if not args.alone:
        with real_manila.Service() as peer:
            report_peer(peer, args)


def report_peer(peer, args):
    """Measure and print what Manila's service for data does.

    :param peer: a :class:`benchmarks.real_manila.Service`.
    """
    client = PeerClient(peer.port)
    found = latency(client, args.peer_rounds)
    print(f'{real_manila.NAME} {real_manila.version()}: empty share, '
          f'{args.peer_rounds} '
          f'times: median {statistics.median(found):.1f} s, most '
          f'{max(found):.1f} s', flush=True)
    shares = [new_share(client) for _ in range(args.peer_queue)]
    for share in shares:
        fill(peer.share_path(share))
    began = time.monotonic()
    backups = [client.backup(share) for share in shares]
    for backup in backups:
        client.wait(f'/share-backups/{backup}', 'share_backup')
    taken = time.monotonic() - began
    print(f'{real_manila.NAME}: {args.peer_queue} creates of '
          f'{FILES}-file shares: '
          f'{taken:.1f} s, {taken / args.peer_queue:.2f} s each; of all so '
          f'far, {len(client.errors)} were called "error" until they were '
          f'available', flush=True)
    share = new_share(client)
    fill(peer.share_path(share), 1000)
    began = time.monotonic()
    backup = client.backup(share)
    time.sleep(min(found) + 2)
    began = time.monotonic()
    peer.services.stop(real_manila.DATA)
    peer.services.start(real_manila.DATA)
    status = 'creating'
    while status == 'creating' and time.monotonic() < began + PEER_PATIENCE:
        time.sleep(0.2)
        status = client.ask('GET', f'/share-backups/{backup}')[
            'share_backup']['status']
    print(f'{real_manila.NAME}: its process killed and started again: after '
          f'{time.monotonic() - began:.0f} s the backup is {status}',
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rounds', type=int, default=200,
                        help='backups of an empty share (%(default)s)')
    parser.add_argument('--queue', type=int, default=1000,
                        help='creates to drain (%(default)s)')
    parser.add_argument('--queued', type=int, default=10000,
                        help='operations to claim from (%(default)s)')
    parser.add_argument('--peer-rounds', type=int, default=10,
                        help="Manila's backups of an empty share "
                        '(%(default)s)')
    parser.add_argument('--peer-queue', type=int, default=20,
                        help='creates that Manila does (%(default)s)')
    parser.add_argument('--alone', action='store_true',
                        help='without Manila')
    args = parser.parse_args()
    if not (args.alone or real_manila.there()):
        parser.error('Manila is not installed: "make manila" does it, and '
                     '--alone leaves it out')
    if not shutil.which('manila-backup-worker', path=cloud.BIN):
        parser.error('manila-backup is not installed beside this Python')
    print(f'{platform.machine()}, {os.cpu_count()} cores, Python '
          f'{platform.python_version()}; MariaDB, RabbitMQ; shares and '
          f'repository in {cloud.FOLDER or "a temporary directory"}')
    report(args)


if __name__ == '__main__':
    main()
