# SPDX-License-Identifier: Apache-2.0
"""Texts of a worker about a backup that are longer than a database holds."""

import os

from manila_backup.db import texts
from tests.functional import base
from tests.functional import disks

FILES = 120


class LongTextsMySQL(base.TestCase):

    def setUp(self):
        # An attribute as large as that is more than ext4 can keep.
        self.disk = disks.Disk(48 * disks.MIB)
        self.disk.setUp()
        self.addCleanup(self.disk.cleanUp)
        self.options = {'posix__repository_path': self.disk.path}
        super().setUp()
        self.cloud.start()

    def test_of_a_backup(self):
        share = self.cloud.create_share()
        root = self.cloud.share_path(share['id'])
        # 85 of them are as long as a name can be.
        folder = os.path.join(root, *['備' * 85] * 5)
        os.makedirs(folder)
        for number in range(FILES):
            path = os.path.join(folder, f'{number:03}')
            with open(path, 'w') as file:
                file.write('content')
            os.setxattr(path, 'user.large', b'x' * 8000)
        backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.wait_share(share['id'], 'available')
        said = self.cloud.show_backup(backup['id'], 'admin')['fail_reason']
        self.assertGreater(len(said.encode()), 50_000)
        self.assertLessEqual(len(said.encode()), texts.MAX_BYTES)
        *lines, last = said.splitlines()
        self.assertEqual(f'... and {FILES - len(lines)} more.', last)
        for line in lines:
            self.assertIn('user.large', line)


class LongTextsPostgreSQL(LongTextsMySQL):

    server = 'postgresql'


class LongTextsSQLite(LongTextsMySQL):

    server = 'sqlite'
