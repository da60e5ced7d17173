# SPDX-License-Identifier: Apache-2.0
"""Backups of shares that are written to all the while."""

import json
import os
import subprocess
import sys

import fixtures
import testtools

from manila_backup.drivers import base as drivers
from manila_backup.drivers.posix import driver as posix
from manila_backup.drivers import progress
from manila_backup.engine import child
from manila_backup.fs import handles
from manila_backup.shares import base as shares
from manila_backup.shares import local
from tests.functional import cloud
from tests.functional import disks

# Writes the same number to two files, the one strictly after the other; and
# to the middle of a third one, which is of one letter only between any two
# of these writes.
_WRITER = '''
import os, sys

def replace(name, data):
    fd = os.open(name + "~", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(fd, data)
    os.fsync(fd)
    os.close(fd)
    os.rename(name + "~", name)

os.chdir(sys.argv[1])
whole = os.open("whole", os.O_RDWR | os.O_CREAT)
number = 0
while True:
    for name in ("first", "later/last"):
        replace(name, b"%d" % number)
    os.pwrite(whole, bytes([65 + number % 26]) * int(sys.argv[2]), 0)
    number += 1
    if number == 20:
        print("writing", flush=True)
'''

# Stores one number after the other into all pages of a mapped file, without
# a system call.
_MAPPER = '''
import mmap, os, sys

size = int(sys.argv[2])
fd = os.open(os.path.join(sys.argv[1], "whole"), os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, size)
pages = mmap.mmap(fd, size)
os.close(fd)
contents = [bytes([number]) * size for number in range(8)]
for number in range(8):
    pages[:] = contents[number]
print("writing", flush=True)
while True:
    for content in contents:
        pages[:] = content
'''

WHOLE = 300_000

MAPPED = 16 << 20


class TestWhileWritten(testtools.TestCase):

    def busy(self, kind, mode, program=_WRITER, size=WHOLE):
        """A share in which a program is writing, on a disk of its own."""
        self.disk = self.useFixture(disks.Disk(
            (310 if kind == 'xfs' else 120) * disks.MIB, kind)).path
        self.source = local.LocalShares(self.disk, mode)
        self.share = shares.ShareRef('a-share', 'p1')
        self.source.create(self.share)
        path = self.source.directory(self.share)
        os.mkdir(os.path.join(path, 'later'))
        for number in range(400):
            with open(os.path.join(path, f'f{number}'), 'wb') as file:
                file.write(os.urandom(3000))
        writer = subprocess.Popen(
            [sys.executable, '-c', program, path, str(size)],
            stdout=subprocess.PIPE)
        self.addCleanup(writer.wait)
        self.addCleanup(writer.kill)
        with writer.stdout as said:
            self.assertEqual(b'writing\n', said.readline())

    def backups(self, count):
        """Make backups of it.

        :returns: iterator of (dict of the writer's files in it, its report,
            its metadata).
        """
        driver = posix.PosixDriver(self.useFixture(fixtures.TempDir(
            rootdir=cloud.FOLDER)).path)
        driver.check(create=True)
        for number in range(count):
            place = drivers.BackupReference('p1', 'a-share', f'b-{number}')
            report = child.back_up(
                driver, self.source, self.share,
                shares.Job('op', place.backup_id, 1), place, {}, {},
                progress.Progress())
            driver.publish(place, 1)
            self.assertEqual([], driver.verify(place, progress.Progress()))
            yield self.stored(os.path.join(
                driver.path, 'p1/a-share', place.backup_id), report)

    def stored(self, path, report):
        found = {}
        for name in ('first', 'later/last', 'whole'):
            try:
                with open(os.path.join(path, 'data', name), 'rb') as file:
                    found[name] = file.read()
            except FileNotFoundError:
                pass
        with open(os.path.join(path, 'metadata.json')) as file:
            return found, report, json.load(file)['record']

    def test_a_snapshot_holds_one_instant_of_all_files(self):
        self.busy('btrfs', 'snapshot')
        for found, report, record in self.backups(5):
            first, last = int(found['first']), int(found['later/last'])
            self.assertIn(first - last, (0, 1))
            self.assertEqual(WHOLE, len(found['whole']))
            self.assertEqual((0, 'snapshot'), (report.problem_count,
                                               record['copied_from']))
        self.assertNotIn('.held', os.listdir(self.disk))

    def written_to(self, kind):
        """Back it up live.

        :returns: iterator of (what a backup has of the file that is written
            to in place, or None; how often it says that it has none).
        """
        self.busy(kind, 'live')
        for found, report, record in self.backups(3):
            self.assertEqual('live', record['copied_from'])
            for name in ('first', 'later/last'):
                # One that is always replaced may be in no listing.
                self.assertRegex(found.get(name, b'0'), rb'\A[0-9]+\Z')
            yield found.get('whole'), sum(
                '"whole" was being written' in said
                for said in report.problems)

    def test_live_a_file_is_of_one_instant_by_a_clone(self):
        for data, told in self.written_to('xfs'):
            self.assertEqual(0, told)
            self.assertWhole(data)

    def test_live_no_file_is_torn(self):
        for data, told in self.written_to('ext4'):
            if data is None:
                self.assertEqual(1, told)
            else:
                self.assertWhole(data)

    def test_live_stores_into_mapped_pages_that_show_nowhere(self):
        self.busy('ext4', 'live', _MAPPER, MAPPED)
        for found, report, _ in self.backups(2):
            self.assertNotIn('whole', set(found))
            self.assertIn('"whole" was being written to all the time',
                          report.problems[0])

    def test_names_that_came_after_the_share_was_opened(self):
        share = self.useFixture(disks.Disk(120 * disks.MIB, 'btrfs')).path
        root = os.open(share, os.O_RDONLY | os.O_DIRECTORY)
        self.addCleanup(os.close, root)
        with open(os.path.join(share, 'new'), 'w'):
            pass
        with handles.entries(root) as entries:
            self.assertEqual(['new'], [entry.name for entry in entries])

    def assertWhole(self, data):
        """Content that the file had between two writes."""
        self.assertEqual(WHOLE, len(data))
        self.assertEqual(1, len(set(data)))
