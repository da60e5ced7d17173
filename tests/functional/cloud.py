# SPDX-License-Identifier: Apache-2.0
"""A whole service for a test: real processes, real servers, real sockets."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

import fixtures
import kombu
import sqlalchemy as sa
from testtools import content

from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import schema
import tests
from tests.functional import databases
from tests.functional import forked
from tests import lock_order

BIN = os.path.dirname(sys.executable)

_HERE = os.path.dirname(os.path.abspath(__file__))

RABBITMQ = os.environ.get('MANILA_BACKUP_TEST_RABBITMQ',
                          'rabbit://guest:guest@127.0.0.1:5672/')

#: Where shares and repositories are kept.
FOLDER = tests.FOLDER

#: What the API's log may say where a message finds no worker.
NO_WORKER = 'no exchange .manila-backup-worker_fanout'

#: What a worker's log says, with a traceback, of a message that was sent again
#: because a connection broke in a test that runs beside this one: fanouts go
#: to the workers of all tests.
SENT_TWICE = r'ERROR oslo_messaging\._drivers\.amqpdriver '

#: Seconds to wait for something that should be there in a moment. Long: it
#: only ends a test that has failed anyway.
PATIENCE = 300


def eventually(what, check, patience=PATIENCE, pause=0.02):
    """Wait until ``check()`` gives something true, and return that.

    :param pause: float, seconds between two looks. What takes longer is looked
        at up to five times less often: looking takes processor time from what
        is waited for.
    """
    begin = time.monotonic()
    while True:
        found = check()
        if found:
            return found
        passed = time.monotonic() - begin
        if passed > patience:
            raise AssertionError(f'{what}: not within {patience} s')
        time.sleep(min(max(pause, passed / 10), 5 * pause))


def free_port():
    """A TCP port on the loopback address that nobody listens on."""
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        return found.getsockname()[1]


# What the commands of the service and what watches them in tests import.
_MODULES = ('manila_backup.*', 'tests.lock_order', 'tests.simulated_clock',
            'amqp', 'kombu.transport.pyamqp', 'pymysql', 'psycopg2',
            'oslo_messaging._drivers.impl_rabbit',
            'sqlalchemy.dialects.mysql.pymysql',
            'sqlalchemy.dialects.postgresql.psycopg2')


def watched():
    """Environment that has a process say if its transactions lock rows in
    another order than that of :mod:`manila_backup.db.locking`."""
    return dict(os.environ, PYTHONPATH=os.pathsep.join([
        os.path.join(_HERE, 'hooks'), os.path.dirname(os.path.dirname(_HERE)),
        *filter(None, [os.environ.get('PYTHONPATH')])]))


def forks():
    """Return the nursery of the service's commands."""
    return forked.nursery(_MODULES, watched()['PYTHONPATH'])


def argv(command):
    """Return the command line of a command of the service, as a list."""
    return [os.path.join(BIN, command)]


