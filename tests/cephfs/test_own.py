# SPDX-License-Identifier: Apache-2.0
"""Peculiarities of CephFS: virtual attributes, quotas, layouts, snapshots."""

import contextlib
import errno
import os
import shutil
import signal
import stat
import tempfile

from manila_backup.drivers import base as drivers
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import path_case
from manila_backup.drivers.conformance import trees
from manila_backup.path_restore import selection
from manila_backup import status_codes
from tests.cephfs import base
from tests.cephfs import test_drivers
from tests.functional.drivers import test_reserved

_QUOTA, _POOL = 'ceph.quota.max_bytes', 'ceph.dir.layout.pool'


class Own(test_drivers.PosixMixin, case.Case):
    """Everything on CephFS."""

    def at(self, *names):
        return os.path.join(self.source, *names)


class AttributesTest(Own):

    def test_virtual_ones_are_no_part_of_a_backup(self):
        trees.many(self.source, 2, 3)
        os.setxattr(self.at('d0'), _QUOTA, b'100000000')
        os.setxattr(self.at('d1'), _POOL, b'more')
        os.setxattr(self.at('d1'), 'user.mine', b'1')
        trees.write(self.at('d1', 'elsewhere'), b'in another pool')
        before = trees.snapshot(self.source)
        self.assertEqual((), self.backup().problems)
        self.assertStored(before)
        self.assertEqual((), self.restore().problems)
        self.assertSame(before, self.target)
        # Who has the share decides, not the backup.
        for name, attribute in (('d0', _QUOTA), ('d1', _POOL)):
            with self.assertRaises(OSError) as caught:
                os.getxattr(os.path.join(self.target, name), attribute)
            self.assertEqual(errno.ENODATA, caught.exception.errno)

    def test_those_of_the_share_survive_a_restore(self):
        trees.many(self.source, 2, 3)
        self.backup()
        before = trees.snapshot(self.source)
        os.setxattr(self.source, _QUOTA, b'100000000')
        os.setxattr(self.at('d1'), _POOL, b'more')
        trees.write(self.at('d0', 'f0'), b'changed')
        os.unlink(self.at('d1', 'f1'))
        self.assertEqual((), self.restore(target=self.source).problems)
        self.assertSame(before, self.source)
        self.assertEqual(b'100000000', os.getxattr(self.source, _QUOTA))
        self.assertEqual(b'more', os.getxattr(self.at('d1'), _POOL))
        self.assertIn(b'pool=more', os.getxattr(
            self.at('d1', 'f1'), 'ceph.file.layout'))

    def test_a_client_that_may_set_none_of_them(self):
        """A user as Manila makes them: reads and writes, and nothing else."""
        self.everything()
        os.setxattr(self.at('dir'), _QUOTA, b'100000000')
        path = os.path.join(self.scratch, 'user')
        os.mkdir(path)
        client = base.shared().mount(path, 'share', os.path.join(
            '/', os.path.relpath(self.source, base.mounted())))
        self.addCleanup(client.unmount)
        with self.assertRaises(PermissionError):
            os.setxattr(os.path.join(path, 'dir'), _QUOTA, b'1000')
        before = trees.snapshot(path)
        self.assertEqual((), self.backup(source=path).problems)
        self.assertStored(before)
        trees.mutate(path)
        self.assertEqual((), self.restore(target=path).problems)
        self.assertSame(before, path)


class QuotaTest(Own):

    def test_a_share_that_is_too_small(self):
        trees.write(self.at('small'), b'x')
        trees.write(self.at('large'), os.urandom(12 << 20))
        self.backup()
        os.setxattr(self.target, _QUOTA, b'4194304')
        with self.assertRaises(drivers.DriverError) as caught:
            self.restore()
        self.assertEqual(status_codes.StatusCode.NO_SPACE,
                         caught.exception.code)
        self.assertIn('"large"', str(caught.exception))
        with open(os.path.join(self.target, 'small')) as file:
            self.assertEqual('x', file.read())
        os.setxattr(self.target, _QUOTA, b'0')
        self.restore(attempt=2)
        self.assertSame(self.source, self.target)


