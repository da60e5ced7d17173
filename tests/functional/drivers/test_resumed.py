# SPDX-License-Identifier: Apache-2.0
"""Resumed backups on a file system whose client may have lost what was
written: what ``make test-cephfs`` has for real. And on btrfs, where what is
taken over can't be moved."""

import os
import subprocess
from unittest import mock

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from manila_backup.drivers.posix import metadata
from manila_backup.drivers import progress
from manila_backup.fs import btrfs
from manila_backup.fs import durable
from tests.functional import disks
from tests.functional.drivers import test_posix


class ResumedTest(test_posix.PosixMixin, case.Case):

    def test_what_is_taken_over_is_read_again(self):
        trees.many(self.source, 3, 4)
        with (mock.patch.object(metadata, 'write',
                                side_effect=base.DriverError('cut')),
              self.assertRaisesRegex(base.DriverError, 'cut')):
            self.driver.backup(case.place(), 1, self.source, {}, None,
                               progress.Progress())
        left = os.path.join(os.path.dirname(os.path.dirname(self.data(
            case.place()))), f'.partial.{case.place().backup_id}.1')
        path = os.path.join(left, 'data', 'd0', 'f0')
        st = os.stat(path)
        trees.write(path, bytes(st.st_size), st.st_mtime_ns)
        with mock.patch.object(durable, 'can_drop', return_value=True):
            report = self.backup(attempt=2)
        self.assertEqual(st.st_size, report.stored_bytes)
        self.assertEqual([], self.verify())


class BtrfsResumedTest(test_posix.PosixMixin, case.Case):
    """Each attempt's data is a subvolume."""

    def make_driver(self, **kwargs):
        disk = disks.Disk(1 << 30, 'btrfs')
        disk.setUp()
        self.addCleanup(disk.cleanUp)
        self.repository = os.path.join(disk.path, 'repository')
        return driver.PosixDriver(self.repository, 2)

    def left(self, attempt, name='data'):
        return os.path.join(
            self.repository, case.place().project_id, case.place().share_id,
            f'.partial.{case.place().backup_id}.{attempt}', name)

    def cut(self, attempt):
        with (mock.patch.object(metadata, 'write',
                                side_effect=base.DriverError('cut')),
              self.assertRaisesRegex(base.DriverError, 'cut')):
            self.driver.backup(case.place(), attempt, self.source, {}, None,
                               progress.Progress())

    def test_what_is_taken_over_is_cloned(self):
        trees.everything(self.source)
        before = trees.snapshot(self.source)
        self.cut(1)
        self.assertEqual(btrfs.TOP, os.stat(self.left(1)).st_ino)
        damaged = os.path.join(self.left(1), 'large')
        trees.write(damaged, b'', os.stat(damaged).st_mtime_ns)
        report = self.backup(attempt=2)
        self.assertEqual(os.stat(os.path.join(self.source, 'large')).st_size,
                         report.stored_bytes)
        self.assertSame(before, self.data(case.place()))
        self.assertEqual([], self.verify())
        self.assertFalse(os.path.exists(self.left(1, '')))
        self.assertEqual(btrfs.TOP, os.stat(self.data(case.place())).st_ino)
        self.delete()
        self.assertEqual(['manila-backup-repository'],
                         os.listdir(self.repository))

    def test_what_an_older_process_still_writes_is_not_taken(self):
        trees.write(os.path.join(self.source, 'f'), b'content')
        self.cut(1)
        fd = os.open(os.path.join(self.left(1), 'f'), os.O_WRONLY)
        self.addCleanup(os.close, fd)
        self.assertEqual(0, self.backup(attempt=2).stored_bytes)
        try:
            os.write(fd, b'CONTENT')
        except OSError:
            pass    # it is gone
        self.assertEqual([], self.verify())

    def test_a_repository_with_quotas(self):
        top = os.path.dirname(self.repository)
        subprocess.run(['btrfs', 'quota', 'enable', top], check=True)
        trees.write(os.path.join(self.source, 'f'), b'content')
        self.backup()
        self.assertNotEqual(btrfs.TOP,
                            os.stat(self.data(case.place())).st_ino)
