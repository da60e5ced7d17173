# SPDX-License-Identifier: Apache-2.0
"""Time the API's reads under uWSGI, beside what Manila's API does.

Makes a MariaDB database of its own with so many backups of one project,
starts the API under uWSGI with two processes, and asks with wrk over eight
kept connections for a while per kind of request. Prints requests/s, the
median and the 99th percentile of the latency, what that is of Manila's, the
memory that the processes hold, and for each kind what the database had to
do: how many statements, how many rows EXPLAIN expects and how many the server
then read. The database is dropped at the end, and nothing else is left.
"""

import os
import sys

# Python puts this directory first, where this file has the name of a module
# of the standard library.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import argparse
import base64
import collections
import datetime
import platform
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
import uuid

import bcrypt
import sqlalchemy as sa
import webob

from manila_backup.api import app
from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import schema

PROJECT = 'bench'
SHARES = 100

#: Rows of one INSERT.
BATCH = 1000

VERSION = 'X-OpenStack-Manila-API-Version: 2.91'
#: By http_basic: on a kept connection uWSGI's http11-socket gives no address
#: of the caller, without which noauth answers nobody.
USERS = {'demo': 'member', 'admin': 'admin'}
PASSWORD = 'bench'


def _basic(user):
    both = base64.b64encode(f'{user}:{PASSWORD}'.encode()).decode()
    return f'Authorization: Basic {both}'


MEMBER, ADMIN = map(_basic, USERS)

#: requests/s, median latency in ms.
Figures = collections.namedtuple('Figures', 'rate median')

#: Manila 23.0.1, same class of machine (two cores): 10,000 backups of one
#: project in MariaDB, two uWSGI processes, eight kept connections of wrk.
MANILA = {
    'show': Figures(833, 9.5),
    'list': Figures(110, 71),
    'detail': Figures(75, 104),
    'detail at 9,000': Figures(53, 148),
}
MANILA_MEMORY = 318

#: wrk's own summary rounds; this does not.
SCRIPT = '''\
done = function(summary, latency, requests)
    local wrong = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests,
        summary.duration, latency:percentile(50), latency:percentile(99),
        wrong.connect + wrong.read + wrong.write + wrong.status
        + wrong.timeout))
end
'''

Kind = collections.namedtuple('Kind', 'name path headers')


class Data:
    """A database with backups in it.

    :param server: str, the URL of a MariaDB server.
    :param conf: function of a database's URL to the configuration.
    """

    def __init__(self, server, conf):
        self._name = f'manila_backup_bench_{uuid.uuid4().hex[:8]}'
        self._server = sa.create_engine(server,
                                        isolation_level='AUTOCOMMIT')
        self.conf = conf(f'{server}/{self._name}')

    def __enter__(self):
        self._execute(f'CREATE DATABASE {self._name}')
        try:
            self.database = engine.Database(self.conf)
            schema.sync(self.database, self.conf)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *args):
        self._execute(f'DROP DATABASE {self._name}')

    def _execute(self, statement):
        with self._server.connect() as conn:
            conn.exec_driver_sql(statement)

    def fill(self, count):
        """Make ``count`` backups.

        :returns: (id of one of them, id of its share).
        """
        start = datetime.datetime(2026, 1, 1)
        shares = [str(uuid.uuid4()) for _ in range(SHARES)]
        with self.database.writer() as conn:
            conn.execute(sa.insert(models.shares), [{
                'id': share, 'project_id': PROJECT, 'user_id': 'demo',
                'source': 'local', 'name': f'share-{number}', 'size': 1,
                'share_proto': 'NFS', 'status': 'available', 'host': 'here',
                'availability_zone': 'nova'}
                for number, share in enumerate(shares)])
        last = None
        for first in range(0, count, BATCH):
            rows = [{
                'id': str(uuid.uuid4()), 'project_id': PROJECT,
                'user_id': 'demo', 'share_id': shares[number % SHARES],
                'name': f'backup-{number:06}',
                'description': f'The backup number {number} of a benchmark.',
                'status': 'available', 'size': 1,
                'availability_zone': 'nova', 'host': 'here',
                'topic': 'manila-data', 'backup_type': 'posix',
                'progress': 100, 'restore_progress': 0,
                'created_at': start + datetime.timedelta(seconds=number),
            } for number in range(first, min(first + BATCH, count))]
            with self.database.writer() as conn:
                conn.execute(sa.insert(models.share_backups), rows)
            last = rows[-1]
        with self.database.writer() as conn:
            # Or else what is expected is about an empty table.
            conn.exec_driver_sql('ANALYZE TABLE share_backups, shares')
        return last['id'], last['share_id']


