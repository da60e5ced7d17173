# SPDX-License-Identifier: Apache-2.0
"""A short soak: see :mod:`tests.soak`, which can also be run for longer."""

import os
import subprocess
import sys

import testtools
from testtools import content

SEED = os.environ.get('MANILA_BACKUP_TEST_SEED', '1')


class SoakMySQL(testtools.TestCase):

    database = 'mysql'

    def test_nothing_is_lost(self):
        # Ended with its children by the time limit of all tests, if need be:
        # what it starts does not outlive it.
        with subprocess.Popen(
                [sys.executable, '-m', 'tests.soak', '--minutes', '0.5',
                 '--seed', SEED, '--database', self.database],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True) as soak:
            try:
                said, _ = soak.communicate()
            finally:
                soak.terminate()
        self.addDetail('soak', content.text_content(said))
        self.assertEqual(0, soak.returncode, said)


class SoakPostgreSQL(SoakMySQL):

    database = 'postgresql'
