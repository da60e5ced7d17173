# SPDX-License-Identifier: Apache-2.0
"""Lanes that work through batches of one operation.

A lane is a thread. There are as many processes as there are processors, since
one computes at a time in each; further lanes are for calls that wait, and are
threads in these, which start in no time and take little memory. The processes
are forked from the operation's own, which has one thread, and die with it.
Batches stand in files that were open before the fork; what goes through the
pipe to them is only where to find the next one, so whoever is free takes it,
and the producer runs far ahead of the copying.
"""

import contextlib
import fcntl
import gc
import mmap
import os
import pickle
import select
import signal
import struct
import sys
import termios
import threading
import time
import traceback

from manila_backup.copying import growth
from manila_backup.copying import restraint
from manila_backup import exception
from manila_backup.fs import syscalls

#: The exit status of a process that found the time of its lease over.
FENCED_EXIT = 75

_MESSAGE = struct.Struct('=QQQ')
_PIPE = 1 << 20
_TICK_MS = 200
# Between two looks whether more processes are of use.
_GROWING_MS = 2
# Between two looks how many may work, and the pauses of one that may not.
_LOOKING_MS = 50
_PAUSE_S = 0.1
_LOOK_EVERY = 64
# Batches held at most.
_WINDOW = 1024


def run(count, work, batches, progress, share=None, threads=True,
        spread=False):
    """Have lanes work through batches.

    A lane is only started when there is a batch that none of those before has
    taken yet, and another one is of use: see :mod:`.growth`. Some of them
    take no more batches while the share answers slowly: see
    :mod:`.restraint`.

    :param count: int, number of lanes at most.
    :param work: called in each lane with an iterator over the batches that
        are its to do, and its number, from 1; what it returns must be
        picklable. What it uses besides, the lanes of one process share.
    :param batches: iterable of tuples of three ints, consumed here.
    :param progress: each lane counts in a slot of its own.
    :param share: int, descriptor of a directory of the share whose users are
        not to wait for them; None: there are none.
    :param threads: bool; False: each lane is a process, since they may not
        share what they use.
    :param spread: bool, whether batches that follow one another may be put
        apart: only one lane at a time can make an entry in a directory, so
        where that takes long, the others would wait for each.
    :returns: list of what ``work`` returned, one per lane that was started.
    :raises StorageFailed: the first that any of them raised; the others are
        dead then.
    """
    inbox, outbox = os.pipe()
    try:
        fcntl.fcntl(outbox, fcntl.F_SETPIPE_SZ, _PIPE)
    except OSError:
        pass    # a smaller one only makes the producer wait sooner
    pool = _Pool(progress, count, growth.processors() if threads else count,
                 work, inbox, outbox, share)
    try:
        for batch in batches:
            pool.grow()
            if spread:
                pool.hold(batch)
            else:
                pool.send(batch)
        pool.finish()
        return pool.results
    finally:
        pool.kill()


def waiting(inbox):
    """Tell whether there is a batch in the pipe, of which either end will
    do."""
    count = bytearray(4)
    fcntl.ioctl(inbox, termios.FIONREAD, count)
    return int.from_bytes(count, sys.byteorder) > 0


