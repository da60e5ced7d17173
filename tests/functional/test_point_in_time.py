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
from manila_backup.operations import copying
from manila_backup.shares import base as shares
from manila_backup.shares import local
from tests.functional import cloud
from tests.functional import disks
from tests.functional import test_dying_workers

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

WHOLE = 300_000


class TestWhileWritten(testtools.TestCase):

    def busy(self, kind, mode):
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
            [sys.executable, '-c', _WRITER, path, str(WHOLE)],
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
            place = drivers.Place('p1', 'a-share', f'b-{number}')
            report = copying.backup(
                driver, self.source, self.share,
                self.source.attach(self.share, 'op', True), place, 1, {}, {},
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
        for kind in ('xfs', 'btrfs'):
            for data, told in self.written_to(kind):
                self.assertEqual(0, told)
                self.assertWhole(data)

    def test_live_no_file_is_torn(self):
        for data, told in self.written_to('ext4'):
            if data is None:
                self.assertEqual(1, told)
            else:
                self.assertWhole(data)

    def assertWhole(self, data):
        """Content that the file had between two writes."""
        self.assertEqual(WHOLE, len(data))
        self.assertEqual(1, len(set(data)))


class TestDyingWorkers(test_dying_workers.DyingWorkersTestCase):

    FILES, SIZE = 4000, 6000

    def setUp(self):
        self.disk = disks.Disk(160 * disks.MIB, 'btrfs')
        self.disk.setUp()
        # Before anything else is set up: it is the last to go.
        self.addCleanup(self.disk.cleanUp)
        self.options = {**self.options,
                        'local_shares__path': self.disk.path}
        super().setUp()

    def _big_share(self):
        share = self.cloud.create_share()
        path = os.path.join(self.disk.path, share['id'])
        return share, self.fill(path, self.FILES, self.SIZE)

    def held(self, share):
        folder = os.path.join(self.disk.path, '.held', share['id'])
        return os.listdir(folder) if os.path.isdir(folder) else []

    def caught_backup(self, share):
        """A backup whose making is under way, from a snapshot."""
        for _ in range(5):
            backup = self._caught_backup(share['id'])
            if self.held(share) == [f'{backup["id"]}.1']:
                return backup
            self.cloud.wait_backup(backup['id'], 'available')
        self.fail('no snapshot was seen')

    def nothing_held(self, share):
        cloud.eventually('no leftovers', lambda: not self.held(share))

    def test_no_snapshot_stays(self):
        share, made = self._big_share()
        backup = self.caught_backup(share)
        self.cloud.ask(
            202, 'POST', f'/share-backups/{backup["id"]}/action',
            {'reset_status': {'status': 'error'}}, token='admin:admin')
        self.cloud.wait_share(share['id'], 'available')
        self.nothing_held(share)
        backup = self.caught_backup(share)
        self.worker.kill()
        self.cloud.start_worker()
        backup = self.cloud.wait_backup(backup['id'], 'available')
        self.assertEqual(2, self._attempt(backup['id']))
        self.assertEqual(made, self.content(self.cloud.backup_path(backup)))
        self.nothing_held(share)
        # Where none can be made, the backup is made all the same.
        subprocess.run(['btrfs', '-q', 'subvolume', 'create', os.path.join(
            self.disk.path, share['id'], 'd')], check=True)
        backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        self.assertIn('there are subvolumes in it', self.cloud.show_backup(
            backup['id'], token='admin:p1')['fail_reason'])
