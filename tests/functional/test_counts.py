# SPDX-License-Identifier: Apache-2.0
"""Files with holes may say that they have more bytes than a number in a
database."""

from manila_backup.db import backups
from manila_backup.db import counts
from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import usage
from tests.functional import test_db_errors


class CountsSQLite(test_db_errors.Databases):

    def _backup(self, conn, name, size):
        rows.insert(conn, models.share_backups, id=name, project_id='p',
                    share_id='s', size=1, status='available',
                    backup_type='posix', content_bytes=size,
                    stored_bytes=size)

    def test_more_than_there_is_room_for(self):
        def write(conn):
            rows.insert(conn, models.shares, id='s', project_id='p', size=1,
                        source='local', share_proto='NFS',
                        status='available')
            self._backup(conn, 'one', counts.MOST + 1)
            self._backup(conn, 'two', 3 << 62)

        self.database.write(write)
        row = self.database.read(backups.get, 'one', None)
        self.assertEqual((counts.MOST, counts.MOST),
                         (row.content_bytes, row.stored_bytes))
        found, = self.database.read(usage.of_backups)
        both = 2 * counts.MOST
        for each in (found.content_bytes, found.stored_bytes,
                     self.database.read(usage.backups_of_project, 'p')[2],
                     *(row.stored_bytes for row in
                       self.database.read(backups.count_by_state))):
            # SQLite has it as a fraction.
            self.assertAlmostEqual(1, int(each) / both)

    def test_as_they_are(self):
        def write(conn):
            rows.insert(conn, models.shares, id='s', project_id='p', size=1,
                        source='local', share_proto='NFS',
                        status='available')
            self._backup(conn, 'one', (1 << 52) + 1)
            self._backup(conn, 'two', None)

        self.database.write(write)
        found, = self.database.read(usage.of_backups)
        self.assertEqual(((1 << 52) + 1, (1 << 52) + 1, 1), (
            int(found.content_bytes), int(found.stored_bytes),
            found.measured))


class CountsMySQL(CountsSQLite):

    server = 'mysql'


class CountsPostgreSQL(CountsSQLite):

    server = 'postgresql'
