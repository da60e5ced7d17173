# SPDX-License-Identifier: Apache-2.0
"""Common parts of running somebody else's test suite."""

import os
import re
import shutil
import subprocess
import sys

from tests.functional import keystone

ROOT = keystone.ROOT

#: Where the Makefile installs the suites.
VENV = os.environ.get('MANILA_BACKUP_TEST_SUITES',
                      os.path.join(ROOT, '.tools', 'suites'))

#: Member of the project ``demo``.
USER = 'demo'
PROJECT = 'demo'


class Suite:
    """One suite, and the cloud that it needs.

    :param results: str, the directory that its results are kept in; below
        this checkout if None.
    :cvar name: what its results are kept under.
    :cvar options: configuration of the service, as for
        :class:`tests.functional.cloud.Cloud`.
    """

    name = None
    options = {}

    def __init__(self, results=None):
        self.results = results or os.path.join(ROOT, '.stestr', self.name)
        #: Where the suite works and leaves its logs and stestr repository.
        self.workspace = os.path.join(self.results, 'workspace')
        self._home = os.path.join(self.results, 'home')

    def run(self, args):
        """Start everything, run the suite, end everything.

        :param args: list of str for the suite's runner.
        :returns: int, an exit status: 0 if every test of the suite ran and
            passed.
        """
        self.clear()
        self.prepare()
        with keystone.KeystoneCloud(**self.options) as cloud:
            cloud.keystone.add_user(USER, PROJECT, 'member')
            status = self.execute(cloud, args)
            if status:
                print('What the service wrote:')
                for process in cloud.cloud.processes:
                    print(process.said()[-4000:])
        passed, failed, _ = self.count()
        return status or (1 if failed or not passed else 0)

    def clear(self):
        """Remove what an earlier run has left."""
        shutil.rmtree(self.results, ignore_errors=True)
        os.makedirs(self._home)

    def count(self):
        """Print what happened, with the counts as the last line.

        :returns: (int, int, int): tests that passed, failed, were skipped.
        """
        done = subprocess.run(
            [sys.executable, os.path.join(ROOT, 'tools', 'count_tests.py'),
             self.workspace], stdout=subprocess.PIPE, text=True)
        print(done.stdout, end='', flush=True)
        return tuple(int(number) for number in re.findall(
            r'\d+', done.stdout.splitlines()[-1]))

    def prepare(self):
        """Do what must be done before the service is started."""

    def execute(self, cloud, args):
        """Run the suite.

        :param cloud: a :class:`tests.functional.keystone.KeystoneCloud`.
        :returns: int, the runner's exit status.
        """
        raise NotImplementedError

    def command(self, program, *args, **environment):
        """Run a program of the suites' virtual environment, in the
        workspace if that is there yet.

        :returns: int, its exit status.
        """
        kept = {name: os.environ[name] for name in ('LANG', 'TMPDIR')
                if name in os.environ}
        return subprocess.run(
            [os.path.join(VENV, 'bin', program), *args],
            cwd=(self.workspace if os.path.exists(self.workspace)
                 else self.results),
            stdin=subprocess.DEVNULL, env={
                **kept,
                # They keep caches and lists in the user's home directory.
                'HOME': self._home,
                'PATH': f'{VENV}/bin{os.pathsep}{os.environ["PATH"]}',
                'PYTHONDONTWRITEBYTECODE': '1',
                **environment}).returncode
