# SPDX-License-Identifier: Apache-2.0
"""Main function of a child process. Imports little on purpose: it is loaded
once into the process that all child processes are forked from."""

import fcntl
import multiprocessing
import os
import select
import signal
import traceback

from manila_backup import exception


def main(result, progress, function, args, nice, idle_io):
    """Call ``function(*args, progress)`` and send what becomes of it.

    :param result: a multiprocessing connection to send to: ('returned',
        value), ('raised', WorkFailed) or ('failed', traceback as str).
    """
    _end_with_the_worker()
    # Leaving is the worker's to tell, by SIGKILL: a terminal's Ctrl-C or a
    # service manager's SIGTERM to the whole group must not look like a
    # failed copy.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if nice:
        os.nice(nice)
    if idle_io:
        import psutil

        psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
    try:
        answer = 'returned', function(*args, progress)
    except exception.WorkFailed as exc:
        answer = 'raised', exc
    except Exception:
        answer = 'failed', traceback.format_exc()
    progress.check()
    result.send(answer)


def _end_with_the_worker():
    """Have the kernel end this process (SIGIO, not caught) when the worker
    closes its end of the pipe that multiprocessing keeps for the purpose."""
    sentinel = multiprocessing.parent_process().sentinel
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(sentinel, fcntl.F_GETFL)
    fcntl.fcntl(sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([sentinel], [], [], 0)[0]:     # gone before we asked
        os._exit(1)