class SnapshotsTest(Own):
    """The directory that each directory has, and no listing shows."""

    def snapshot(self, *names):
        """Make a snapshot of a directory; its path."""
        path = self.at(*names[:-1], '.snap', names[-1])
        os.mkdir(path)
        self.addCleanup(os.rmdir, path)
        return path

    def test_they_are_not_backed_up(self):
        trees.many(self.source, 2, 3)
        before = trees.snapshot(self.source)
        self.snapshot('one')
        self.snapshot('d0', 'two')
        report = self.backup()
        self.assertEqual(len(before) - 1, report.files)
        self.assertStored(before)
        trees.write(self.at('d0', 'f0'), b'changed')
        self.assertEqual((), self.restore(target=self.source).problems)
        self.assertSame(before, self.source)
        self.assertEqual(['one'], os.listdir(self.at('.snap')))
        self.delete()

    def test_one_as_what_is_backed_up(self):
        """Manila's snapshots of CephFS shares are such directories."""
        self.everything()
        before = trees.snapshot(self.source)
        frozen = self.snapshot('frozen')
        trees.mutate(self.source)
        first = self.backup(source=frozen)
        self.assertEqual((), first.problems)
        self.assertStored(before)
        # And again: of it, only what has changed is copied.
        again = self.snapshot('again')
        # Of the share, the client shows attributes now that were removed.
        changed = trees.snapshot(again)
        report = self.backup(case.place(2), source=again)
        self.assertStored(changed, case.place(2))
        self.assertLess(report.stored_bytes, first.stored_bytes // 4)
        self.restore(target=self.source)
        self.assertSame(before, self.source)

    def test_one_that_is_removed_meanwhile(self):
        trees.many(self.source, 20, 20)
        frozen = self.at('.snap', 'frozen')
        os.mkdir(frozen)
        self.get_ready(case.place())
        process = case.Process(self.driver.backup, case.place(), 1, frozen,
                               {}, None)
        process.wait_for_files(20)
        process.signal(signal.SIGSTOP)
        os.rmdir(frozen)
        process.signal(signal.SIGCONT)
        try:
            process.result()
        except drivers.DriverError as exc:
            self.assertTrue(exc.retryable, exc)
            self.assertNotIn('published', str(self.states()))
        else:
            self.driver.publish(case.place(), 1)
            self.assertStored(self.source)


class Names(test_drivers.PosixMixin, path_case.PathCase):
    """Entries from elsewhere that are called as CephFS calls snapshots."""

    shares_are = False
    lost = ('.snap', 'd/.snap', 'e/.snap')

    def setUp(self):
        super().setUp()
        self.left = test_reserved.fill(self.source)

    def assertLost(self, report, what):
        self.assertEqual(
            [f'"{name}" {what} file system has its snapshots under that name.'
             for name in self.lost], sorted(report.problems))
        self.assertEqual(3, report.missing)

    def assertNoSnapshots(self, root):
        for path in ('', 'd', 'e'):
            self.assertEqual([], os.listdir(os.path.join(root, path,
                                                         '.snap')))


class NamesInRepositoryTest(Names):

    def test_a_backup(self):
        self.assertLost(self.backup(),
                        'is not in the backup: the repository\'s')
        self.assertNoSnapshots(self.data(case.place()))
        self.assertEqual([], self.verify())
        self.restore()
        self.assertSame(self.left, self.target)
        # Of what the backup lacks, a restore leaves what there is.
        before = trees.snapshot(self.source)
        self.restore(target=self.source)
        self.assertSame(before, self.source)


class NamesInShareTest(Names):

    repository_is = False

    def setUp(self):
        super().setUp()
        self.target = self.new()
        self.backup()

    def new(self):
        path = tempfile.mkdtemp(dir=base.mounted())
        self.addCleanup(shutil.rmtree, path)
        return path

    def test_a_restore(self):
        os.chmod(self.source, stat.S_IMODE(os.stat(self.target).st_mode))
        for _ in range(2):
            self.assertLost(self.restore(), 'was not restored: the share\'s')
            self.assertSame(self.left, self.target)
            self.assertNoSnapshots(self.target)

    def test_chosen_paths(self):
        for target, paths in ((None, (b'.',)), (b'new', (b'.',)),
                              (None, (b'.snap', b'd/.snap', b'e/.snap'))):
            self.target = self.new()
            report = self.restore_paths(
                *paths, target=target,
                conflict=selection.Conflict.OVERWRITE)
            text = ' '.join(report.problems)
            for name in self.lost:
                self.assertIn(name, text)
            top = os.path.join(self.target, (target or b'').decode())
            for path in '', 'd', 'e':
                with contextlib.suppress(FileNotFoundError):
                    self.assertEqual([], os.listdir(os.path.join(
                        top, path, '.snap')))