class Work:
    """Work of the database for a request, which the application itself is
    sent, in this process."""

    def __init__(self, data):
        self._database = data.database
        self._app = app.build(data.conf, data.database, None)
        self._seen = []
        # Reads go through an engine of their own.
        sa.event.listen(sa.Engine, 'before_cursor_execute', self._note)

    def _note(self, conn, cursor, statement, parameters, context, many):
        self._seen.append((statement, parameters))

    def of(self, kind):
        """One request's work.

        :returns: (number of statements, rows expected by EXPLAIN, rows
            read, rows answered).
        """
        self._ask(kind)
        self._seen.clear()
        answered = self._ask(kind)
        statements = list(self._seen)
        expected = read = 0
        with self._database.reader() as conn:
            for statement, parameters in statements:
                plan = conn.exec_driver_sql(f'EXPLAIN {statement}',
                                            parameters).mappings().all()
                expected += sum(int(step['rows'] or 0) for step in plan)
                before = self._read(conn)
                conn.exec_driver_sql(statement, parameters).all()
                read += self._read(conn) - before
        return len(statements), expected, read, answered

    def _ask(self, kind):
        headers = dict(each.split(': ', 1) for each in kind.headers)
        response = webob.Request.blank(
            kind.path, headers=headers).get_response(self._app)
        if response.status_code != 200:
            raise SystemExit(f'{kind.path}: {response.text}')
        return len(response.json.get('share_backups', [1]))

    @staticmethod
    def _read(conn):
        """Rows that this connection has read so far."""
        return sum(int(value) for name, value in conn.exec_driver_sql(
            "SHOW SESSION STATUS LIKE 'Handler_read%%'")
            if not name.endswith('_retry') and 'rnd_deleted' not in name)


