# SPDX-License-Identifier: Apache-2.0
"""The samples of the API reference are what the service says."""

import os
import subprocess
import sys

import fixtures
import testtools
from testtools import content

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

SAMPLES = os.path.join(ROOT, 'api-ref', 'source', 'samples')

TOOL = os.path.join(ROOT, 'tools', 'api_samples.py')


class Samples(testtools.TestCase):

    def test_samples_are_what_the_service_says(self):
        folder = self.useFixture(fixtures.TempDir()).path
        done = subprocess.run([sys.executable, TOOL, folder],
                              capture_output=True, text=True)
        self.addDetail('errors', content.text_content(done.stderr))
        self.assertEqual(0, done.returncode)
        said, written = self._read(folder), self._read(SAMPLES)
        hint = '"make api-samples" writes them anew'
        self.assertEqual(sorted(said), sorted(written), hint)
        for name, text in said.items():
            self.assertEqual(text, written[name], f'{name}: {hint}')

    @staticmethod
    def _read(folder):
        """Files of a directory: dict of name to text."""
        found = {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding='utf-8') as file:
                found[name] = file.read()
        return found
