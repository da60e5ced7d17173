# SPDX-License-Identifier: Apache-2.0
"""Manila's processes, and the database and message bus that they need."""

import configparser
import os
import signal
import subprocess

import fixtures
from testtools import content

from tests.functional import cloud
from tests.functional import keystone

#: Where the Makefile installs Manila.
VENV = os.environ.get('MANILA_BACKUP_TEST_MANILA',
                      os.path.join(keystone.ROOT, '.tools', 'manila'))

HERE = os.path.dirname(os.path.abspath(__file__))


class Services(fixtures.Fixture):
    """Manila's API, scheduler and share service with a configuration.

    :param config: str, the file.
    :param port: int, of the API.
    """

    def __init__(self, config, port):
        self._config = config
        self._port = port
        self.processes = {}

    def _setUp(self):
        if not os.path.exists(os.path.join(VENV, 'bin', 'manila-share')):
            raise AssertionError(f'Manila is not installed in {VENV}: '
                                 '"make manila" does it.')
        self.addCleanup(self._end)
        manage(self._config, 'db', 'sync')
        for name in ('manila-scheduler', 'manila-share', 'manila-api'):
            self.start(name)

    def start(self, name):
        """Start one of the three, by its command's name.

        The caller waits until it is of use.
        """
        arguments = ['--config-file', self._config]
        command = [os.path.join(VENV, 'bin', name), *arguments]
        if name == 'manila-api':
            # The command of that name brings a server of its own that is
            # deprecated.
            command = [os.path.join(VENV, 'bin', 'python'), '-I',
                       os.path.join(HERE, 'serve_api.py'), *arguments,
                       str(self._port)]
        with open(self._log(name), 'ab') as output:
            self.processes[name] = subprocess.Popen(
                # They end with the tests even if nobody is left to see to
                # that.
                ['setpriv', '--pdeathsig', 'TERM', *command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=_environment(),
                # It forks; its children end with its session.
                start_new_session=True)

    def stop(self, name, number=signal.SIGKILL):
        """End one of the three, and what it forked."""
        process = self.processes.pop(name)
        if process.poll() is None:
            os.killpg(process.pid, number)
        process.wait(cloud.PATIENCE)

    def check(self):
        """Raise if one of them has ended by itself."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise AssertionError(f'{name} ended: {self.said(name)}')

    def _log(self, name):
        return f'{self._config}.{name}.log'

    def said(self, name):
        """Return the output of one of them so far."""
        with open(self._log(name), errors='replace') as file:
            return file.read()

    def _end(self):
        for name in list(self.processes):
            self.addDetail(f'{name}.log',
                           content.text_content(self.said(name)))
            # Nothing of it is kept, and in order it takes its time.
            self.stop(name)


def manage(config, *args):
    """Run manila-manage.

    :param config: str, the configuration file.
    :returns: str, what it printed.
    """
    done = subprocess.run(
        [os.path.join(VENV, 'bin', 'manila-manage'),
         '--config-file', config, *args],
        capture_output=True, text=True, env=_environment())
    if done.returncode:
        raise AssertionError(f'manila-manage {args}: '
                             f'{done.stdout}{done.stderr}')
    return done.stdout


def configure(path, groups):
    """Write a configuration file.

    :param groups: dict of group to dict of option to value.
    """
    parser = configparser.RawConfigParser(default_section='')
    parser.read_dict(groups)
    with open(path, 'w') as file:
        parser.write(file)


def _environment():
    return {**keystone.clean_environment(),
            # What its share driver is in.
            'PYTHONPATH': os.path.join(HERE, 'backend')}
