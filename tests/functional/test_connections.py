# SPDX-License-Identifier: Apache-2.0
"""Every connection to a database server has the service's ways: the first
one too, which oslo.db makes on its own."""

import sqlalchemy as sa
import testtools

from tests.functional import databases
from tests.unit.api import base


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
