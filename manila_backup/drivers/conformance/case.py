# SPDX-License-Identifier: Apache-2.0
"""Base class of the conformance tests, with a child process per operation."""

import contextlib
import multiprocessing
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest

from manila_backup.drivers import base
from manila_backup.drivers.conformance import limits
from manila_backup.drivers.conformance import trees
from manila_backup.drivers import progress

FORK = multiprocessing.get_context('fork')

#: Seconds to wait for what should be there in a moment.
_PATIENCE = 60


def place(number=1):
    """One of the places that tests store to."""
    return base.BackupReference('project', 'share-1',
                                f'00000000-0000-0000-0000-{number:012}')


class Process:
    """A driver's operation in a process that can be killed.

    Those that a test of :class:`Case` leaves, it ends.
    """

    _all = []

    def __init__(self, function, *args):
        self.progress = progress.Progress(context=FORK)
        self._reader, writer = FORK.Pipe(duplex=False)

        def run():
            os.setpgid(0, 0)
            try:
                said = function(*args, self.progress)
            except Exception as exc:
                said = exc
            writer.send(said)

        self._process = FORK.Process(target=run)
        self._process.start()
        self._all.append(self)
        writer.close()

    @classmethod
    def end_all(cls):
        """Kill what is left, and what that has started."""
        while cls._all:
            process = cls._all.pop()._process
            if process.is_alive():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.kill()
            process.join()

    def kill(self):
        """As a worker does: only the operation's own process."""
        self._process.kill()
        self._process.join()

    def signal(self, number):
        """Send a signal to it and to the processes that it started."""
        os.killpg(self._process.pid, number)

    def result(self):
        """Return the result of the operation; raises :exc:`EOFError` if it
        died.
        """
        said = self._reader.recv()
        self._process.join()
        if isinstance(said, Exception):
            raise said
        return said

    @property
    def exitcode(self):
        self._process.join()
        return self._process.exitcode

    def wait_for_files(self, count, seconds=20):
        """Wait until so many files are done, or it has ended."""
        self._wait_for(0, count, seconds)

    def wait_for_bytes(self, count, seconds=20):
        """Wait until a number of bytes is reported."""
        self._wait_for(1, count, seconds)

    def _wait_for(self, which, count, seconds):
        end = time.monotonic() + seconds
        while (self.progress.read()[which] < count
               and self._process.is_alive() and time.monotonic() < end):
            time.sleep(0.0005)

    def left(self):
        """The processes that it started and that are still there."""
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        return any(_group(pid) == self._process.pid
                   for pid in os.listdir('/proc') if pid.isdigit())


def _group(pid):
    """A process's group; None if it is gone, or only waits for its parent
    to take notice."""
    try:
        with open(f'/proc/{pid}/stat') as file:
            state, _, group = file.read().rpartition(')')[2].split()[:3]
    except OSError:
        return None
    return None if state in 'ZX' else int(group)