class _Pool:
    """The processes, and the pipe to them.

    :param count: int, lanes at most.
    :param processes: int, of which each process has one at least.
    :ivar results: list of what the lanes of those that have ended returned.
    """

    def __init__(self, progress, count, processes, work, inbox, outbox,
                 share):
        self.progress = progress
        self.results = []
        self._count = count
        self._processes = processes
        self._work = work
        self._inbox = inbox     # None: no more are started
        self._outbox = outbox
        self._running = {}      # result pipe: process id
        self._said = {}
        self._calls = []        # for more lanes: a pipe to each process
        self._started = 0
        self._growth = growth.Growth(count)
        self._restraint = restraint.Restraint(
            count, None if share is None else lambda: syscalls.ask(share))
        # The number of the last lane that may work, for all to see.
        self._allowed = mmap.mmap(-1, 1)
        self._allowed[0] = count
        self._poll = select.poll()
        self._sent = 0
        self._held = []
        os.set_blocking(outbox, False)

    def grow(self):
        """Start as many more as are of use, and have as many work as may."""
        self._restraint.look(self._started)
        self._allowed[0] = self._restraint.lanes
        if self._inbox is None:
            return
        more = 1
        if self._started:
            more = self._growth.more() if waiting(self._inbox) else 0
        for _ in range(min(more, self._restraint.lanes - self._started)):
            self._start()
        if self._started == self._count:
            self._close_inbox()

    def _close_inbox(self):
        if self._inbox is None:
            return
        os.close(self._inbox)
        self._inbox = None
        for fd in self._calls:
            os.close(fd)
        self._calls.clear()

    def _start(self):
        """Start a lane."""
        self._started += 1
        self.progress.use_lanes(self._started)
        if self._started > self._processes:
            fd = self._calls[self._started % len(self._calls)]
            # Whose process has ended is told by its result.
            with contextlib.suppress(BrokenPipeError):
                os.write(fd, bytes([self._started]))
            self._growth.add()
            return
        reader, writer = os.pipe()
        called, calls = os.pipe()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            for fd in (calls, *self._calls, self._outbox):
                if fd is not None:
                    os.close(fd)
            _Process(self._work, self._inbox, writer, self.progress,
                     self._allowed).run(parent, self._started, called)
        os.close(writer)
        os.close(called)
        self._calls.append(calls)
        self._growth.add(pid)
        self._running[reader] = pid
        self._said[reader] = b''
        self._poll.register(reader, select.POLLIN)

    def hold(self, batch):
        """Have one of them work through a batch, among others: it is kept
        back until there are many, or a lane has nothing to do."""
        self._held.append(batch)
        if len(self._held) == _WINDOW or not waiting(self._outbox):
            self._send_held()

    def _send_held(self):
        """Send what was held, so that as many as there are lanes come from all
        over it."""
        stride = -(-len(self._held) // self._count)
        for first in range(stride):
            for batch in self._held[first::stride]:
                self.send(batch)
        self._held.clear()

    def send(self, batch):
        """Have one of them work through a batch."""
        message = _MESSAGE.pack(*batch)
        while True:
            try:
                os.write(self._outbox, message)
                self._sent += 1
                if not self._sent % _LOOK_EVERY:
                    self._wait(0)
                return
            except BlockingIOError:
                self._poll.register(self._outbox, select.POLLOUT)
                self._wait(self._tick())
                self._poll.unregister(self._outbox)
                self.grow()
            except BrokenPipeError:
                # All of them ended: with an error, or they would not have.
                while self._running:
                    self._wait(_TICK_MS)
                raise exception.StorageFailed(
                    'The copying processes ended before their work was '
                    'done.') from None

    def finish(self):
        """Wait until everything is done. Still, more of them may be."""
        self._send_held()
        os.close(self._outbox)
        self._outbox = None
        while self._running:
            if self._inbox is not None and not waiting(self._inbox):
                self._close_inbox()
            self.grow()
            self._wait(self._tick())

    def _tick(self):
        if self._inbox is not None:
            return _GROWING_MS
        return _LOOKING_MS if self._started > restraint.FEWEST else _TICK_MS

    def _wait(self, milliseconds):
        """Wait a moment for anything to happen."""
        self.progress.check()
        for fd, _ in self._poll.poll(milliseconds):
            if fd not in self._running:
                continue
            said = os.read(fd, 1 << 16)
            self._said[fd] += said
            if not said:
                self._ended(fd)

    def _ended(self, fd):
        pid = self._running.pop(fd)
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
        self.results.extend(result)

    def kill(self):
        """End those that are left, and all that is open."""
        for fd, pid in self._running.items():
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
            os.close(fd)
        self._running.clear()
        self._growth.close()
        self._close_inbox()
        if self._outbox is not None:
            os.close(self._outbox)


class _Process:
    """A process of the pool.

    :param writer: int, of the pipe for what becomes of its work.
    :param allowed: shared memory with the number of the last lane that may
        work.
    """

    def __init__(self, work, inbox, writer, progress, allowed):
        self._work = work
        self._inbox = inbox
        self._writer = writer
        self._progress = progress
        self._allowed = allowed
        self._results = []
        self._failing = threading.Lock()

    def run(self, parent, number, called):
        """Its life; does not return.

        :param parent: int, the id of the process that it dies with.
        :param number: int, of its first lane.
        :param called: int, the pipe with those of further ones.
        """
        try:
            syscalls.die_with(parent)
            gc.freeze()
            lanes = []
            while True:
                lanes.append(threading.Thread(
                    target=self._lane, args=(number,)))
                lanes[-1].start()
                more = os.read(called, 1)
                if not more:
                    break
                number = more[0]
            for lane in lanes:
                lane.join()
            self._end(True, self._results)
        finally:
            os._exit(1)

    def _lane(self, number):
        try:
            self._progress.use_slot(number)
            self._results.append(self._work(
                _take(self._inbox, number, self._allowed), number))
        except exception.StorageFailed as exc:
            self._end(False, exc)
        except BaseException as exc:
            self._end(False, exception.StorageFailed(
                'A copying process failed: '
                + ' '.join(traceback.format_exception(exc)[-3:])))

    def _end(self, good, result):
        """Say what became of its work, and end it."""
        # Only the first of those that fail.
        self._failing.acquire()
        try:
            _say(self._writer, pickle.dumps((good, result)))
            os._exit(0)
        finally:
            os._exit(1)


def _say(fd, data):
    while data:
        data = data[os.write(fd, data):]


def _take(inbox, number, allowed):
    """Yield batches for a lane, while it may work."""
    while True:
        while number > allowed[0] and not _is_over(inbox):
            time.sleep(_PAUSE_S)
        message = os.read(inbox, _MESSAGE.size)
        if not message:
            return
        yield _MESSAGE.unpack(message)


def _is_over(inbox):
    """Tell whether no batch will ever come any more."""
    poll = select.poll()
    poll.register(inbox, 0)
    return bool(poll.poll(0)) and not waiting(inbox)
