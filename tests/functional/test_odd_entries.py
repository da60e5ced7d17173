# SPDX-License-Identifier: Apache-2.0
"""Single entries of shares that can't be read or written: through the API,
with each driver."""

import os
import subprocess
import tempfile

from manila_backup.drivers.conformance import trees
from tests.functional import base
from tests.functional import cloud
from tests.functional import disks
from tests.functional import odd_files

DRIVERS = ('posix', 'restic')


class TestCase(base.TestCase):

    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=cloud.FOLDER)
        self.addCleanup(subprocess.run, ['rm', '-rf', self.folder],
                        check=True)
        self.options = {'backup__enabled_drivers': ','.join(DRIVERS),
                        'restic__repository': '$state_path/restic-repository',
                        'local_shares__path': self.place()}
        super().setUp()
        self.cloud.start()
        share = self.cloud.create_share()
        self.share_id = share['id']
        self.addCleanup(self.cloud.wait_share, share['id'], 'available')

    def place(self):
        """A directory for shares."""
        raise NotImplementedError

    def backup(self, driver):
        found = self.cloud.create_backup(
            self.share_id, backup_options={'backup_type': driver})
        self.cloud.wait_backup(found['id'], 'available')
        self.cloud.wait_share(self.share_id, 'available')
        return found['id']

    def restore(self, backup_id):
        self.cloud.ask(202, 'POST', f'/share-backups/{backup_id}/action',
                       {'restore': None})
        self.cloud.wait_backup(backup_id, 'available')
        self.cloud.wait_share(self.share_id, 'available')

    def record(self, backup_id):
        """Return what administrators are told of a backup."""
        return self.cloud.show_backup(backup_id, 'admin')['fail_reason']

    def details(self, backup_id):
        """The numbers of what its owner is told of a backup."""
        answer = self.cloud.request('GET',
                                    f'/messages?resource_id={backup_id}')
        return [each['detail_id'] for each in answer.body['messages']]


class TestReading(TestCase):

    def place(self):
        self.shown = os.path.join(self.folder, 'shown')
        point = os.path.join(self.folder, 'shares')
        os.mkdir(self.shown)
        os.mkdir(point)
        self.odd = odd_files.mount(self, self.shown, point)
        return point

    def test_one_that_can_not_be_read(self):
        share = os.path.join(self.shown, self.share_id)
        made = {f'd0/{name}': name.encode() for name in ('a', 'bad', 'z')}
        os.mkdir(os.path.join(share, 'd0'))
        for name, content in made.items():
            trees.write(os.path.join(share, name), content)
        for code, said in (('EIO', 'Input/output error'),
                           ('EACCES', 'Permission denied')):
            self.odd.set([['open', f'/{self.share_id}/d0/bad', code]])
            made_by = {each: self.backup(each) for each in DRIVERS}
            self.odd.set([])
            for driver, backup_id in made_by.items():
                with self.subTest(driver=driver, code=code):
                    self.assertRegex(self.record(backup_id),
                                     f'(?i)"d0/bad".*{said}')
                    self.assertEqual(['902'], self.details(backup_id))
                    trees.write(os.path.join(share, 'd0/a'), b'changed')
                    trees.write(os.path.join(share, 'd0/bad'), b'newer')
                    os.unlink(os.path.join(share, 'd0/z'))
                    self.restore(backup_id)
                    # What is not in the backup stays as it is.
                    self.assertEqual({**made, 'd0/bad': b'newer'},
                                     self.content(share))


class TestWriting(TestCase):

    def place(self):
        self.disk = disks.Disk(48 * disks.MIB)
        self.disk.setUp()
        self.addCleanup(self.disk.cleanUp)
        return self.disk.path

    def test_one_that_can_not_be_written(self):
        share = os.path.join(self.disk.path, self.share_id)
        made = self.fill(share, 12, 1000)
        made_by = {each: self.backup(each) for each in DRIVERS}
        fixed = os.path.join(share, 'd1', 'f1')
        trees.write(fixed, b'fixed')
        self.disk.lock(fixed)
        self.addCleanup(self.disk.unlock, fixed)
        for driver, backup_id in made_by.items():
            with self.subTest(driver):
                self.assertIsNone(self.record(backup_id))
                trees.write(os.path.join(share, 'd0', 'f0'), b'changed')
                os.unlink(os.path.join(share, 'd1', 'f11'))
                self.restore(backup_id)
                self.assertRegex(self.record(backup_id),
                                 '"d1/f1".*immutable')
                self.assertEqual({**made, 'd1/f1': b'fixed'},
                                 self.content(share))
