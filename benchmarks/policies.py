# SPDX-License-Identifier: Apache-2.0
"""Time how fast the runs of a backup policy begin that are due at once.

Makes a database of its own with so many shares of some projects, all under one
policy, and has some processes, as workers do, plan and begin what is due.
Prints how long that took, how the projects' operations stand in the order in
which they began, how long an API that is asked meanwhile takes to answer,
beside what it takes before, and what the database says how it would do the
scheduler's queries. The database is dropped at the end.

usage: policies.py [--shares N] [--projects N] [--workers N]
                   [--server URL]
"""

import os
import sys

# Python puts this directory first, where other files may have the name of a
# module.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import argparse
import contextlib
import datetime
import multiprocessing
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
import uuid

import sqlalchemy as sa

from manila_backup import conf as config
from manila_backup import context
from manila_backup.db import backup_runs
from manila_backup.db import clock
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import plans as db_plans
from manila_backup.db import rows
from manila_backup.db import schema
from manila_backup.maintenance import scheduler
from manila_backup.requests import admission

#: Rows of one INSERT.
BATCH = 1000


#: What clients ask the API for, in turn, and how many of them do.
ASKED = ('/share-backups/detail?limit=50', '/shares?limit=50',
         '/share-backup-operations?limit=50', '/share-backup-policies')
CLIENTS = 4

#: Seconds in which they ask before anything is due.
BEFORE = 10


class _Bus:
    def queued_all(self, *args, **kwargs):
        pass


class _Driver:
    OPTIONS = {}


class _Events:
    def ended(self, *args):
        pass


def _connect(url):
    conf = config.load(['--config-file', os.devnull], 'bench')
    conf.set_override('connection', url, 'database')
    for name in ('backups', 'backup_gigabytes'):
        conf.set_override(name, -1, 'quota')
    return conf, engine.Database(conf)


def _requests(conf, database):
    return admission.Admission(conf, database, _Bus(), {'posix': _Driver()})


def _work(url, barrier):
    """One worker: plan and begin until nothing is due any more."""
    conf, database = _connect(url)
    mine = scheduler.Scheduler(conf, database, _requests(conf, database),
                               _Events())
    barrier.wait()
    while mine.run() or _is_due(database):
        pass


def _is_due(database):
    """Tell whether there are runs to make, or to begin."""
    now = database.read(clock.now)
    return (database.read(db_plans.rules_due, now, 1)
            or database.read(backup_runs.to_begin, now, 1))


def _fill(url, shares, projects):
    """Make shares, and a policy by which something is due now."""
    conf, database = _connect(url)
    schema.sync(database, conf)
    old = database.read(clock.now) - datetime.timedelta(days=2)
    for start in range(0, shares, BATCH):
        database.write(lambda conn, start=start: conn.execute(
            sa.insert(models.shares), [{
                'id': str(uuid.uuid4()), 'project_id': f'p{index % projects}',
                'source': 'local', 'size': 1, 'share_proto': 'NFS',
                'status': 'available', 'created_at': old}
                for index in range(start, min(start + BATCH, shares))]))
    caller = context.admin(project_id='admin', user_id='root')
    plans = _requests(conf, database).plans
    policy = plans.create(caller, {'name': 'all', 'rules': [
        {'name': 'nightly', 'cron': '0 2 * * *'}]})
    assigned = plans.assign(caller, policy.id, 'metadata', 'x=y', '')
    rule, = database.read(db_plans.rules_of, [policy.id])[policy.id]

    def back(conn):
        # As if it had been there the day before yesterday; and one project
        # after the other would be unfair.
        rows.update(conn, db_plans.RULES, rule.id, {
            'planned_until': old, 'next_at': old})
        conn.execute(sa.delete(db_plans.ASSIGNMENTS).where(
            db_plans.ASSIGNMENTS.c.id == assigned.id))
        for number in range(projects):
            rows.insert(conn, db_plans.ASSIGNMENTS, id=str(uuid.uuid4()),
                        policy_id=policy.id, scope=f'p{number}',
                        kind='project', target=f'p{number}',
                        mandatory=False, created_at=old)

    database.write(back)
    database.dispose()
    return policy.id


