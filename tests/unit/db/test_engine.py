# SPDX-License-Identifier: Apache-2.0
"""Connections have the service's ways."""

from oslotest import base

from tests.unit.api import base as api_base


class TestEngine(base.BaseTestCase):

    def test_first_connection(self):
        """The one that oslo.db makes on its own, too."""
        api = self.useFixture(api_base.Api())
        with api.database.reader() as conn:
            found = conn.exec_driver_sql('PRAGMA busy_timeout').scalar()
        self.assertEqual(30000, found)
