# SPDX-License-Identifier: Apache-2.0
"""The region of the shares is lost: its hosts, its database, its bus. What is
left is a repository that can be reached from elsewhere, and a service that
has never heard of any of it."""

import os
import shutil
import uuid

import fixtures

from tests.functional import cloud
from tests.functional import repositories

SHARES, FILES = 5, 200


class Region(repositories.RepositoryTestCase):

    def setUp(self):
        self.repositories = self.useFixture(fixtures.TempDir()).path
        secret = os.path.join(self.repositories, 'secret')
        with open(secret, 'w') as file:
            os.chmod(secret, 0o600)
            file.write(f'{uuid.uuid4().hex}{uuid.uuid4().hex}\n')
        self.options = {
            'backup__enabled_drivers': 'posix,restic',
            'posix__repository_path': os.path.join(self.repositories,
                                                   'posix'),
            'restic__repository': os.path.join(self.repositories, 'restic'),
            'restic__password_file': secret}
        super().setUp()

    def test_restored_elsewhere(self):
        self.cloud.start()
        kept = {}       # backup's id -> its content
        for number in range(SHARES):
            for driver in ('posix', 'restic'):
                share = self.cloud.create_share()
                made = self.fill(self.cloud.share_path(share['id']), FILES,
                                 1000, number)
                backup, = self.make_backups(
                    share, name=f'of {number}',
                    backup_options={'backup_type': driver})
                kept[backup['id']] = made
        # Its processes die as those of a region do.
        for each in self.cloud.processes:
            each.kill()
        shutil.rmtree(self.cloud.state)

        self.cloud = self.useFixture(cloud.Cloud(
            self.server, **{**self.options, 'host': 'elsewhere'}))
        self.cloud.start()
        self.assertEqual([], self.cloud.rows('SELECT id FROM share_backups'))
        found = self.repository('import')
        self.assertEqual({('imported', 'error')}, {
            (each['result'], each['share']) for each in found})
        self.assertEqual(set(kept), {each['backup_id'] for each in found})
        for backup_id, made in kept.items():
            fresh = self.cloud.create_share()
            self.cloud.ask(202, 'POST', f'/share-backups/{backup_id}/action',
                           {'restore': fresh['id']})
            self.cloud.wait_share(fresh['id'], 'available')
            self.cloud.wait_backup(backup_id, 'available')
            self.assertEqual(
                made, self.content(self.cloud.share_path(fresh['id'])))
        # And life goes on there.
        self.make_backups(fresh)
