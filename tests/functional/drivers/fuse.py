# SPDX-License-Identifier: Apache-2.0
"""FUSE file systems to test on, compiled from the C sources beside this."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
import time

_PATIENCE = 60


@functools.cache
def program(source, *flags):
    """Compile a program; it goes with this process.

    :param source: str, path of the C source.
    :returns: str, the program's path.
    """
    path = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    compiled = os.path.join(path, os.path.basename(source).removesuffix('.c'))
    done = subprocess.run(['gcc', '-O2', '-o', compiled, source, *flags],
                          text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        raise AssertionError(done.stdout)
    return compiled


def mount(cleanups, path, source, *arguments):
    """Mount one.

    :param cleanups: called with functions and arguments for when it is not
        needed any more, the last one first.
    :param path: str, the mount point.
    :param source: str, name of the C source beside this file.
    """
    process = subprocess.Popen([
        program(os.path.join(os.path.dirname(__file__), source),
                '-D_FILE_OFFSET_BITS=64', '-I/usr/include/fuse3', '-lfuse3',
                '-lpthread'), *arguments])
    cleanups(process.wait)
    cleanups(process.terminate)
    end = time.monotonic() + _PATIENCE
    while not os.path.ismount(path):
        if process.poll() is not None or time.monotonic() > end:
            raise AssertionError(f'{source} is not mounted')
        time.sleep(0.02)
    cleanups(functools.partial(subprocess.run, check=True), ['umount', path])
