# SPDX-License-Identifier: Apache-2.0
"""A real Horizon for a test, from a virtual environment of its own."""

import contextlib
import os
import subprocess
import urllib.request

import fixtures
from testtools import content

from tests.functional import cloud
from tests.functional import keystone

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

#: Where ``make dashboard`` installs it.
VENV = os.environ.get('MANILA_BACKUP_TEST_HORIZON',
                      os.path.join(ROOT, '.tools', 'dashboard'))


class Horizon(fixtures.Fixture):
    """Horizon with the plug-in.

    :param keystone_url: str.
    :ivar url: str, where its pages are, with a slash at the end.
    """

    def __init__(self, keystone_url):
        self._keystone_url = keystone_url

    def _setUp(self):
        python = os.path.join(VENV, 'bin', 'python')
        if not os.path.exists(python):
            raise AssertionError(f'Horizon is not installed in {VENV}: "make '
                                 'dashboard" does it.')
        self.root = self.useFixture(fixtures.TempDir(
            rootdir=cloud.FOLDER)).path
        port = cloud.free_port()
        self.url = f'http://127.0.0.1:{port}/'
        self._log = os.path.join(self.root, 'horizon.log')
        with open(self._log, 'ab') as output:
            self._process = subprocess.Popen(
                # Isolated: no package of the tests' is its business.
                [python, '-I',
                 os.path.join(ROOT, 'tests', 'dashboard', 'serve_horizon.py'),
                 str(port), os.path.join(ROOT, 'dashboard'),
                 os.path.join(ROOT, 'tests', 'dashboard')],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**keystone.clean_environment('PYTHONPYCACHEPREFIX'),
                     'MANILA_BACKUP_TEST_KEYSTONE_URL': self._keystone_url,
                     'MANILA_BACKUP_TEST_HORIZON_DIR': self.root})
        self.addCleanup(self._end)
        cloud.eventually('Horizon', self._answers)

    def _answers(self):
        if self._process.poll() is not None:
            raise AssertionError(f'Horizon ended: {self.said()}')
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f'{self.url}auth/login/',
                                   timeout=cloud.PATIENCE).close()
            return True

    def said(self):
        """Read its log."""
        with open(self._log, errors='replace') as file:
            return file.read()

    def _end(self):
        self._process.terminate()
        self._process.wait(cloud.PATIENCE)
        self.addDetail('horizon.log', content.text_content(self.said()))
