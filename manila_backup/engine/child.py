# SPDX-License-Identifier: Apache-2.0
"""Copying in operating system processes of its own.

A copier is forked from a small server process that has no threads and has
imported little, so it starts in milliseconds; it can be killed at any moment
without harm to the worker, and never outlives it: the kernel ends it when the
worker's end of its pipe closes, however the worker died.
"""

import multiprocessing
from multiprocessing import connection
from multiprocessing import forkserver
from multiprocessing import util
import signal
import sys

from oslo_log import log

from manila_backup.drivers import progress
from manila_backup.engine import child_main

LOG = log.getLogger(__name__)

#: What is to be said where :func:`is_vulnerable`.
VULNERABLE = (
    f'Python {sys.version.split()[0]} lets every user of the host run code as '
    f'whoever uses its fork server (CVE-2022-42919). This service keeps to a '
    f'socket that others can\'t reach; other programs on this Python do not. '
    f'Use 3.10.9, 3.11.1 or newer.')

_CONTEXT = multiprocessing.get_context('forkserver')


# CPython 3.10.0 to 3.10.8 and 3.11.0 have the server listen on an abstract
# socket, which has no permissions: every user of the host can have it unpickle
# whatever they like (CVE-2022-42919). This makes it one in a directory that is
# this user's own. It changes nothing where that is so anyway.
util.abstract_sockets_supported = False


def is_vulnerable(version=sys.version_info):
    """Tell whether this release of Python lets other users connect to the fork
    server.

    :param version: (major, minor, micro, ...).
    """
    return (3, 10, 0) <= version[:3] <= (3, 10, 8) or version[:3] == (3, 11, 0)


def prepare(plugins):
    """Start the process that copiers are forked from.

    :param plugins: the drivers and the share source: their modules are
        loaded once there, rather than in every copier.
    """
    if is_vulnerable():
        LOG.warning('%s', VULNERABLE)
    _CONTEXT.set_forkserver_preload([
        'manila_backup.engine.child_main',
        'manila_backup.engine.child_work',
        *sorted({type(each).__module__ for each in plugins})])
    forkserver.ensure_running()


class CopierDied(Exception):
    """The process ended without saying what became of its work."""


class Copier:
    """One call of a function, in a process of its own.

    :param function: a picklable callable, usually a driver's method. It is
        called with ``args`` and then the copier's :class:`Progress`.
    :param settings: the configuration's group ``[backup]``, for the
        process's priorities.
    :ivar progress: the :class:`~manila_backup.drivers.progress.Progress`
        shared with it. Nothing is written before it is extended once.
    """

    def __init__(self, function, args, settings):
        self.progress = progress.Progress(context=_CONTEXT)
        self._call = (function, args, settings.nice, settings.ionice_idle)
        self._process = None
        self._result = None

    def start(self):
        """Start the process."""
        self._result, theirs = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(
            target=child_main.main, args=(theirs, self.progress, *self._call))
        self._process.start()
        theirs.close()

    def wait(self, timeout, wakeup=()):
        """Wait for the end.

        :param timeout: float, seconds.
        :param wakeup: more things with a file number whose readability ends
            the wait.
        :returns: True if the process has ended or sent its result.
        """
        ready = connection.wait(
            [self._result, self._process.sentinel, *wakeup], timeout)
        return self._result in ready or self._process.sentinel in ready

    def result(self):
        """Return the function's result.

        :raises manila_backup.exception.WorkFailed: what it raised.
        :raises CopierDied: the process was killed, or failed in a way that
            no driver should.
        """
        try:
            kind, value = self._result.recv()
        except EOFError:
            self._process.join()
            raise CopierDied(
                _how_it_ended(self._process.exitcode)) from None
        if kind == 'returned':
            return value
        if kind == 'raised':
            raise value
        LOG.error('The copying process failed:\n%s', value)
        raise CopierDied('the copying process failed: '
                         + value.strip().splitlines()[-1])

    def kill(self):
        """End the process and all it forked, and wait until it is gone.
        Harmless once it has ended."""
        if self._process is None:
            return
        self._process.kill()
        self._process.join()
        self._result.close()


def _how_it_ended(code):
    if code == progress.FENCED_EXIT:
        return 'the copying process found its lease run out'
    if code < 0:
        return ('the copying process was killed by '
                + signal.Signals(-code).name)
    return f'the copying process exited with status {code}'
