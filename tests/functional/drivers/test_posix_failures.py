# SPDX-License-Identifier: Apache-2.0
"""Failures of the posix driver: errors, attempts that still live, and missing
privileges."""

import os
import stat
import subprocess
from unittest import mock

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from manila_backup.drivers.posix import metadata
from manila_backup.drivers import progress
from manila_backup.fs import syscalls
from tests.functional.drivers import test_posix


class PosixFailuresTest(test_posix.OwnCase):

    def test_a_full_repository(self):
        trees.many(self.source, 4, 50, size=400_000)
        full = driver.PosixDriver(self.loop(16 << 20))
        full.check(create=True)
        # By the time that a file's error is seen, another process may have
        # stumbled over its list of them.
        with self.assertRaisesRegex(
                base.DriverError,
                '"(d.*|manifest)".*No space left') as caught:
            full.backup(case.place(), 1, self.source, {}, None,
                        progress.Progress())
        self.assertFalse(caught.exception.retryable)
        full.discard(case.place(), 1)
        self.assertEqual([], list(full.contents()))

    def test_a_full_share(self):
        trees.many(self.source, 4, 50, size=400_000)
        self.backup()
        full = self.loop(16 << 20)
        with self.assertRaisesRegex(base.DriverError, 'No space left'):
            self.restore(target=full)

    def test_attributes_that_do_not_fit(self):
        trees.write(os.path.join(self.source, 'f'), b'')
        large = os.urandom(3000)
        os.setxattr(os.path.join(self.source, 'f'), 'user.large', large)
        small = driver.PosixDriver(self.loop(16 << 20))
        small.check(create=True)
        path = os.path.join(self.source, 'f')
        try:
            os.setxattr(path, 'user.larger', os.urandom(900))
        except OSError:
            pass
        report = small.backup(case.place(), 1, self.source, {}, None,
                              progress.Progress())
        small.publish(case.place(), 1)
        self.assertEqual(1, report.problem_count, report)
        self.assertIn('user.large', report.problems[0])
        # The manifest has what the repository's filesystem can't hold.
        self.assertEqual([], small.verify(case.place(),
                                          progress.Progress()))
        small.restore(case.place(), 1, self.target,
                      progress.Progress())
        self.assertSame(self.source, self.target)

    def test_an_immutable_file(self):
        for root in (self.source, self.target):
            trees.write(os.path.join(root, 'fixed'), root.encode())
        self.backup()
        path = os.path.join(self.target, 'fixed')
        subprocess.run(['chattr', '+i', path], check=True)
        self.addCleanup(subprocess.run, ['chattr', '-i', path], check=True)
        trees.write(os.path.join(self.source, 'other'), b'')
        report = self.restore()
        self.assertEqual(1, report.problem_count, report)
        self.assertRegex(report.problems[0], '"fixed".*immutable')
        with open(path, 'rb') as one:
            self.assertEqual(self.target.encode(), one.read())

    # -- attempts that are not dead yet

    def test_a_later_attempt_takes_over(self):
        trees.many(self.source, 20, 40)
        process = case.Process(self.driver.backup, case.place(), 1,
                               self.source, {}, None)
        process.wait_for_files(500)
        process.kill()
        report = self.backup(attempt=2)
        self.assertEqual(820, report.files)
        size = sum(os.path.getsize(os.path.join(where, name))
                   for where, _, names in os.walk(self.source)
                   for name in names)
        self.assertEqual(size, report.bytes)
        self.assertLess(report.stored_bytes, size * 0.8)
        self.assertEqual([], self.verify())
        self.assertSame(self.source, self.data(case.place()))

    def test_what_changed_since_is_not_taken_over(self):
        trees.many(self.source, 3, 4)
        path = os.path.join(self.source, 'd1', 'f1')
        self.driver.backup(case.place(), 1, self.source, {}, None,
                           progress.Progress())
        st = os.stat(path)
        trees.write(path, b'!' * st.st_size, st.st_mtime_ns)
        os.unlink(os.path.join(self.source, 'd1', 'f2'))
        report = self.backup(attempt=2)
        self.assertEqual(st.st_size, report.stored_bytes)
        self.assertSame(self.source, self.data(case.place()))

    def test_after_a_power_cut_what_is_taken_over_is_read_again(self):
        trees.many(self.source, 3, 4)
        with (mock.patch.object(syscalls, 'boot_id', lambda: 'another'),
              mock.patch.object(metadata, 'write',
                                side_effect=base.DriverError('cut')),
              self.assertRaisesRegex(base.DriverError, 'cut')):
            self.driver.backup(case.place(), 2, self.source, {}, None,
                               progress.Progress())
        left = os.path.join(os.path.dirname(os.path.dirname(self.data(
            case.place()))),
            f'.partial.{case.place().backup_id}.2')
        path = os.path.join(left, 'data', 'd0', 'f0')
        st = os.stat(path)
        trees.write(path, bytes(st.st_size), st.st_mtime_ns)
        report = self.backup(attempt=3)
        self.assertEqual(st.st_size, report.stored_bytes)
        self.assertEqual([], self.verify())

    def test_an_attempt_taken_over_can_not_be_published(self):
        # Not even if its worker was frozen just before it would have been,
        # and whoever took it over died.
        trees.many(self.source, 20, 40)
        self.driver.backup(case.place(), 1, self.source, {}, None,
                           progress.Progress())
        process = case.Process(self.driver.backup, case.place(), 2,
                               self.source, {}, None)
        process.wait_for_files(200)
        process.kill()
        with self.assertRaises(base.DriverError):
            self.driver.publish(case.place(), 1)
        report = self.backup(attempt=3)
        self.assertLess(report.stored_bytes, report.bytes / 2)
        self.assertEqual([('published', None)], self.states())
        self.assertEqual([], self.verify())

    # -- without privileges

    def test_as_an_ordinary_user(self):
        mine = self.unprivileged()
        trees.many(self.source, 3, 4)
        for where, names, files in os.walk(self.source):
            for name in names + files:
                os.chown(os.path.join(where, name), 4711, 4711)
        os.chmod(os.path.join(self.source, 'd0', 'f0'), 0o400)
        os.chmod(os.path.join(self.source, 'd0'), 0o500)
        os.setxattr(os.path.join(self.source, 'd1', 'f0'), 'user.x', b'x')
        os.chmod(os.path.join(self.source, 'd1', 'f0'), 0o444)
        place = case.place()
        report = self.as_user(mine.backup, place, 1, self.source, {}, None)
        self.assertEqual((), report.problems)
        mine.publish(place, 1)
        self.assertEqual([], self.as_user(mine.verify, place))
        for _ in range(2):
            self.as_user(mine.restore, place, 1, self.target)
            self.assertSame(self.source, self.target)
            os.chmod(os.path.join(self.target, 'd0'), 0)
            trees.write(os.path.join(self.target, 'd2', 'f1'), b'')
        self.as_user(mine.delete, place)
        self.assertEqual([], list(mine.contents()))

    def test_what_an_ordinary_user_can_not_keep_is_told(self):
        mine = self.unprivileged()
        at = os.path.join(self.source, '')
        trees.write(at + 'owned', b'by root')
        os.chmod(at + 'owned', 0o4755)
        os.mknod(at + 'device', stat.S_IFBLK | 0o600, os.makedev(7, 9))
        os.link(at + 'device', at + 'same device')
        os.symlink('x', at + 'link')
        place = case.place()
        report = self.as_user(mine.backup, place, 1, self.source, {}, None)
        mine.publish(place, 1)
        said = ' '.join(report.problems)
        self.assertEqual(3, report.problem_count, said)
        for name in ('"owned"', '"device"', '"link"'):
            self.assertIn(name, said)
        self.assertEqual([], self.as_user(mine.verify, place))
        kept = os.stat(os.path.join(
            mine.path, 'project', 'share-1', place.backup_id, 'data/owned'))
        self.assertEqual(0o755, stat.S_IMODE(kept.st_mode))
        report = self.as_user(mine.restore, place, 1, self.target)
        self.assertIn('"owned"', ' '.join(report.problems))
        # Who has the privileges gets everything back.
        report = mine.restore(place, 1, self.target, progress.Progress())
        self.assertEqual((), report.problems)
        self.assertSame(self.source, self.target)

    def test_a_file_that_may_not_be_read(self):
        mine = self.unprivileged()
        trees.write(os.path.join(self.source, 'secret'), b'')
        os.chmod(os.path.join(self.source, 'secret'), 0o600)
        trees.write(os.path.join(self.source, 'open'), b'x')
        report = self.as_user(mine.backup, case.place(), 1, self.source,
                              {}, None)
        self.assertIn('"secret" is not in the backup: it could not be read '
                      '(Permission denied).', report.problems)
        self.assertEqual(1, report.files)
