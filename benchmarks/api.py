# SPDX-License-Identifier: Apache-2.0
"""Time the API's reads under uWSGI, beside those of Manila's API.

Makes a MariaDB database for each of the two with so many backups of one
project, starts both under uWSGI with two processes, and asks with wrk over
eight kept connections for a while per kind of request, the one and then the
other. Prints requests/s, the median and the 99th percentile of the latency,
the memory that the processes hold, and for each kind what the database had to
do: how many statements, how many rows EXPLAIN expects and how many the server
then read. The databases are dropped at the end, and nothing else is left.
"""

import os
import sys

# Python puts this directory first, where this file has the name of a module
# of the standard library.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import argparse
import base64
import contextlib
import datetime
import platform
import shutil
import tempfile
import uuid

import bcrypt
import sqlalchemy as sa
import webob

from benchmarks import real_manila
from benchmarks import serving
from manila_backup.api import app
from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import schema

PROJECT = 'bench'
SHARES = 100
OURS = 'this'

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


class Data:
    """A database with backups in it.

    :param server: str, the URL of a MariaDB server.
    :param conf: function of a database's URL to the configuration.
    """

    def __init__(self, server, conf):
        self._own = serving.OwnDatabase(server)
        self._conf = conf

    def __enter__(self):
        self.conf = self._conf(self._own.__enter__())
        try:
            self.database = engine.Database(self.conf)
            schema.sync(self.database, self.conf)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *args):
        self._own.__exit__()

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


def kinds(count, backup_id, share_id, member, admin):
    """The kinds of request there are.

    :param count: int, backups.
    :param member: the headers of a user of the project, as lines; ``admin``:
        of who may see all projects.
    """
    base = '/v2/share-backups'
    # The rarest name: all must be looked at.
    rare = f'{count - 1:06}'
    return [serving.Kind(name, f'{base}{path}', headers)
            for name, path, headers in (
        ('show', f'/{backup_id}', member),
        ('list', '?limit=50', member),
        ('detail', '/detail?limit=50', member),
        ('detail at 9,000', '/detail?limit=50&offset=9000', member),
        ('of a share', f'/detail?limit=50&share_id={share_id}', member),
        ('name~ of many', '/detail?limit=50&name~=backup-0', member),
        ('all projects', '/detail?limit=50&all_tenants=1', admin),
        ('name~ of one', f'/detail?limit=50&name~={rare}', member))]


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


def bench(count, args, folder):
    """Measure with so many backups."""
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(
            Data(args.database, lambda url: configure(folder, url)))
        stack.callback(data.database.dispose)
        asked = kinds(count, *data.fill(count), (VERSION, MEMBER),
                      (VERSION, ADMIN))
        print(f'\n{count:,} backups, {args.seconds} s per kind', flush=True)
        report_work(data, asked)
        servers = {OURS: (stack.enter_context(serving.Server(
            folder, 'manila_backup.wsgi.api:application',
            pythonpath=sys.path[0],
            env={'OS_MANILA_BACKUP_CONFIG_DIR': folder})), asked)}
        if not args.alone:
            peer = stack.enter_context(real_manila.Api(args.database, folder))
            servers[real_manila.NAME] = peer.serve(), kinds(
                count, *peer.fill(count, SHARES), *[real_manila.HEADERS] * 2)
            stack.enter_context(servers[real_manila.NAME][0])
        for server, there in servers.values():
            server.warm(there)
        before = {name: server.memory()
                  for name, (server, _) in servers.items()}
        report_speed(servers, args.seconds)
        for name, (server, _) in servers.items():
            after = server.memory()
            print(f'  memory, {name}: {before[name][0]:.0f} MB resident '
                  f'before, {after[0]:.0f} MB after ({after[1]:.0f} MB with '
                  f'what is shared counted once)')


def report_work(data, asked):
    """Print what the database does for each kind."""
    print(f'  {"":16} {"statements":>10} {"EXPLAIN":>9} {"read":>9} '
          f'{"answered":>9}')
    work = Work(data)
    for kind in asked:
        statements, expected, read, answered = work.of(kind)
        print(f'  {kind.name:16} {statements:10} {expected:9,} {read:9,} '
              f'{answered:9,}')


def report_speed(servers, seconds):
    """Print how fast each kind is.

    :param servers: dict of name to (:class:`~.serving.Server`, its kinds).
    """
    print(f'  {"":16} ' + ' '.join(
        f'{name:>12}/s {"p50 ms":>8} {"p99 ms":>8}' for name in servers)
        + '  times the rate, p50 shorter' * (len(servers) > 1))
    for kinds_ in zip(*(there for _, there in servers.values()),
                      strict=True):
        # Both are there all the time, so a busy machine is so for both.
        found = [server.measure(kind, seconds) for (server, _), kind in zip(
            servers.values(), kinds_, strict=True)]
        line = f'  {kinds_[0].name:16} ' + ' '.join(
            f'{each.rate:14.1f} {each.median:8.2f} {each.high:8.2f}'
            for each in found)
        if not all(each.rate for each in found):
            line += ' no answer in time: more --seconds'
        elif len(found) > 1:
            ours, theirs = found
            line += (f' {ours.rate / theirs.rate:15.1f} '
                     f'{theirs.median / ours.median:12.1f}')
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
    parser.add_argument('--alone', action='store_true',
                        help='without Manila')
    args = parser.parse_args()
    if not shutil.which('wrk'):
        parser.error('wrk is not installed')
    if not serving.uwsgi():
        parser.error('uwsgi is not installed')
    if not (args.alone or real_manila.there()):
        parser.error('Manila is not installed: "make manila" does it, and '
                     '--alone leaves it out')
    peer = ('without Manila' if args.alone
            else f'Manila {real_manila.version()}')
    print(f'{platform.machine()}, {os.cpu_count()} cores, Python '
          f'{platform.python_version()}, a load of {os.getloadavg()[0]:.1f}; '
          f'{peer}')
    for count in args.backups or (10_000, 100_000):
        with tempfile.TemporaryDirectory() as folder:
            bench(count, args, folder)


if __name__ == '__main__':
    main()
