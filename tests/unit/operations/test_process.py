# SPDX-License-Identifier: Apache-2.0
"""Copiers: real processes."""

import os
import types

import psutil
import testtools

from manila_backup.operations import process


def priorities(progress):
    """Runs in the copier."""
    return os.nice(0), int(psutil.Process().ionice().ioclass)


class Copier(testtools.TestCase):

    def _run(self, **settings):
        copier = process.Copier(priorities, (), types.SimpleNamespace(
            **settings))
        copier.progress.extend(60)
        copier.start()
        while not copier.wait(60):
            pass
        try:
            return copier.result()
        finally:
            copier.kill()

    def test_priorities(self):
        own = os.nice(0)
        nice, kind = self._run(nice=0, ionice_idle=False)
        self.assertEqual(own, nice)
        self.assertNotEqual(int(psutil.IOPRIO_CLASS_IDLE), kind)
        self.assertEqual((min(own + 7, 19), int(psutil.IOPRIO_CLASS_IDLE)),
                         self._run(nice=7, ionice_idle=True))
