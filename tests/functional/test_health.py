# SPDX-License-Identifier: Apache-2.0
"""``/healthcheck`` fails where the process could not do its work."""

import os
import urllib.error
import urllib.request
import uuid

import sqlalchemy as sa

from tests.functional import base
from tests.functional import cloud
from tests.functional import databases


class HealthTestCase(base.TestCase):

    def check(self):
        """The status of one check, and what it says."""
        try:
            with urllib.request.urlopen(
                    f'http://127.0.0.1:{self.cloud.port}/healthcheck',
                    timeout=cloud.PATIENCE) as found:
                return found.status, found.read().decode()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, exc.read().decode()

    def assert_becomes(self, status, said):
        """The last result is given for a while."""
        def as_expected():
            found, text = self.check()
            return found == status and said in text

        cloud.eventually(f'{status}: {said}', as_expected, pause=0.5)


class Bus(HealthTestCase):

    def with_bus(self, url):
        """A file that says where the bus is."""
        path = os.path.join(self.cloud.root, 'bus.conf')
        with open(path, 'w') as file:
            file.write(f'[DEFAULT]\ntransport_url = {url}\n')
        return path

    def expect(self, url, status, said):
        api = self.cloud.start_api(None, self.with_bus(url))
        self.assert_becomes(status, said)
        api.stop()

    def test_who_is_let_in(self):
        self.cloud.tolerate = '.'
        server = cloud.RABBITMQ.rpartition('@')[2].rstrip('/')
        user = cloud.RABBITMQ.partition('://')[2].rpartition('@')[0]
        self.expect(f'rabbit://{user}@{server}/', 200, 'bus: OK')
        for url in (f'rabbit://guest:wrong@{server}/',
                    f'rabbit://{user}@{server}/no-such-host',
                    f'rabbit://{user}@{server}/?ssl=true'):
            self.expect(url, 503, 'bus: can')
        closed = f'127.0.0.1:{cloud.free_port()}'
        self.expect(f'rabbit://{user}@{closed},{user}@{server}/', 200,
                    'bus: OK')


class ReadOnlyPostgreSQL(HealthTestCase):

    server = 'postgresql'

    def test_read_only(self):
        self.cloud.tolerate = '.'
        with self.cloud.engine.connect() as conn:
            conn.exec_driver_sql(
                f'ALTER DATABASE {self.cloud.database.name} SET '
                f'default_transaction_read_only = on')
        self.cloud.start_api()
        self.assert_becomes(503, 'database: can')
        self.assertIn('bus: OK', self.check()[1])

    def test_without_tables(self):
        self.cloud.start_api()
        self.assert_becomes(200, 'database: OK')
        with self.cloud.engine.connect() as conn:
            conn.exec_driver_sql('DROP TABLE project_locks')
        self.cloud.tolerate = '.'
        self.assert_becomes(503, 'database: can')


class ReadOnlyMySQL(HealthTestCase):

    def test_who_may_only_read(self):
        self.cloud.tolerate = '.'
        user = f'reader_{uuid.uuid4().hex[:8]}'
        name = self.cloud.database.name
        administrator = sa.create_engine(databases.MYSQL,
                                         isolation_level='AUTOCOMMIT')
        self.addCleanup(administrator.dispose)
        with administrator.connect() as conn:
            conn.exec_driver_sql(
                f"CREATE USER '{user}'@'%%' IDENTIFIED BY 'x'")
            conn.exec_driver_sql(f"GRANT SELECT ON {name}.* TO '{user}'@'%%'")
        self.addCleanup(self._drop, administrator, user)
        self.cloud.start_api()
        self.assert_becomes(200, 'database: OK')
        path = os.path.join(self.cloud.root, 'reader.conf')
        url = sa.make_url(self.cloud.database.url).set(
            username=user, password='x')
        with open(path, 'w') as file:
            file.write(f'[database]\nconnection = '
                       f'{url.render_as_string(hide_password=False)}\n')
        self.cloud.processes[-1].stop()
        self.cloud.start_api(None, path)
        self.assert_becomes(503, 'database: can')

    @staticmethod
    def _drop(administrator, user):
        with administrator.connect() as conn:
            conn.exec_driver_sql(f"DROP USER '{user}'@'%%'")
