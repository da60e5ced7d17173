# SPDX-License-Identifier: Apache-2.0
"""Programs of benchmarks that serve: databases of their own, an application
under uWSGI, and wrk, which asks it."""

import collections
from concurrent import futures
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

import sqlalchemy as sa

#: Connections that wrk keeps, and with them the requests at once.
CONNECTIONS = 8

# Each holds a thread of uWSGI's for as long as it is kept.
_PROCESSES, _THREADS = 2, 4

# wrk counts what takes longer as a failure; two seconds, its default, may be
# short for a list behind seven others on processors that are busy.
_PATIENCE_S = 60

# wrk's own summary rounds; this does not.
_SCRIPT = '''\
done = function(summary, latency, requests)
    local wrong = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests,
        summary.duration, latency:percentile(50), latency:percentile(99),
        wrong.connect + wrong.read + wrong.write + wrong.status
        + wrong.timeout))
end
'''

#: A request that is asked again and again: its path, and its headers as
#: lines.
Kind = collections.namedtuple('Kind', 'name path headers')

#: requests/s; median and 99th percentile in ms.
Figures = collections.namedtuple('Figures', 'rate median high')


class OwnDatabase:
    """A database that is dropped at the end; a context manager of its URL.

    :param server: str, the URL of a MariaDB server.
    """

    def __init__(self, server):
        self._name = f'manila_backup_bench_{uuid.uuid4().hex[:8]}'
        self._url = f'{server}/{self._name}'
        self._server = sa.create_engine(server,
                                        isolation_level='AUTOCOMMIT')

    def __enter__(self):
        self._execute('CREATE')
        return self._url

    def __exit__(self, *exc_info):
        self._execute('DROP')

    def _execute(self, verb):
        with self._server.connect() as conn:
            conn.exec_driver_sql(f'{verb} DATABASE {self._name}')


def uwsgi(virtualenv=sys.prefix):
    """Path of the uWSGI of a virtual environment, or of any other; or None.

    One that is installed from PyPI, as a module of a Python, knows what is
    in its own environment only.
    """
    beside = os.path.join(virtualenv, 'bin', 'uwsgi')
    return beside if os.path.exists(beside) else shutil.which('uwsgi')


class Server:
    """An application under uWSGI; a context manager.

    :param folder: str, where its log goes.
    :param module: str, MODULE:NAME of the application.
    :param virtualenv: str, what it is installed in.
    :param pythonpath: str, where it is besides, or None.
    :param arguments: str, those that the application finds.
    :param env: dict, the environment beside this one's.
    :ivar port: int.
    """

    def __init__(self, folder, module, virtualenv=sys.prefix, pythonpath=None,
                 arguments='', env=None):
        self._folder = folder
        self._command = [
            # Its router, --http, divides answers in two packets, of which
            # the second waits 40 ms for the first to be acknowledged.
            uwsgi(virtualenv), '--http11-socket', '127.0.0.1:{port}',
            '--tcp-nodelay', '--master', '--processes', str(_PROCESSES),
            '--threads', str(_THREADS), '--enable-threads',
            '--die-on-term', '--need-app', '--disable-logging',
            '--virtualenv', virtualenv, '--module', module]
        if arguments:
            self._command += ['--pyargv', arguments]
        if pythonpath:
            self._command += ['--pythonpath', pythonpath]
        self._env = {**os.environ, **(env or {})}
        with socket.socket() as found:
            found.bind(('127.0.0.1', 0))
            self.port = found.getsockname()[1]

    def __enter__(self):
        self._log = open(os.path.join(self._folder, 'uwsgi.log'), 'w')
        self._process = subprocess.Popen(
            [each.format(port=self.port) for each in self._command],
            env=self._env, stdout=self._log, stderr=self._log)
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info):
        self._process.terminate()
        self._process.wait()
        self._log.close()

    def _wait(self):
        for _ in range(600):
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(
                        f'http://127.0.0.1:{self.port}/v2/', timeout=30):
                    return
            except urllib.error.HTTPError:
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

    def warm(self, kinds):
        """Ask for each kind, as many times at once as wrk will.

        What a process does for the first answer that it ever gives may take
        seconds: Manila's reads its policies and its models.

        :raises SystemExit: it can't be had.
        """
        with futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            for kind in kinds:
                list(pool.map(self._ask, [kind] * CONNECTIONS))

    def _ask(self, kind):
        request = urllib.request.Request(
            f'http://127.0.0.1:{self.port}{kind.path}',
            headers=dict(each.split(': ', 1) for each in kind.headers))
        try:
            with urllib.request.urlopen(request,
                                        timeout=_PATIENCE_S) as answer:
                answer.read()
        except OSError as exc:
            raise SystemExit(f'{kind.path}: {exc}') from exc

    def measure(self, kind, seconds):
        """Have wrk ask for a while.

        :returns: :class:`Figures`.
        :raises SystemExit: a request failed.
        """
        script = os.path.join(self._folder, 'report.lua')
        with open(script, 'w') as file:
            file.write(_SCRIPT)
        headers = [argument for header in kind.headers
                   for argument in ('-H', header)]
        said = subprocess.run(
            ['wrk', '-t1', f'-c{CONNECTIONS}', f'-d{seconds}s', '--timeout',
             f'{_PATIENCE_S}s', '-s', script, *headers,
             f'http://127.0.0.1:{self.port}{kind.path}'],
            check=True, capture_output=True, text=True).stdout
        requests, duration, median, high, wrong = map(
            int, re.search(r'^RESULT (.*)', said, re.MULTILINE)[1].split())
        if wrong:
            raise SystemExit(f'{kind.path}: {wrong} requests failed:\n{said}')
        # What wrk gave up waiting for goes on for about as long.
        time.sleep(high / 1e6)
        return Figures(requests / duration * 1e6, median / 1000, high / 1000)
