# SPDX-License-Identifier: Apache-2.0
"""A process of tests ends when its tests have, whatever they left behind.

Who runs the tests waits for their process, and then until nobody holds its
output any more: a thread that never ends, or a forgotten process, would have
it wait for ever, and nobody would learn of what. Here they are named and
ended. The tests' results are written by then, and stay as they are.
"""

import atexit
import faulthandler
import glob
import os
import stat
import sys
import threading
import time

import psutil

#: Seconds that the ends of threads and child processes may take.
PATIENCE = 60


def watch():
    """Have this process end in time, if it is one of stestr's."""
    spec = sys.modules['__main__'].__spec__
    if spec and spec.name.startswith('stestr.'):
        begin()


def begin():
    """Have this process end in time."""
    atexit.register(_end_holders)
    threading.Thread(target=_watch, name='leak-guard', daemon=True).start()


def _watch():
    # Daemon threads run on while the interpreter waits for the others, and
    # for its children, at its end.
    threading.main_thread().join()
    time.sleep(PATIENCE)
    end('This process of tests does not end:', 0)


def end(reason, status=1):
    """End this process at once, with whoever else holds its output, and show
    what its threads are at."""
    print(reason, file=sys.stderr)
    faulthandler.dump_traceback()
    _end_holders()
    os._exit(status)


def _end_holders():
    """Name who else holds this process's output, and kill them."""
    for pid in _holders():
        try:
            each = psutil.Process(pid)
            if not _ends_by_itself(each):
                print(f'Left by tests: {each.pid} {each.status()} '
                      f'{each.cmdline()}', file=sys.stderr)
                each.kill()
        except psutil.NoSuchProcess:
            continue


def _ends_by_itself(process):
    """Tell whether it is one of multiprocessing's own."""
    command = ' '.join(process.cmdline())
    return (process.ppid() == os.getpid()
            and process.status() != psutil.STATUS_STOPPED
            and ('resource_tracker' in command or 'forkserver' in command))


def _holders():
    """The pids of those that hold this one's output, if that is a pipe; its
    ancestors do so by right."""
    output = os.stat(sys.stdout.fileno())
    if not stat.S_ISFIFO(output.st_mode):
        return []
    rightful = {os.getpid(),
                *(each.pid for each in psutil.Process().parents())}
    found = set()
    for path in glob.glob('/proc/[0-9]*/fd/*'):
        try:
            if os.path.samestat(os.stat(path), output):
                found.add(int(path.split('/')[2]))
        except OSError:
            continue
    return sorted(found - rightful)