class Server:
    """The API under uWSGI.

    :param folder: str, where its configuration is and its log goes.
    """

    def __init__(self, folder, uwsgi):
        self._folder = folder
        self._uwsgi = uwsgi
        with socket.socket() as found:
            found.bind(('127.0.0.1', 0))
            self.port = found.getsockname()[1]

    def __enter__(self):
        self._log = open(os.path.join(self._folder, 'uwsgi.log'), 'w')
        self._process = subprocess.Popen([
            # Its router, --http, divides answers in two packets, of which
            # the second waits 40 ms for the first to be acknowledged.
            self._uwsgi, '--http11-socket', f'127.0.0.1:{self.port}',
            '--tcp-nodelay', '--master',
            '--processes', '2', '--threads', '4', '--enable-threads',
            '--die-on-term', '--need-app',
            '--disable-logging', '--pythonpath', sys.path[0],
            '--virtualenv', sys.prefix,
            '--module', 'manila_backup.wsgi.api:application'],
            env={**os.environ, 'OS_MANILA_BACKUP_CONFIG_DIR': self._folder},
            stdout=self._log, stderr=self._log)
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *args):
        self._process.terminate()
        self._process.wait()
        self._log.close()

    def _wait(self):
        for _ in range(300):
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(
                        f'http://127.0.0.1:{self.port}/v2/', timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        with open(self._log.name) as log:
            raise SystemExit(f'uWSGI does not answer:\n{log.read()[-3000:]}')

    def memory(self):
        """Memory that all of its processes hold.

        :returns: (resident, resident with what is shared counted once), in
            MB.
        """
        resident = proportional = 0
        for pid in self._pids(self._process.pid):
            with open(f'/proc/{pid}/smaps_rollup') as file:
                for line in file:
                    name, _, size = line.partition(':')
                    if name == 'Rss':
                        resident += int(size.split()[0])
                    elif name == 'Pss':
                        proportional += int(size.split()[0])
        return resident / 1000, proportional / 1000

    def _pids(self, pid):
        yield pid
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/children') as file:
                for child in file.read().split():
                    yield from self._pids(child)


def kinds(count, backup_id, share_id):
    """The kinds of request there are, for so many backups."""
    base = '/v2/share-backups'
    member, admin = (VERSION, MEMBER), (VERSION, ADMIN)
    # The rarest name: all must be looked at.
    rare = f'{count - 1:06}'
    return [
        Kind('show', f'{base}/{backup_id}', member),
        Kind('list', f'{base}?limit=50', member),
        Kind('detail', f'{base}/detail?limit=50', member),
        Kind('detail at 9,000', f'{base}/detail?limit=50&offset=9000',
             member),
        Kind('of a share', f'{base}/detail?limit=50&share_id={share_id}',
             member),
        Kind('name~ of many', f'{base}/detail?limit=50&name~=backup-0',
             member),
        Kind('all projects', f'{base}/detail?limit=50&all_tenants=1', admin),
        # Last: what wrk gave up waiting for goes on for a while.
        Kind('name~ of one', f'{base}/detail?limit=50&name~={rare}', member),
    ]


def measure(port, kind, seconds, script):
    """Have wrk ask for a while.

    :returns: (requests/s, median in ms, 99th percentile in ms).
    """
    headers = [argument for header in kind.headers
               for argument in ('-H', header)]
    said = subprocess.run(
        ['wrk', '-t1', '-c8', f'-d{seconds}s', '-s', script, *headers,
         f'http://127.0.0.1:{port}{kind.path}'],
        check=True, capture_output=True, text=True).stdout
    requests, duration, median, high, wrong = map(
        int, re.search(r'^RESULT (.*)', said, re.MULTILINE)[1].split())
    if wrong:
        raise SystemExit(f'{kind.path}: {wrong} requests failed:\n{said}')
    return requests / duration * 1e6, median / 1000, high / 1000


def configure(folder, url):
    """Write the configuration, and read it."""
    with open(os.path.join(folder, 'manila-backup.conf'), 'w') as file:
        file.write('[DEFAULT]\nauth_strategy = http_basic\n'
                   f'state_path = {folder}\ntransport_url = fake://\n'
                   f'[http_basic]\nuser_file = {folder}/users\n'
                   f'role_file = {folder}/roles.yaml\n'
                   f'[database]\nconnection = {url}\n')
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    with open(os.path.join(folder, 'users'), 'w') as file:
        file.writelines(f'{user}:{hashed}\n' for user in USERS)
    with open(os.path.join(folder, 'roles.yaml'), 'w') as file:
        file.writelines(f'{user}: {{project: {PROJECT}, roles: [{role}]}}\n'
                        for user, role in USERS.items())
    return config.load(
        ['--config-file', os.path.join(folder, 'manila-backup.conf')],
        'manila-backup-api')


def bench(count, args, folder, uwsgi):
    """Measure with so many backups."""
    script = os.path.join(folder, 'report.lua')
    with open(script, 'w') as file:
        file.write(SCRIPT)
    with Data(args.database,
              lambda url: configure(folder, url)) as data:
        asked = kinds(count, *data.fill(count))
        print(f'\n{count:,} backups, {args.seconds} s per kind')
        report_work(data, asked)
        with Server(folder, uwsgi) as server:
            # Each process has answered some before what is measured.
            for kind in asked:
                measure(server.port, kind, 1, script)
            before = server.memory()
            report_speed(server.port, asked, args.seconds, script)
            after = server.memory()
        print(f'  memory: {before[0]:.0f} MB resident before, '
              f'{after[0]:.0f} MB after ({after[1]:.0f} MB with what is '
              f'shared counted once); Manila {MANILA_MEMORY} MB')
        data.database.dispose()


def report_work(data, asked):
    """Print what the database does for each kind."""
    print(f'  {"":16} {"statements":>10} {"EXPLAIN":>9} {"read":>9} '
          f'{"answered":>9}')
    work = Work(data)
    for kind in asked:
        statements, expected, read, answered = work.of(kind)
        print(f'  {kind.name:16} {statements:10} {expected:9,} {read:9,} '
              f'{answered:9,}')


def report_speed(port, asked, seconds, script):
    """Print how fast each kind is."""
    print(f'  {"":16} {"requests/s":>10} {"p50 ms":>8} {"p99 ms":>8} '
          f'{"x Manila":>9} {"its p50":>8}')
    for kind in asked:
        rate, median, high = measure(port, kind, seconds, script)
        line = f'  {kind.name:16} {rate:10.0f} {median:8.2f} {high:8.2f}'
        if not rate:
            line = f'  {kind.name:16} no answer in time: more --seconds'
        if kind.name in MANILA:
            there = MANILA[kind.name]
            line += f' {rate / there.rate:9.2f} {there.median:8.1f}'
        print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--backups', type=int, action='append',
        help='how many there are; may be given again (default: 10000 and '
             '100000)')
    parser.add_argument('--seconds', type=int, default=10,
                        help='per kind of request (default: %(default)s)')
    parser.add_argument(
        '--database', default=os.environ.get(
            'MANILA_BACKUP_TEST_MYSQL', 'mysql+pymysql://root@127.0.0.1'),
        help='the MariaDB server (default: %(default)s)')
    args = parser.parse_args()
    if not shutil.which('wrk'):
        parser.error('wrk is not installed')
    beside = os.path.join(os.path.dirname(sys.executable), 'uwsgi')
    uwsgi = beside if os.path.exists(beside) else shutil.which('uwsgi')
    if not uwsgi:
        parser.error('uwsgi is not installed')
    print(f'{platform.machine()}, {os.cpu_count()} cores, Python '
          f'{platform.python_version()}; Manila: 23.0.1, same class of '
          f'machine, 10,000 backups')
    for count in args.backups or (10_000, 100_000):
        with tempfile.TemporaryDirectory() as folder:
            bench(count, args, folder, uwsgi)


if __name__ == '__main__':
    main()
