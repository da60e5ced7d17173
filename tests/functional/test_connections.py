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
