# SPDX-License-Identifier: Apache-2.0
"""Versions of the schema that the service starts on."""

from manila_backup.db import schema
from manila_backup import exception
from tests.unit import base


class Version(base.TestCase):

    def at(self, version):
        with self.database.engine.begin() as conn:
            conn.exec_driver_sql(
                f"UPDATE alembic_version SET version_num = '{version}'")

    def test_this_release(self):
        schema.check(self.database)
        self.assertFalse(schema.is_newer(schema.version(self.database)))

    def test_older(self):
        self.at('0001')
        said = str(self.assertRaises(exception.ConfigurationError,
                                     schema.check, self.database))
        self.assertIn('at schema version 0001 and must be at', said)
        self.assertNotIn('\n', said)

    def test_none(self):
        with self.database.engine.begin() as conn:
            conn.exec_driver_sql('DELETE FROM alembic_version')
        said = str(self.assertRaises(exception.ConfigurationError,
                                     schema.check, self.database))
        self.assertIn('at schema version none', said)
        self.assertFalse(schema.is_newer(schema.version(self.database)))

    def test_newer(self):
        self.at('0999')
        schema.check(self.database)
        # As manila-backup-all does when it starts.
        schema.sync(self.database, self.conf)
        self.assertEqual('0999', schema.version(self.database))
