# SPDX-License-Identifier: Apache-2.0
"""Every migration, on every database."""

import os
import re

from alembic import script
import fixtures
from oslo_db import exception as db_exc
import sqlalchemy as sa
import testtools

from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import schema
from manila_backup.db import transitions
from manila_backup import states
from tests.functional import databases


class Migrations(testtools.TestCase):

    def _database(self, url):
        conf = config.load(['--config-file', os.devnull], 'test')
        conf.set_override('connection', url, 'database')
        database = engine.Database(conf)
        self.addCleanup(database.dispose)
        return conf, database

    def _walk(self, url):
        conf, database = self._database(url)
        self.assertIsNone(schema.version(database))
        revisions = script.ScriptDirectory.from_config(
            schema.config()).walk_revisions()
        for revision in reversed(list(revisions)):
            if revision.revision == '0010':
                self._insert(database)
            schema.sync(database, conf, revision.revision)
            self.assertEqual(revision.revision, schema.version(database))
        self.assertEqual([], schema.differences(database))
        self._check_statuses(database)
        self._check_words(database)
        # Once more changes nothing.
        schema.sync(database, conf)
        schema.check(database)

    def _insert(self, database):
        """A share with a status that does not exist, and what refers to
        it."""
        with database.writer() as conn:
            rows.insert(conn, models.shares, id='s', project_id='p', size=1,
                        source='local', share_proto='NFS', status='lost')
            rows.insert(conn, models.access_rules, id='r', share_id='s',
                        access_type='ip', access_to='x', access_level='rw',
                        state='active')

    def _check_words(self, database):
        """Check what the database lets the other enumerations be."""
        table = models.share_backups
        there = {each['name']: each['sqltext'] for each in
                 sa.inspect(database.engine).get_check_constraints(
                     table.name)}
        for name, kind in (('result', states.Result),
                           ('point_in_time', states.PointInTime),
                           ('requested_by', states.Requester),
                           ('verified_result', states.Verified)):
            model, = [str(each.sqltext) for each in table.c[name].constraints]
            for text in there[f'ck_share_backups_{name}'], model:
                self.assertEqual(sorted(map(str, kind)),
                                 sorted(re.findall(r"'(\w+)'", text)))

    def _check_statuses(self, database):
        """Check what the database lets a status be, and what it had before."""
        inspector = sa.inspect(database.engine)
        for table, kind in transitions.STATUSES.items():
            there, = [each['sqltext'] for each in
                      inspector.get_check_constraints(table.name)
                      if each['name'] == f'ck_{table.name}_status']
            model, = [str(each.sqltext) for each in table.c.status.constraints
                      if isinstance(each, sa.CheckConstraint)]
            for text in there, model:
                self.assertEqual(sorted(map(str, kind)),
                                 sorted(re.findall(r"'(\w+)'", text)))
        self.assertEqual([('shares', 's', 'lost')],
                         database.read(transitions.strange))
        self.assertEqual(1, database.read(rows.count, models.access_rules))

        def put(status):
            return database.write(rows.swap, models.shares, 's',
                                  {'status': status}, {})

        self.assertRaises(db_exc.DBError, put, 'gone')
        self.assertTrue(database.write(
            transitions.override, models.shares, 's', states.Share.ERROR,
            states.Override.RESET_STATUS, 'lost'))
        self.assertRaises(db_exc.DBError, put, 'lost')
        self.assertEqual([], database.read(transitions.strange))
        # The connection that the migrations were run on has gone.
        self.assertRaises(
            db_exc.DBError, database.write, rows.insert, models.access_rules,
            id='x', share_id='none', access_type='ip', access_to='x',
            access_level='rw', state='active')

    def test_sqlite(self):
        self._walk(f'sqlite:///{self.useFixture(fixtures.TempDir()).path}/d')

    def test_mysql(self):
        self._walk(self.useFixture(databases.Schema('mysql')).url)

    def test_postgresql(self):
        self._walk(self.useFixture(databases.Schema('postgresql')).url)

    def test_a_difference_is_found(self):
        url = self.useFixture(databases.Schema('mysql')).url
        conf, database = self._database(url)
        schema.sync(database, conf)
        with database.writer() as conn:
            conn.exec_driver_sql(
                f'ALTER TABLE {models.share_backups.name} '
                f'DROP COLUMN fail_reason')
        self.assertNotEqual([], schema.differences(database))
