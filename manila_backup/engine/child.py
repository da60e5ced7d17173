# SPDX-License-Identifier: Apache-2.0
"""Child processes: all work on shares and repositories is done in them.

A child is forked from a small server process that has no threads, so it starts
in milliseconds; it can be killed at any moment without harm to the worker, and
never outlives it: the kernel ends it when the worker's end of its pipe closes,
however the worker died.

That server loads this module, and each child has what it loads: it imports
little on purpose.
"""

import dataclasses
import fcntl
import logging
import multiprocessing
from multiprocessing import connection
from multiprocessing import forkserver
from multiprocessing import util
import os
import select
import signal
import sys
import traceback

from manila_backup.copying import warnings
from manila_backup.drivers import progress as shared_progress
from manila_backup import exception
from manila_backup.fs import handles
from manila_backup.fs import mountpoints
from manila_backup.path_restore import survey
from manila_backup.path_restore import workplace
from manila_backup import states
from manila_backup import status_codes
from manila_backup import warning_codes
from manila_backup import wording

LOG = logging.getLogger(__name__)

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
    """Start the process that children are forked from.

    :param plugins: the drivers and the share source: their modules are
        loaded once there, rather than in every child.
    """
    if is_vulnerable():
        LOG.warning('%s', VULNERABLE)
    _CONTEXT.set_forkserver_preload([
        __name__,
        *sorted({type(each).__module__ for each in plugins})])
    forkserver.ensure_running()


class ChildDied(Exception):
    """A child ended without saying what became of its work."""


class Child:
    """One call of a function, in a process of its own.

    :param function: a picklable callable, usually a driver's method. It is
        called with ``args`` and then the child's :class:`Progress`.
    :param settings: the configuration's group ``[backup]``, for the
        process's priorities.
    :ivar progress: the :class:`~manila_backup.drivers.progress.Progress`
        shared with it. Nothing is written before it is extended once.
    """

    def __init__(self, function, args, settings):
        self.progress = shared_progress.Progress(context=_CONTEXT)
        self._call = (function, args, settings.nice, settings.ionice_idle)
        self._process = None
        self._result = None

    def start(self):
        """Start the process."""
        self._result, theirs = _CONTEXT.Pipe(duplex=False)
        process = _CONTEXT.Process(
            target=main, args=(theirs, self.progress, *self._call))
        with theirs:
            process.start()
        self._process = process

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
        :raises ChildDied: the process was killed, or failed in a way that
            no driver should.
        """
        try:
            kind, value = self._result.recv()
        except EOFError:
            self._process.join()
            raise ChildDied(
                _how_it_ended(self._process.exitcode)) from None
        if kind == 'returned':
            return value
        if kind == 'raised':
            raise value
        LOG.error('The copying process failed:\n%s', value)
        raise ChildDied('the copying process failed: '
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
    if code == shared_progress.FENCED_EXIT:
        return 'the copying process ended since its lease expired'
    if code < 0:
        return ('the copying process was killed by '
                + signal.Signals(-code).name)
    return f'the copying process exited with status {code}'


# -- inside a child -------------------------------------------------------

def main(result, progress, function, args, nice, idle_io):
    """Call ``function(*args, progress)`` and send what becomes of it: all that
    a child does.

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


def back_up(driver, source, share, job, place, options, record, progress):
    """Copy a share into a repository, from a snapshot if there can be one.

    :param share: a :class:`~manila_backup.shares.base.ShareRef`.
    :param job: a :class:`~manila_backup.shares.base.Job`.
    :param record: dict; what is kept also tells what was copied from.
    :returns: the driver's report. What should have been a snapshot and could
        not be is a problem, and so is what only the share shows as left out.
    """
    driver.include_mounts = share.include_mounts
    with source.use(share, job, progress) as view:
        driver.lineage = None if view.left_out else view.lineage
        record = {**record, 'copied_from': view.kind}
        if view.reason or view.left_out:
            record[warnings.RECORDED] = [*_notes(view)]
        report = driver.backup(place, job.attempt, view.path, options, record,
                               progress)
    said = (*([view.reason] if view.reason else ()),
            *map(mountpoints.left_out, view.left_out))
    return dataclasses.replace(
        report, problems=(*said, *report.problems),
        problem_count=report.problem_count + len(said),
        point_in_time=states.PointInTime.of(report.record or record,
                                            driver.WHOLE_FILES))


def _notes(view):
    """Yield the notes of what a driver can't see to be lacking."""
    code = warning_codes.WarningCode
    if view.reason:
        yield warnings.note(b'.', code.NO_SNAPSHOT)
    for path in view.left_out:
        yield warnings.note(path, code.PARTIAL)


def restore(driver, source, share, job, place, progress):
    """Make a share equal to a backup.

    :returns: the driver's report.
    :raises WorkFailed: all was done that could be, and the share still lacks
        something that is in the backup.
    """
    driver.include_mounts = share.include_mounts
    with source.use(share, job, progress) as view:
        if not driver.TELLS_CHANGES:
            progress.changes()
        report = driver.restore(place, job.attempt, view.path, progress)
    if report.missing:
        raise exception.WorkFailed('\n'.join((
            f'Not all of the backup could be restored: '
            f'{wording.entries(report.missing)} of it '
            f'{"is" if report.missing == 1 else "are"} missing in the '
            f'share, or wrong. All the rest was restored.',
            *report.problems)),
            code=status_codes.StatusCode.NOT_ALL_RESTORED)
    return report


def restore_paths(driver, source, share, job, place, chosen, folder,
                  progress):
    """Restore chosen entries of a backup to a share.

    :param chosen: a
        :class:`~manila_backup.path_restore.selection.Selection`.
    :param folder: str, a directory for indexes.
    :returns: the driver's report.
    :raises WorkFailed: all was done that could be, and not all was restored.
    """
    driver.include_mounts = share.include_mounts
    with source.use(share, job, progress) as view:
        report = driver.restore_paths(place, job.attempt, view.path, chosen,
                                      folder, progress)
    if report.missing:
        done = ', '.join(f'{count} {what}'
                         for what, count in (report.restored or {}).items())
        raise exception.WorkFailed('\n'.join((
            f'{report.missing} of {wording.entries(report.files)} could not '
            f'be restored. The others were: {done}.', *report.problems)),
            code=(status_codes.StatusCode.DAMAGED if report.damages
                  else status_codes.StatusCode.NOT_ALL_RESTORED))
    return report


def preview_restore(driver, source, share, job, place, chosen, folder, whole,
                    progress):
    """Tell what a restore would do to a share, which is only looked at.

    :param chosen: as for :func:`restore_paths`.
    :param whole: bool, whether a restore of all is meant, which removes what
        the backup does not have.
    :returns: dict, as of
        :func:`manila_backup.path_restore.survey.preview`.
    :raises WorkFailed: it can't be told.
    """
    try:
        with (driver.making_index_anew(place, folder),
              driver.open_index(place, folder) as index,
              source.use(share, job, progress) as view):
            return survey.preview(index, view.path, chosen, driver,
                                  share.include_mounts, whole,
                                  progress.check)
    except NotImplementedError as exc:
        raise exception.WorkFailed(
            'What a restore of a backup of this driver would do can\'t be '
            'shown beforehand.') from exc


def clean_share(source, share, job, chosen, progress):
    """Remove from a share what killed processes of :func:`restore_paths` have
    left in it.
    """
    with source.use(share, job, progress) as view:
        root = os.open(view.path, handles.DIRECTORY & ~os.O_NOFOLLOW)
        try:
            workplace.clean(root, chosen.workplace, progress.check)
        finally:
            os.close(root)
