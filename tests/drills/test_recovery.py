# SPDX-License-Identifier: Apache-2.0
"""The database is lost entirely, and made again from the repositories."""

import os

import sqlalchemy as sa

from manila_backup.db import models
from tests.functional import disks
from tests.functional import repositories
from tests.functional import s3

DRIVERS = ('posix', 'nfs', 'restic')

#: Shares for each driver, backups of each share, and files in it.
SHARES, BACKUPS, FILES = 3, 3, 40

#: What an import can't tell as it was: of the process that made a backup, and
#: when it said so, which was after the repository had it. And who asked for a
#: backup is "import" from then on.
NOT_IN_REPOSITORIES = {'updated_at', 'host', 'restore_progress',
                       'completed_at', 'requested_by'}


class Recovery(repositories.RepositoryTestCase):

    def setUp(self):
        self.s3 = s3.S3()
        self.s3.setUp()
        self.addCleanup(self.s3.cleanUp)
        self.disk = disks.Disk(512 * disks.MIB, 'btrfs')
        self.disk.setUp()
        self.addCleanup(self.disk.cleanUp)
        export = os.path.join(self.disk.root, 'export')
        os.mkdir(export)
        credentials = os.path.join(self.s3.folder, 'credentials')
        with open(credentials, 'w') as file:
            os.chmod(credentials, 0o600)
            for each in self.s3.environment.items():
                file.write('{}={}\n'.format(*each))
        self.options = {
            'backup__enabled_drivers': ','.join(DRIVERS),
            'quota__backups': -1, 'quota__backup_gigabytes': -1,
            'nfs__export': export,
            'nfs__mount_template': 'bindfs {export} {path}',
            'restic__repository': self.s3.way.url('manila'),
            'restic__environment_file': credentials}
        super().setUp()

    def test_everything_from_the_repositories(self):
        self.cloud.start()
        kept = {}       # backup's id -> what was in the share then
        shares = {}     # share's id -> its driver
        for driver in DRIVERS:
            for number in range(SHARES):
                share = self.cloud.create_share()
                shares[share['id']] = driver
                for turn in range(BACKUPS):
                    made = self.fill(self.cloud.share_path(share['id']),
                                     FILES, 2000, 100 * number + turn)
                    backup, = self.make_backups(
                        share, name=f'{driver} {turn}', description='d\u00f6',
                        backup_options={'backup_type': driver})
                    kept[backup['id']] = made
        before = self.rows_of_backups()
        self.assertEqual(set(kept), set(before))

        self.lose()
        self.assertEqual({}, self.rows_of_backups())
        self.assertEqual(
            {'imported'}, {each['result'] for each in
                           self.repository('import')})
        after = self.rows_of_backups()
        for backup_id, row in before.items():
            self.assertEqual(row, after[backup_id])
        self.assertEqual(set(before), set(after))
        self.assertEqual({'sound'}, {
            each['result'] for each in self.repository('verify', '--all')})

        for backup_id, made in kept.items():
            share = before[backup_id]['share_id']
            self.cloud.ask(202, 'POST', f'/share-backups/{backup_id}/action',
                           {'restore': None})
            self.cloud.wait_share(share, 'available')
            self.cloud.wait_backup(backup_id, 'available')
            self.assertEqual(made,
                             self.content(self.cloud.share_path(share)))

    def lose(self):
        """Have nothing left of the database, nor of who used it."""
        for each in self.cloud.processes:
            each.stop()
        with self.cloud.engine.connect() as conn:
            found = sa.MetaData()
            found.reflect(conn)
            found.drop_all(conn)
        self.cloud.manage('db', 'sync')
        self.cloud.start()

    def rows_of_backups(self):
        """Rows of all backups: dict of id to dict."""
        with self.cloud.engine.connect() as conn:
            return {row.id: {name: value for name, value in
                             row._mapping.items()
                             if name not in NOT_IN_REPOSITORIES}
                    for row in conn.execute(
                        models.Base.metadata.tables[
                            'share_backups'].select())}
