# SPDX-License-Identifier: Apache-2.0
"""Damage to what a repository holds: it is found, whatever it is, and a
restore either gives back what was in the share or leaves it alone.

In short with every run of the functional tests, and at length by
``make fidelity``.
"""

import contextlib
import os
import stat
import subprocess

import hypothesis
from hypothesis import strategies as st

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.fs import syscalls
from tests.functional.drivers import faithful
from tests.functional.drivers import generated

_CHANGES = st.lists(st.tuples(
    st.sampled_from([what for what in generated.ACTIONS
                     if what != 'freeze']),
    st.integers(0, 80), st.integers(0, 80), st.integers(0, 1000)),
    min_size=1, max_size=2)


@contextlib.contextmanager
def _damaged(path, where, bits):
    """Change a byte of a file for as long as the context lasts. What was a
    hole is one again, since a restore gives back those of the repository.
    """
    found = os.stat(path)
    offset = where % found.st_size
    with open(path, 'r+b', buffering=0) as file:
        byte = os.pread(file.fileno(), 1, offset)[0]
        hole = os.lseek(file.fileno(), offset, os.SEEK_HOLE) == offset

        times = found.st_mtime_ns, found.st_mtime_ns
        os.pwrite(file.fileno(), bytes([byte ^ bits]), offset)
        os.utime(path, ns=times)
        try:
            yield
        finally:
            if hole:
                size = found.st_blksize
                syscalls.punch(file.fileno(), offset - offset % size, size)
            else:
                os.pwrite(file.fileno(), bytes([byte]), offset)
            os.utime(path, ns=times)


class Damage(case.Case):

    examples = 10
    settings = faithful.SETTINGS

    def setUp(self):
        super().setUp()
        trees.everything(self.source)
        # Of no more than its name would say here.
        os.unlink(os.path.join(self.source, 'holes only'))
        self.backup()
        self.before = trees.snapshot(self.source)
        self.stored = os.path.dirname(self.data(case.place()))
        trees.many(self.target, 2, 2)
        self.untouched = trees.snapshot(self.target)

    def run_examples(self, test, *strategies):
        hypothesis.settings(self.settings, max_examples=self.examples)(
            hypothesis.given(*strategies)(test))()

    def refused(self):
        """Tell whether a restore was refused; if not, all of what was in the
        share came."""
        try:
            self.restore()
        except base.DamagedBackup:
            self.assertSame(self.untouched, self.target)
            return True
        try:
            self.assertSame(self.before, self.target)
        finally:
            subprocess.run(['find', self.target, '-mindepth', '1', '-delete'],
                           check=True)
            trees.many(self.target, 2, 2)
            self.untouched = trees.snapshot(self.target)
        return False

    def test_any_byte(self):
        files = sorted(
            os.path.join(where, name)
            for where, _, names in os.walk(os.fsencode(self.stored))
            for name in names if stat.S_ISREG(os.lstat(os.path.join(
                where, name)).st_mode))
        files = [path for path in files if os.path.getsize(path)]

        def run(which, where, bits):
            path = files[which % len(files)]
            with _damaged(path, where, bits):
                self.assertTrue(self.verify(), path)
                self.assertEqual(not path.endswith(b'/metadata.json'),
                                 self.refused(), path)
            self.assertEqual([], self.verify(), path)

        # The manifest and the metadata as often as all of the others.
        last = len(files) - 1
        self.run_examples(
            run, st.one_of(st.integers(0, last), st.integers(last - 1, last)),
            st.integers(0, 1 << 24), st.integers(1, 255))
        self.assertFalse(self.refused())

    def test_any_change(self):
        good = os.path.join(self.scratch, 'good')
        os.rename(self.stored, good)

        def run(changes):
            subprocess.run(['rm', '-rf', self.stored], check=True)
            subprocess.run(['cp', '-a', good, self.stored], check=True)
            data = self.data(case.place())
            generated.Gardener(data).change(changes)
            found = self.verify()
            differs = trees.differences(self.before, trees.snapshot(data))
            self.assertEqual(bool(differs), bool(found), differs)
            self.refused()

        self.run_examples(run, _CHANGES)
