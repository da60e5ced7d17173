# SPDX-License-Identifier: Apache-2.0
"""A file system that ignores case, to test on: see ``casefs.c``."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
import time

_PATIENCE = 60


@functools.cache
def _program():
    """Path of the compiled program; it goes with this process."""
    path = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    program = os.path.join(path, 'casefs')
    done = subprocess.run(
        ['gcc', '-O1', '-D_FILE_OFFSET_BITS=64', '-I/usr/include/fuse3',
         '-o', program, os.path.join(os.path.dirname(__file__), 'casefs.c'),
         '-lfuse3'], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    if done.returncode:
        raise AssertionError(done.stdout)
    return program


def mount(test, *options):
    """Mount one for as long as a test goes on.

    :param test: a :class:`~manila_backup.drivers.conformance.case.Case`.
    :param options: str, of the program.
    :returns: str, the path of its root, an empty directory.
    """
    backing, path = (tempfile.mkdtemp(dir=test.scratch) for _ in range(2))
    process = subprocess.Popen([_program(), backing, path, *options])
    test.addCleanup(process.wait)
    test.addCleanup(process.terminate)
    end = time.monotonic() + _PATIENCE
    while not os.path.ismount(path):
        test.assertIsNone(process.poll())
        test.assertLess(time.monotonic(), end)
        time.sleep(0.02)
    test.addCleanup(subprocess.run, ['umount', path], check=True)
    os.chmod(path, 0o755)
    return path
