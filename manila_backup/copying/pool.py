# SPDX-License-Identifier: Apache-2.0
"""Processes that work through batches of one operation.

They are forked from the operation's own process, which has one thread, and
die with it. Batches stand in files that were open before the fork; what goes
through the pipe to them is only where to find the next one, so whoever is
free takes it, and the producer runs far ahead of the copying.
"""

import fcntl
import gc
import os
import pickle
import select
import signal
import struct
import sys
import termios
import traceback

from manila_backup import exception
from manila_backup.fs import syscalls

#: The exit status of a process that found the time of its lease over.
FENCED_EXIT = 75

_MESSAGE = struct.Struct('=QQQ')
_PIPE = 1 << 20
_TICK_MS = 200
_LOOK_EVERY = 64


def run(count, work, batches, progress):
    """Have processes work through batches.

    A process is only started when there is a batch that none of those before
    has taken yet.

    :param count: int, number of processes at most.
    :param work: called in each process with an iterator over the batches
        that are its to do, and its number, from 1; what it returns must be
        picklable.
    :param batches: iterable of tuples of three ints, consumed here.
    :param progress: each process counts in a slot of its own.
    :returns: list of what ``work`` returned, one per process that was
        started.
    :raises StorageFailed: the first that any of them raised; the others are
        dead then.
    """
    inbox, outbox = os.pipe()
    try:
        fcntl.fcntl(outbox, fcntl.F_SETPIPE_SZ, _PIPE)
    except OSError:
        pass    # a smaller one only makes the producer wait sooner
    pool = _Pool(progress)
    try:
        os.set_blocking(outbox, False)
        number = 0
        for batch in batches:
            if number < count and (not number or waiting(inbox)):
                number += 1
                pool.start(number, work, inbox, outbox)
                if number == count:
                    os.close(inbox)
                    inbox = None
            pool.send(outbox, batch)
        if inbox is not None:
            os.close(inbox)
            inbox = None
        os.close(outbox)
        outbox = None
        while pool.running:
            pool.wait()
        return pool.results
    finally:
        pool.kill()
        for fd in (inbox, outbox):
            if fd is not None:
                os.close(fd)


def waiting(inbox):
    """Tell whether there is a batch in the pipe."""
    count = bytearray(4)
    fcntl.ioctl(inbox, termios.FIONREAD, count)
    return int.from_bytes(count, sys.byteorder) > 0


class _Pool:
    def __init__(self, progress):
        self.progress = progress
        self.running = {}       # result pipe: process id
        self.results = []
        self._said = {}
        self._poll = select.poll()
        self._sent = 0

    def start(self, number, work, inbox, outbox):
        reader, writer = os.pipe()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            _child(parent, number, work, inbox, outbox, writer,
                   self.progress)
        os.close(writer)
        self.running[reader] = pid
        self._said[reader] = b''
        self._poll.register(reader, select.POLLIN)

    def send(self, outbox, batch):
        message = _MESSAGE.pack(*batch)
        while True:
            try:
                os.write(outbox, message)
                self._sent += 1
                if not self._sent % _LOOK_EVERY:
                    self.wait(0)
                return
            except BlockingIOError:
                self._poll.register(outbox, select.POLLOUT)
                self.wait()
                self._poll.unregister(outbox)
            except BrokenPipeError:
                # All of them ended: with an error, or they would not have.
                while self.running:
                    self.wait()
                raise exception.StorageFailed(
                    'The copying processes ended before their work was '
                    'done.') from None

    def wait(self, milliseconds=_TICK_MS):
        """Wait a moment for anything to happen."""
        self.progress.check()
        for fd, _ in self._poll.poll(milliseconds):
            if fd not in self.running:
                continue
            said = os.read(fd, 1 << 16)
            self._said[fd] += said
            if not said:
                self._ended(fd)

    def _ended(self, fd):
        pid = self.running.pop(fd)
        self._poll.unregister(fd)
        os.close(fd)
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) == FENCED_EXIT:
            os._exit(FENCED_EXIT)
        said = self._said.pop(fd)
        if status or not said:
            raise exception.StorageFailed(
                'A copying process ended unexpectedly (status '
                f'{os.waitstatus_to_exitcode(status)}).', retryable=True)
        good, result = pickle.loads(said)
        if not good:
            raise result
        self.results.append(result)

    def kill(self):
        for fd, pid in self.running.items():
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
            os.close(fd)
        self.running.clear()


def _child(parent, number, work, inbox, outbox, writer, progress):
    """The life of a process of the pool; does not return."""
    status = 1
    try:
        syscalls.die_with(parent)
        gc.freeze()
        os.close(outbox)
        progress.use_slot(number)
        try:
            answer = True, work(_take(inbox), number)
        except exception.StorageFailed as exc:
            answer = False, exc
        except Exception as exc:
            answer = False, exception.StorageFailed(
                'A copying process failed: '
                + ' '.join(traceback.format_exception(exc)[-3:]))
        _say(writer, pickle.dumps(answer))
        status = 0
    finally:
        os._exit(status)


def _say(fd, data):
    while data:
        data = data[os.write(fd, data):]


def _take(inbox):
    while True:
        message = os.read(inbox, _MESSAGE.size)
        if not message:
            return
        yield _MESSAGE.unpack(message)