class Process:
    """A command of the service, running.

    :param log: str, the file that its output goes to.
    :param release: a :class:`tests.functional.previous.Release` whose
        command it is, or None: this one's.
    :param apart: bool, whether it gets a process group of its own, as a
        service manager gives each service.
    """

    def __init__(self, command, args, log, release=None, apart=False):
        self.command = command
        self.log = log
        with open(log, 'ab') as output:
            if release:
                self._process = subprocess.Popen(
                    [*release.argv(command), *args], stdout=output,
                    stderr=output, stdin=subprocess.DEVNULL,
                    start_new_session=apart, **release.surroundings)
            else:
                self._process = forks().start(
                    [*argv(command), *args], output, output, apart, watched())
        self.pid = self._process.pid

    def kill(self):
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()

    def signal(self, number):
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self):
        """End it in order.

        :returns: int, its exit status.
        """
        self.begin_to_stop()
        return self.wait()

    def begin_to_stop(self):
        """Tell it to end in order."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()

    def wait(self):
        """Wait for its end.

        :returns: int, its exit status.
        """
        return self._process.wait(PATIENCE)

    def running(self):
        """Tell whether it has not ended."""
        return self._process.poll() is None

    def said(self):
        """Return its output so far."""
        with open(self.log, errors='replace') as file:
            return file.read()


class Answer:
    """Answer of the API: ``status``, ``headers`` and ``body``; of a proxy
    that answers in its place, the body is a page."""

    def __init__(self, status, headers, text):
        self.status = status
        self.headers = headers
        self.body = text or None
        if text and headers.get_content_type() != 'text/html':
            self.body = json.loads(text)


class Cloud(fixtures.Fixture):
    """APIs and workers on one database, one bus and one set of shares.

    :param server: 'mysql' or 'postgresql'.
    :param options: configuration, GROUP__OPTION=value (or OPTION=value).
    :ivar release: what to start from now on: None for this release, or a
        :class:`tests.functional.previous.Release`.
    :ivar tolerate: a regular expression of errors in the logs that the
        test provokes; any other fails it.
    :ivar apart: bool, as for :class:`Process`, of what is started from now
        on.
    :cvar MADE: bool, whether the database has tables from the first.
    """

    MADE = True

    def __init__(self, server, **options):
        self._server = server
        self._options = options
        self.processes = []
        self.release = None
        self.apart = False
        self.tolerate = None

    def _setUp(self):
        self.root = self.useFixture(fixtures.TempDir(rootdir=FOLDER)).path
        self.database = self._make_database()
        self.config = os.path.join(self.root, 'manila-backup.conf')
        self.policy = os.path.join(self.root, 'policy.yaml')
        self.state = os.path.join(self.root, 'state')
        self.repository = os.path.join(self.state, 'repository')
        os.mkdir(self.state)
        self.port = free_port()
        self.exchange = f'test-{uuid.uuid4()}'
        self.addCleanup(self.forget_exchange)
        self._configure()
        self.engine = sa.create_engine(self.database.url,
                                       isolation_level='AUTOCOMMIT')
        self.addCleanup(self.engine.dispose)
        self.addCleanup(self._end)
        self._sync()

    def questions(self, driver='posix'):
        """Name of the queue of questions to workers that have a driver."""
        return f'manila-backup-questions.{self.exchange}.{driver}'

    def forget_exchange(self):
        """Remove what the bus keeps of it, for there are many tests."""
        with kombu.Connection(
                RABBITMQ.replace('rabbit:', 'amqp:', 1)) as connection:
            channel = connection.default_channel
            host = self._options.get('host', 'here')
            for driver in ('posix', 'nfs', 'restic'):
                for end in ('', f'.{host}'):
                    channel.queue_delete(self.questions(driver) + end)
            channel.exchange_delete(self.exchange)

    def _make_database(self):
        return self.useFixture(databases.Schema(self._server, self.MADE))

    def _configure(self):
        options = {
            'state_path': self.state,
            'transport_url': RABBITMQ,
            # Or workers of another test would answer this one's questions.
            'control_exchange': self.exchange,
            'auth_strategy': 'noauth',
            'noauth__allow_manage': True,
            'host': 'here',
            'database__connection': self.database.url,
            'api__bind_port': self.port,
            # A slow machine is no reason for 503.
            'api__question_timeout': 60,
            'backup__progress_interval': 0.2,
            'backup__lease_ttl': 3,
            'backup__retry_delay': 0.2,
            'oslo_policy__policy_file': self.policy,
            **self._options}
        groups = {}
        for name, value in options.items():
            group, _, option = name.rpartition('__')
            groups.setdefault(group or 'DEFAULT', []).append(
                f'{option} = {value}\n')
        with open(self.policy, 'w'):
            pass
        with open(self.config, 'w') as file:
            for group, lines in groups.items():
                file.write(f'[{group}]\n{"".join(lines)}')

    def _sync(self):
        """As "db sync" does, without waiting for another process."""
        conf = config.load(['--config-file', self.config], 'test')
        database = engine.Database(conf)
        schema.sync(database, conf)
        database.dispose()

    # -- processes -------------------------------------------------------

    def manage(self, *args):
        """Run manila-backup-manage.

        :returns: str, what it printed.
        """
        args = ['--config-file', self.config, *args]
        if self.release:
            done = subprocess.run(
                [*self.release.argv('manila-backup-manage'), *args],
                capture_output=True, text=True, **self.release.surroundings)
        else:
            done = forks().run([*argv('manila-backup-manage'), *args])
        if done.returncode:
            raise AssertionError(f'manage {args}: {done.stderr}')
        return done.stdout

    def start(self):
        """Start an API and a worker, and wait until both are at work.

        :returns: the worker.
        """
        worker = self._start_worker()
        self.start_api()
        return self._wait_worker(worker)

    def start_api(self, port=None, *more):
        """Start an API and wait until it answers.

        :param more: more configuration files.
        """
        files = ['--config-file', self.config]
        for each in more:
            files += ['--config-file', each]
        if port:
            extra = os.path.join(self.root, f'api-{port}.conf')
            with open(extra, 'w') as file:
                file.write(f'[api]\nbind_port = {port}\n')
            files += ['--config-file', extra]
        api = self._start('manila-backup-api', files)
        eventually('the API', lambda: self._answers(api, port or self.port))
        return api

    def _answers(self, process, port):
        if not process.running():
            raise AssertionError(f'the API ended: {process.said()}')
        with contextlib.suppress(OSError):
            socket.create_connection(('127.0.0.1', port)).close()
            return True

    def start_worker(self, *files):
        """Start a worker and wait until it is at work.

        :param files: more configuration files.
        """
        return self._wait_worker(self._start_worker(*files))

    def _start_worker(self, *files):
        args = []
        for each in (self.config, *files):
            args += ['--config-file', each]
        return self._start('manila-backup-worker', args)

    def _wait_worker(self, worker):
        eventually('the worker', lambda: self._at_work(worker))
        return worker

    def _at_work(self, worker):
        if not worker.running():
            raise AssertionError(f'the worker ended: {worker.said()}')
        return self.rows("SELECT id FROM services WHERE identity LIKE "
                         f"'%%:{worker.pid}:%%'")

    def _start(self, command, args):
        log = os.path.join(self.root, f'{command}-{len(self.processes)}.log')
        process = Process(command, args, log, self.release, self.apart)
        self.processes.append(process)
        return process

    def _end(self):
        for each in self.processes:
            each.begin_to_stop()
        statuses = [(each, each.wait()) for each in self.processes]
        logs = {os.path.basename(each.log): each.said()
                for each in self.processes}
        for name, text in logs.items():
            self.addDetail(name, content.text_content(text))
        for each, status in statuses:
            if status not in (0, -signal.SIGKILL):
                raise AssertionError(f'{each.command} ended with {status}:\n'
                                     f'{each.said()[-2000:]}')
        wrong = [line for text in logs.values()
                 for line in text.splitlines()
                 if lock_order.MARK in line
                 or re.search(r' (ERROR|CRITICAL) |^Traceback', line)
                 and not (self.tolerate and re.search(self.tolerate, line))
                 and not ('DuplicateMessageError' in text
                          and re.search(SENT_TWICE, line))]
        if wrong:
            raise AssertionError('errors in the logs:\n' + '\n'.join(wrong))

    # -- the database, to look into it -----------------------------------

    def rows(self, query, **values):
        """Rows of a query in SQL."""
        with self.engine.connect() as conn:
            return conn.execute(sa.text(query.replace('%%', '%')),
                                values).all()

    # -- the API ---------------------------------------------------------

    def request(self, method, path, body=None, token='demo:p1', port=None,
                version='2.91', headers=None):
        """One HTTP request.

        :param path: str, below ``/v2``.
        :param headers: dict of further headers.
        :returns: an :class:`Answer`, whatever its status.
        """
        request = urllib.request.Request(
            f'http://127.0.0.1:{port or self.port}/v2{path}', method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={'X-Auth-Token': token,
                     'Content-Type': 'application/json',
                     'X-OpenStack-Manila-API-Version': version,
                     **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as found:
                return Answer(found.status, found.headers, found.read())
        except urllib.error.HTTPError as exc:
            with exc:
                return Answer(exc.code, exc.headers, exc.read())

    def ask(self, status, method, path, body=None, **kwargs):
        """One HTTP request that must be answered with a status.

        :returns: the body.
        """
        answer = self.request(method, path, body, **kwargs)
        if answer.status != status:
            raise AssertionError(f'{method} {path}: {answer.status} '
                                 f'{answer.body}, not {status}')
        return answer.body

    def create_share(self, token='demo:p1', size=1):
        """A new share that is available; its dict."""
        share = self.ask(200, 'POST', '/shares', {'share': {
            'share_proto': 'NFS', 'size': size, 'name': 'a share'}},
            token=token)['share']
        return self.wait_share(share['id'], 'available', token=token)

    def share_path(self, share_id):
        """Return the path of a share's content."""
        return os.path.join(self.state, 'shares', share_id)

    def backup_path(self, backup):
        """Return the path of a backup's content; ``backup`` is its dict."""
        (project_id,), = self.rows(
            'SELECT project_id FROM share_backups WHERE id = :id',
            id=backup['id'])
        return os.path.join(self.repository, project_id, backup['share_id'],
                            backup['id'], 'data')

    def create_backup(self, share_id, token='demo:p1', **values):
        """Ask for a backup; its dict as answered."""
        return self.ask(202, 'POST', '/share-backups', {'share_backup': {
            'share_id': share_id, **values}}, token=token)['share_backup']

    def show_backup(self, backup_id, token='demo:p1'):
        """A backup's dict, or None."""
        answer = self.request('GET', f'/share-backups/{backup_id}',
                              token=token)
        return answer.body['share_backup'] if answer.status == 200 else None

    def wait_backup(self, backup_id, status, token='demo:p1'):
        """Wait until a backup has a status (None: until it is gone)."""
        return self._wait(
            f'backup {backup_id} {status}',
            lambda: self.show_backup(backup_id, token), status)

    def wait_share(self, share_id, status, token='demo:p1'):
        """Wait until a share has a status (None: until it is gone)."""
        def show():
            answer = self.request('GET', f'/shares/{share_id}', token=token)
            return answer.body['share'] if answer.status == 200 else None

        return self._wait(f'share {share_id} {status}', show, status)

    @staticmethod
    def _wait(what, show, status):
        def check():
            found = show()
            if found is None:
                return status is None
            return found['status'] == status and found

        return eventually(what, check)
