# SPDX-License-Identifier: Apache-2.0
"""A rolling upgrade: what the schemas and the operations of one release are to
the code of another."""


import sqlalchemy as sa

from manila_backup.db import models
from tests.functional import test_commands
from tests.functional import test_upgrade


class NextSchema(test_upgrade.MixedTestCase):
    """The schema of the release after this one, as far as the rules for
    schemas let it go."""

    def setUp(self):
        super().setUp()
        self.cloud.expand()
        with self.cloud.engine.connect() as conn:
            for table in models.Base.metadata.tables:
                conn.exec_driver_sql(
                    f'ALTER TABLE {table} ADD later_text VARCHAR(16)')
                conn.exec_driver_sql(
                    f'ALTER TABLE {table} ADD later_number INTEGER '
                    f'DEFAULT 7 NOT NULL')
            conn.exec_driver_sql(
                'CREATE TABLE later_things (id INTEGER PRIMARY KEY)')
            conn.exec_driver_sql(
                "UPDATE alembic_version SET version_num = '9999'")

    def test_this_release_starts_and_works_on_it(self):
        worker = self.cloud.start()
        self.life()
        self.assertIn('schema version 9999, of a newer release',
                      worker.said())
        self.assertEqual('9999\n', self.cloud.manage('db', 'version'))
        self.assertIn('stays there', self.cloud.manage('db', 'sync'))


class NextSchemaPostgreSQL(NextSchema):

    server = 'postgresql'


class Columns(test_upgrade.MixedTestCase):
    """Columns that the earlier release's code reads and writes: they are still
    there, of the same type, and it needs to write nothing else."""

    def test_of_the_earlier_release(self):
        old = self.cloud.old.says(
            'from manila_backup.db import models',
            '{name: list(table.c.keys()) '
            'for name, table in models.Base.metadata.tables.items()}')
        before = self._columns()
        self.cloud.expand()
        after = self._columns()
        self.assertTrue(old)
        for table, columns in old.items():
            for name in columns:
                self.assertEqual(before[table][name], after[table][name])
            self.assertEqual([], [
                name for name, (_type, null, default) in after[table].items()
                if name not in columns and not null and default is None])

    def _columns(self):
        """(type, whether it may be null, default) by table and column."""
        found = sa.inspect(self.cloud.engine)
        return {table: {each['name']: (str(each['type']), each['nullable'],
                                       each['default'])
                        for each in found.get_columns(table)}
                for table in found.get_table_names()}


class LatestColumns(Columns):

    cloud_class = test_upgrade.LatestCloud


class LeftForOthers(test_upgrade.MixedTestCase):
    """Operations that a worker does not know."""

    def setUp(self):
        super().setUp()
        self.cloud.expand()

    def _ask(self, number, **values):
        """An operation as a newer API may have asked for it, before all
        that this test asks for; its id."""
        id_ = f'later-{number}'
        with self.cloud.engine.connect() as conn:
            conn.execute(sa.insert(models.operations).values(**{
                'id': id_, 'kind': 'create', 'status': 'queued',
                'live': True, 'project_id': 'p1', 'driver': 'posix',
                'backup_id': id_, 'options': {},
                'created_at': sa.text("'2020-01-01'"), **values}))
        return id_

    def test_wait_and_keep_nothing_waiting(self):
        later = [self._ask(number, **values) for number, values in enumerate(
            [dict(kind='backup_praise'), dict(driver='tape'),
             dict(options={'tape_speed': 'fast'})] * 20)]
        # One whose worker, a newer one, has died.
        self._ask('dead', options={'tape_speed': 'slow'},
                  status='running', worker='gone', attempt=1,
                  lease_until=sa.text("'2020-01-01'"))
        worker = self.cloud.start()
        self.life()
        self.assertEqual([(len(later), 'queued', 0), (1, 'running', 1)],
                         self.cloud.rows(
            'SELECT count(*), status, attempt FROM operations '
            "WHERE id LIKE 'later-%%' GROUP BY status, attempt "
            'ORDER BY attempt'))
        self.assertNotIn('later-', worker.said())
        status, said = test_commands.run(
            'status', '--config-file', self.cloud.config, 'upgrade', 'check')
        self.assertEqual(1, status, said)
        for text in ('20 × backup_praise by posix', '20 × create by tape',
                     '21 × create by posix'):
            self.assertIn(text, ' '.join(said.split()))
