# SPDX-License-Identifier: Apache-2.0
"""Pages of lists: each row once, in one order, with all that belongs to it.
"""

import warnings

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
import testtools

from manila_backup.db import backups
from manila_backup.db import listing
from manila_backup.db import models
from manila_backup.db import shares
from manila_backup.db import snapshots
from tests.unit.api import base


class Pages(testtools.TestCase):

    COUNT = 7

    def setUp(self):
        super().setUp()
        self.database = self.useFixture(base.Api()).database
        warnings.simplefilter('error', sa.exc.SAWarning)
        self.addCleanup(warnings.resetwarnings)
        with self.database.writer() as conn:
            for number in range(3):
                conn.execute(sa.insert(models.share_types).values(
                    id=f't{number}', name=f'type-{number}'))
            for number in range(self.COUNT):
                common = {'project_id': 'p', 'status': 'available',
                          'size': 1}
                conn.execute(sa.insert(models.shares).values(
                    id=f's{number}', source='local', share_proto='NFS',
                    share_type_id=f't{number % 3}', **common))
                conn.execute(sa.insert(models.snapshots).values(
                    id=f'n{number}', share_id=f's{number}',
                    share_proto='NFS', **common))
                conn.execute(sa.insert(models.share_backups).values(
                    id=f'b{number}', share_id=f's{number}',
                    backup_type='posix', **common))

    def _paged(self, list_page, **kwargs):
        found = []
        for offset in range(0, self.COUNT + 2, 2):
            found += self.database.read(list_page, sort_key='id', limit=2,
                                        offset=offset, **kwargs)
        return found

    def _is_whole(self, list_page, **kwargs):
        paged = self._paged(list_page, **kwargs)
        self.assertEqual(self.database.read(list_page, sort_key='id',
                                            **kwargs), paged)
        self.assertEqual(self.COUNT, len(paged))
        return paged

    def test_shares(self):
        for row in self._is_whole(shares.list_page):
            self.assertEqual(f'type-{int(row.id[1:]) % 3}',
                             row.share_type_name)
        self._is_whole(shares.list_page, project_id='p', public=True)

    def test_snapshots(self):
        self._is_whole(snapshots.list_page)

    def test_backups(self):
        self._is_whole(backups.list_page, project_id='p')
        self._is_whole(backups.list_page, filters={'status': 'available'})


class Texts(testtools.TestCase):
    """Conditions about texts."""

    def test_index(self):
        """One is no operand of another, or MariaDB uses no index for it."""
        query = sa.select(models.share_backups.c.id).where(listing.is_text(
            models.share_backups.c.result, 'damaged'))
        said = str(query.compile(dialect=mysql.dialect()))
        self.assertIn('WHERE (share_backups.result = ', said)
        self.assertTrue(said.endswith(')'), said)
