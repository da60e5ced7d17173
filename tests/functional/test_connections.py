# SPDX-License-Identifier: Apache-2.0
"""Every connection to a database server has the service's ways: the first
one too, which oslo.db makes on its own."""

import os

import fixtures
from oslo_db import exception as db_exc
import sqlalchemy as sa
import testtools

from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import limits
from tests.functional import databases
from tests.functional import proxy
from tests.unit.api import base


def short_limits(seconds):
    """A fixture: the time limits are so many seconds (a str)."""
    return fixtures.MockPatchObject(limits, '_PARAMETERS', {
        driver: {name: seconds if name.endswith('_timeout')
                 and name != 'tcp_user_timeout' else value
                 for name, value in values.items()}
        for driver, values in limits._PARAMETERS.items()})


class ConnectionsMySQL(testtools.TestCase):

    def test_first_connection(self):
        schema = self.useFixture(databases.Schema('mysql'))
        api = self.useFixture(base.Api(database__connection=schema.url))
        for connect in (api.database.reader, api.database.writer):
            with connect() as conn:
                names, isolation = conn.execute(sa.text(
                    'SELECT @@character_set_connection, '
                    '@@tx_isolation')).one()
            self.assertEqual('utf8mb4', names)
            self.assertEqual('READ-COMMITTED', isolation)

    def _session(self, api, name):
        """A session's variable, of what is read and of what is written by."""
        found = []
        for connect in (api.database.reader, api.database.writer):
            with connect() as conn:
                found.append(conn.execute(
                    sa.text(f'SELECT @@SESSION.{name}')).scalar())
        return found

    def test_options_reach_all_connections(self):
        schema = self.useFixture(databases.Schema('mysql'))
        api = self.useFixture(base.Api(
            database__connection=schema.url,
            database__mysql_wsrep_sync_wait=3,
            database__mysql_sql_mode='STRICT_ALL_TABLES'))
        self.assertEqual([3, 3], self._session(api, 'wsrep_sync_wait'))
        self.assertEqual(['STRICT_ALL_TABLES'] * 2,
                         self._session(api, 'sql_mode'))

    def test_options_that_are_not_set(self):
        schema = self.useFixture(databases.Schema('mysql'))
        api = self.useFixture(base.Api(
            database__connection=schema.url, database__mysql_sql_mode=''))
        self.assertEqual([0, 0], self._session(api, 'wsrep_sync_wait'))
        self.assertEqual(['', ''], self._session(api, 'sql_mode'))

    def test_statements_take_as_long_as_they_take(self):
        """Only making a connection has a time limit."""
        self.useFixture(short_limits('1'))
        schema = self.useFixture(databases.Schema('mysql'))
        api = self.useFixture(base.Api(database__connection=schema.url))
        for connect in (api.database.reader, api.database.writer):
            with connect() as conn:
                self.assertEqual(0, conn.execute(
                    sa.text('SELECT SLEEP(3)')).scalar())
                self.assertIsNone(conn.connection.dbapi_connection._sock
                                  .gettimeout())


class Silent(testtools.TestCase):
    """A server that takes connections and says nothing."""

    def test_is_given_up(self):
        self.useFixture(short_limits('2'))
        for kind in ('mysql', 'postgresql'):
            server = sa.make_url(databases.SERVERS[kind])
            silent = self.useFixture(proxy.Proxy('127.0.0.1', 1))
            silent.freeze()
            conf = config.load(['--config-file', os.devnull], 'test')
            conf.set_override('connection', server.set(
                host='127.0.0.1', port=silent.port, database='x'
            ).render_as_string(hide_password=False), 'database')
            database = engine.Database(conf)
            for connect in (database.reader, database.writer):
                self.assertRaises(
                    (db_exc.DBError, sa.exc.OperationalError),
                    connect().__enter__)
