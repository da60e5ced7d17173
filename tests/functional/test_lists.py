# SPDX-License-Identifier: Apache-2.0
"""Lists are filtered and sorted alike on every database."""

import os
import uuid

import sqlalchemy as sa
import testtools

from manila_backup import conf as config
from manila_backup.db import backups
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import plans
from manila_backup.db import rows
from manila_backup.db import schema
from manila_backup.db import shares
from manila_backup.db import snapshots
from tests.functional import base
from tests.functional import databases

#: Some are the same but for the case, a space, an accent or how it is written.
NAMES = ('', ' aa', '-', 'AA', 'Aa', 'B', '_', 'a%', 'a_', 'aa', 'aa ',
         'a\u0308a\u0308', 'a\u200b', 'b', 'zz', 'Ää', 'ää', 'é',
         '\U0001f4be', '\\', "'")

#: What MariaDB takes for the same when it sorts: the id decides there.
TWINS = {'aa '}

LISTS = (shares.list_page, backups.list_page, snapshots.list_page,
         plans.list_page)


class FiltersSQLite(testtools.TestCase):

    server = 'sqlite'

    def setUp(self):
        super().setUp()
        conf = config.load(['--config-file', os.devnull], 'test')
        conf.set_override('connection', self.url(), 'database')
        self.database = engine.Database(conf)
        self.addCleanup(self.database.dispose)
        schema.sync(self.database, conf)
        self.database.write(self._fill)

    def url(self):
        """Of an empty database."""
        return self.useFixture(databases.Schema(self.server)).url

    def _fill(self, conn):
        for name in NAMES:
            share_id = str(uuid.uuid4())
            common = dict(project_id='p', status='available', size=1,
                          name=name, description=name)
            rows.insert(conn, models.shares, id=share_id, source='local',
                        share_proto='NFS', properties={'key': name},
                        **common)
            rows.insert(conn, models.share_backups, id=str(uuid.uuid4()),
                        share_id=share_id, backup_type='posix', **common)
            rows.insert(conn, models.snapshots, id=str(uuid.uuid4()),
                        share_id=share_id, share_proto='NFS', **common)
            rows.insert(conn, models.backup_policies, id=str(uuid.uuid4()),
                        project_id='p', timezone='UTC', name=name,
                        description=name)

    def _names(self, list_page, **kwargs):
        return [row.name for row in self.database.read(list_page, 'p',
                                                       **kwargs)]

    def test_filters(self):
        for list_page in LISTS:
            for column in 'name', 'description':
                for name in NAMES:
                    self.assertEqual([name], self._names(
                        list_page, filters={column: name}), name)
                    self.assertEqual(
                        sorted(each for each in NAMES if name in each),
                        sorted(self._names(list_page,
                                           filters={f'{column}~': name})))

    def test_properties(self):
        for name in NAMES:
            self.assertEqual([name], self._names(
                shares.list_page, properties={'key': name}))
            for key in 'KEY', 'key ':
                self.assertEqual([], self._names(
                    shares.list_page, properties={key: name}))

    def test_types(self):
        def read(conn):
            rows.insert(conn, models.share_types, id=str(uuid.uuid4()),
                        name='Type', extra_specs={})
            return [bool(shares.get_type(conn, name))
                    for name in ('Type', 'type', 'Type ')]

        self.assertEqual([True, False, False], self.database.write(read))

    def test_order(self):
        for list_page in LISTS:
            found = [each for each in self._names(
                list_page, sort_key='name', descending=False)
                if each not in TWINS]
            self.assertEqual(sorted(set(NAMES) - TWINS), found)
            found = [each for each in self._names(list_page, sort_key='name')
                     if each not in TWINS]
            self.assertEqual(sorted(set(NAMES) - TWINS, reverse=True), found)


class FiltersMySQL(FiltersSQLite):

    server = 'mysql'


class FiltersPostgreSQL(FiltersSQLite):
    """In a database whose locale sorts as people do."""

    server = 'postgresql'

    def url(self):
        name = f'manila_backup_{uuid.uuid4().hex[:12]}'
        server = sa.create_engine(f'{databases.POSTGRESQL}/postgres',
                                  isolation_level='AUTOCOMMIT')
        self.addCleanup(server.dispose)

        def execute(statement):
            with server.connect() as conn:
                conn.exec_driver_sql(statement)

        execute(f"CREATE DATABASE {name} TEMPLATE template0 "
                f"LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
        self.addCleanup(execute, f'DROP DATABASE {name} WITH (FORCE)')
        return f'{databases.POSTGRESQL}/{name}'


class ServicesMySQL(base.TestCase):

    def list(self):
        return [(each['host'], each['state']) for each in self.cloud.ask(
            200, 'GET', '/services', token='admin:admin')['services']]

    def test_a_worker_after_one_that_was_killed(self):
        killed = self.cloud.start()
        killed.kill()
        self.cloud.start_worker()
        self.cloud.start_worker()
        self.assertEqual([('here', 'up')], self.list())
        self.assertEqual(3, len(self.cloud.rows('SELECT id FROM services')))


class ServicesPostgreSQL(ServicesMySQL):

    server = 'postgresql'
