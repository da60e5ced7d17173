# SPDX-License-Identifier: Apache-2.0
"""Every migration, on every database."""

import os

from alembic import script
import fixtures
import testtools

from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import schema
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
            schema.sync(database, conf, revision.revision)
            self.assertEqual(revision.revision, schema.version(database))
        self.assertEqual([], schema.differences(database))
        # Once more changes nothing.
        schema.sync(database, conf)
        schema.check(database)

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