class Case(unittest.TestCase):
    """Directories for one test, and short forms of the operations.

    :cvar LACKS: frozenset of :class:`.limits.Limit`: what the driver can't
        keep.
    :cvar DEPTH: int, how many directories within one another there are to
        be at the most; less than usual only for what gets too slow.
    :ivar counted: the :class:`~manila_backup.drivers.progress.Progress` of
        the last backup or restore.
    :ivar scratch: str, a directory that goes with the test. The driver's
        repository and whatever else it has may be in there.
    :ivar repository: str, the local directory that the driver keeps backups
        in, set by :meth:`make_driver`; None if there is none.
    """

    #: The names that the driver has to be made to ignore.
    IGNORED = ('lost+found',)

    LACKS = frozenset()
    DEPTH = 1000
    repository = None

    def make_driver(self):
        """The driver, with an empty repository that is the test's own."""
        raise NotImplementedError

    def setUp(self):
        super().setUp()
        umask = os.umask(0o022)
        self.addCleanup(os.umask, umask)
        self.scratch = tempfile.mkdtemp()
        # shutil.rmtree() is recursive, and some trees are deep.
        self.addCleanup(subprocess.run, ['rm', '-rf', self.scratch],
                        check=True)
        # Or whoever runs the tests would wait for one that stands still.
        self.addCleanup(Process.end_all)
        self.source = self.make('source')
        self.target = self.make('target')
        self.driver = self.make_driver()
        self.driver.check(create=True)

    def make(self, name):
        path = os.path.join(self.scratch, name)
        os.mkdir(path)
        return path

    def loop(self, size, kind='ext4', make=(), options='rw'):
        """Mount a filesystem of so many bytes; its path."""
        path = tempfile.mkdtemp(dir=self.scratch)
        image = path + '.image'
        with open(image, 'wb') as target:
            target.truncate(size)
        done = subprocess.run(
            [f'mkfs.{kind}', '-q', *make, image], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(0, done.returncode, done.stdout)
        subprocess.run(['mount', '-o', f'loop,{options}', image, path],
                       check=True)
        self.addCleanup(subprocess.run, ['umount', path], check=True)
        return path

    def get_ready(self, to):
        """Prepare the driver for a backup, as a worker does."""
        self.driver.prepare(to, contextlib.nullcontext, make=True)

    def backup(self, to=None, attempt=1, options=None, source=None,
               record=None, still=True):
        to = to or place()
        counted = self.counted = progress.Progress()
        self.get_ready(to)
        report = self.driver.backup(to, attempt, source or self.source,
                                    options or {}, record, counted)
        self.driver.publish(to, attempt)
        if still:
            done, size, files, total = counted.read()
            self.assertEqual((files, total), (done, size))
        return report

    def prepare(self, to, attempt):
        """A backup that is complete and not published."""
        self.get_ready(to)
        return self.driver.backup(to, attempt, self.source, {}, None,
                                  progress.Progress())

    def restore(self, of=None, attempt=1, target=None):
        counted = self.counted = progress.Progress()
        report = self.driver.restore(of or place(), attempt,
                                     target or self.target, counted)
        self.assertIn(counted.has_changed(), (True, self.driver.TELLS_CHANGES))
        return report

    def delete(self, what=None):
        self.driver.delete(what or place(), progress.Progress())

    def verify(self, what=None):
        return self.driver.verify(what or place(), progress.Progress())

    def everything(self):
        """Fill the source with one of each thing that there is."""
        trees.everything(
            self.source, limits.Limit.HOLES not in self.LACKS)

    def assertSame(self, one, other, ignore=()):
        """Assert that two trees are equal except for the driver's limits.

        :param one: str, a directory, or what :func:`.trees.snapshot` made.
        """
        said = trees.differences(*(
            limits.without(each if isinstance(each, dict)
                           else trees.snapshot(each, ignore), self.LACKS)
            for each in (one, other)))
        if said:
            self.fail(said)

    def assertStored(self, expected, what=None):
        """Assert that a published backup holds a tree."""
        self.assertEqual([], self.verify(what))
        path = tempfile.mkdtemp(dir=self.scratch)
        self.restore(what, target=path)
        self.assertSame(expected, path)
        subprocess.run(['rm', '-rf', path], check=True)

    def assertTold(self, share, report):
        """Assert that a backup reports exactly the entries of a share that the
        driver can't store.

        :param share: what :func:`.trees.snapshot` made of it.
        """
        expected = limits.affected(share, self.LACKS)
        self.assertEqual(len(report.problems), report.problem_count)
        self._assertWarned(report)
        # How names are written that can't be is not everybody's way.
        plain = [[f'"{name.decode()}"' for name in names]
                 for names in expected
                 if all(re.fullmatch(rb'[\w/ -]+', name) for name in names)]
        for names in plain:
            self.assertTrue(any(name in text for name in names
                                for text in report.problems),
                            (names, report.problems))
        if len(plain) < len(expected):
            return
        for text in report.problems:
            self.assertTrue(any(name in text for names in plain
                                for name in names), text)

    def _assertWarned(self, report, what=None):
        """Assert that a published backup has a warning for each problem."""
        page = self.driver.warnings(what or place(), 0, 1000)
        if page is None:
            return
        self.assertTrue(page.complete)
        self.assertEqual(report.problem_count, len(page.warnings),
                         (report.problems, page.warnings))
        for number in range(len(page.warnings) + 1):
            again = self.driver.warnings(what or place(), number, 1)
            self.assertEqual(page.warnings[number:number + 1],
                             again.warnings)

    def eventually(self, check):
        end = time.monotonic() + _PATIENCE
        while not check():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)

    def states(self):
        """List the repository's items, as (state, attempt)."""
        return sorted(((stored.state.value, stored.attempt)
                       for stored in self.driver.contents()), key=str)
