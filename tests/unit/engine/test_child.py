# SPDX-License-Identifier: Apache-2.0
"""Child processes: real processes."""

import os
import pickle
import subprocess
import sys
import types

import psutil
import testtools

from manila_backup.engine import child


def priorities(progress):
    """Runs in the child."""
    return os.nice(0), int(psutil.Process().ionice().ioclass)


#: As in the releases of Python that is_vulnerable() is about.
OLD = '''
from multiprocessing import connection, util
import tempfile
util.abstract_sockets_supported = True
def arbitrary_address(family):
    if util.abstract_sockets_supported:
        return "\\0listener-1-1"
    return tempfile.mktemp(prefix="listener-", dir=util.get_temp_dir())
connection.arbitrary_address = arbitrary_address
from multiprocessing import forkserver
from manila_backup.engine import child
child.prepare([])
print(ascii(forkserver._forkserver._forkserver_address))
'''


class ForkServer(testtools.TestCase):

    def test_nobody_else_can_connect(self):
        done = subprocess.run([sys.executable, '-c', OLD], timeout=60,
                              capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertTrue(done.stdout.startswith("'/"), done.stdout)

    def test_which_pythons(self):
        for version, is_so in (
                ((3, 10, 0), True), ((3, 10, 8, 'final', 0), True),
                ((3, 10, 9), False), ((3, 11, 0, 'final', 0), True),
                ((3, 11, 1), False), ((3, 12, 0), False)):
            self.assertEqual(is_so, child.is_vulnerable(version), version)


class Child(testtools.TestCase):

    def _run(self, **settings):
        running = child.Child(priorities, (), types.SimpleNamespace(
            **settings))
        running.progress.extend(60)
        running.start()
        while not running.wait(60):
            pass
        try:
            return running.result()
        finally:
            running.kill()

    def test_priorities(self):
        own = os.nice(0)
        nice, kind = self._run(nice=0, ionice_idle=False)
        self.assertEqual(own, nice)
        self.assertNotEqual(int(psutil.IOPRIO_CLASS_IDLE), kind)
        self.assertEqual((min(own + 7, 19), int(psutil.IOPRIO_CLASS_IDLE)),
                         self._run(nice=7, ionice_idle=True))

    def test_one_that_can_not_be_started(self):
        running = child.Child(lambda progress: None, (),
                              types.SimpleNamespace(nice=0,
                                                    ionice_idle=False))
        self.assertRaises((AttributeError, pickle.PicklingError),
                          running.start)
        running.kill()