def _explain(database, policy_id):
    """Print how the database would do the scheduler's queries."""
    found = []

    def note(conn, cursor, statement, parameters, *_more):
        if statement.startswith('SELECT'):
            found.append((statement, parameters))

    now = database.read(clock.now)
    sa.event.listen(sa.Engine, 'before_cursor_execute', note)
    share, = database.read(lambda conn: conn.execute(
        sa.select(models.shares.c.id).limit(1)).scalars().all())
    rule, = database.read(db_plans.rules_of, [policy_id])[policy_id]
    found.clear()
    for query, *args in (
            (db_plans.rules_due, now, 100), (backup_runs.to_begin, now, 500),
            (backup_runs.planned, rule.id, [share], now, now),
            (backup_runs.waiting, [share], rule.id, now),
            (backup_runs.with_ended_backup, 500),
            (backup_runs.count_queued, 'p0'), (backup_runs.last_done,),
            (backup_runs.overdue, now),
            (backup_runs.backups_of, policy_id, [share])):
        before = len(found)
        database.read(query, *args)
        for statement, parameters in found[before:]:
            with database.engine.connect() as conn:
                lines = conn.exec_driver_sql(f'EXPLAIN {statement}',
                                             parameters).all()
            print(f'\n{query.__name__}:')
            for line in lines:
                print('  ', *line)
            del found[before + 1:]


@contextlib.contextmanager
def _api(url):
    """An API; gives its port."""
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        port = found.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'api.conf')
        with open(path, 'w') as file:
            file.write(f'[DEFAULT]\nauth_strategy = noauth\n'
                       f'state_path = {folder}\n'
                       f'transport_url = fake://\n'
                       f'[database]\nconnection = {url}\n'
                       f'[api]\nbind_port = {port}\n')
        api = subprocess.Popen(
            [os.path.join(os.path.dirname(sys.executable),
                          'manila-backup-api'), '--config-file', path],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                try:
                    socket.create_connection(('127.0.0.1', port)).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield port
        finally:
            api.terminate()
            api.wait()


def _ask(port, stop):
    """Ask until told to stop; how many seconds each answer took, sorted."""
    took = []

    def client(number):
        while not stop.is_set():
            for each in ASKED[number % len(ASKED):] + ASKED[:number]:
                began = time.monotonic()
                with urllib.request.urlopen(urllib.request.Request(
                        f'http://127.0.0.1:{port}/v2{each}', headers={
                            'X-Auth-Token': 'demo:p0',
                            'OpenStack-API-Version':
                                'shared-file-system 2.91, '
                                'shared-file-system-backup 1.1'})) as answer:
                    answer.read()
                took.append(time.monotonic() - began)

    threads = [threading.Thread(target=client, args=(number,))
               for number in range(CLIENTS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return sorted(took)


def _while(port, function):
    """Ask the API while a function works; print how long its answers took."""
    stop = threading.Event()
    found = []
    asking = threading.Thread(
        target=lambda: found.extend(_ask(port, stop)))
    asking.start()
    function()
    stop.set()
    asking.join()
    print(f'{len(found)} requests to the API: median '
          f'{found[len(found) // 2] * 1000:.0f} ms, 99 % within '
          f'{found[len(found) * 99 // 100] * 1000:.0f} ms')


def _fairness(database, projects):
    """Return the largest share of the first tenth of the operations that one
    project has."""
    first = database.read(lambda conn: conn.execute(
        sa.select(models.operations.c.project_id).order_by(
            models.operations.c.created_at)).scalars().all())
    first = first[:len(first) // 10]
    return max(first.count(f'p{each}') for each in range(projects)
               ) / len(first)


def _main(args):
    server = sa.create_engine(args.server, isolation_level='AUTOCOMMIT')
    name = f'bench_policies_{os.getpid()}'
    with server.connect() as conn:
        conn.exec_driver_sql(f'CREATE DATABASE {name}')
    url = sa.make_url(args.server).set(database=name).render_as_string(False)
    try:
        policy_id = _fill(url, args.shares, args.projects)
        barrier = multiprocessing.Barrier(args.workers + 1)
        workers = [multiprocessing.Process(target=_work, args=(url, barrier))
                   for _ in range(args.workers)]
        for each in workers:
            each.start()
        took = []

        def work():
            barrier.wait()
            began = time.monotonic()
            for each in workers:
                each.join()
            took.append(time.monotonic() - began)

        with _api(url) as port:
            _while(port, lambda: time.sleep(BEFORE))
            _while(port, work)
        took, = took
        _, database = _connect(url)
        runs = database.read(lambda conn: conn.execute(
            sa.select(models.backup_runs.c.status, sa.func.count())
            .group_by(models.backup_runs.c.status)).all())
        print(f'{args.shares} shares of {args.projects} projects, '
              f'{args.workers} workers: {took:.1f} s, '
              f'{args.shares / took:.0f} a second; '
              f'{dict(map(tuple, runs))}')
        print(f'Of the first tenth of the operations one project has at '
              f'most {_fairness(database, args.projects):.0%}')
        _explain(database, policy_id)
        database.dispose()
    finally:
        with server.connect() as conn:
            conn.exec_driver_sql(f'DROP DATABASE {name}')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--shares', type=int, default=10000)
    parser.add_argument('--projects', type=int, default=10)
    parser.add_argument('--workers', type=int, default=4)
    parser.add_argument('--server',
                        default='mysql+pymysql://root@127.0.0.1/')
    _main(parser.parse_args())
