# SPDX-License-Identifier: Apache-2.0
"""Errors of real databases are told as what they are."""

import os

from oslo_db import exception as db_exc
import testtools

from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import schema
from manila_backup import exception
from tests.functional import databases


class Databases(testtools.TestCase):
    """Has a database of one kind, as ``database``."""

    server = 'sqlite'

    def setUp(self):
        super().setUp()
        conf = config.load(['--config-file', os.devnull], 'test')
        conf.set_override('connection', self.useFixture(
            databases.Schema(self.server)).url, 'database')
        self.database = engine.Database(conf)
        self.addCleanup(self.database.dispose)
        schema.sync(self.database, conf)


class ErrorsSQLite(Databases):

    calls = 0

    def _write(self, conn, status):
        self.calls += 1
        rows.insert(conn, models.shares, id='s', project_id='p', size=1,
                    source='local', share_proto='NFS', status='available')
        rows.swap(conn, models.shares, 's', {'status': status}, {})

    def test_failed_check(self):
        """It is told at once: it would fail again."""
        said = self.assertRaises(db_exc.DBConstraintError,
                                 self.database.write, self._write, 'gone')
        self.assertEqual('ck_shares_status', said.check_name)
        self.assertEqual(1, self.calls)
        self.assertEqual(0, self.database.read(rows.count, models.shares))

    def test_failed_check_of_an_insertion(self):
        def write(conn):
            self.calls += 1
            rows.insert(conn, models.shares, id='s', project_id='p', size=1,
                        source='local', share_proto='NFS', status='gone')

        self.assertRaises(db_exc.DBConstraintError, self.database.write,
                          write)
        self.assertEqual(1, self.calls)

    def test_the_same_with_a_status_that_there_is(self):
        self.database.write(self._write, 'error')
        self.assertEqual(1, self.calls)

    def test_other_errors_stay(self):
        self.database.write(self._write, 'error')
        self.assertRaises(db_exc.DBDuplicateEntry, self.database.write,
                          self._write, 'error')
        self.assertRaises(exception.IllegalTransition, self.database.write,
                          rows.update, models.shares, 's',
                          {'status': 'error'})


class ErrorsMySQL(ErrorsSQLite):

    server = 'mysql'


class ErrorsPostgreSQL(ErrorsSQLite):

    server = 'postgresql'
